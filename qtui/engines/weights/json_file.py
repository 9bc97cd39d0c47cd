"""JSON files that come with a model: settings of a checkpoint or of its tokenizer."""

import json
from pathlib import Path
from typing import Any

from qtui.engines.weights import file_faults
from qtui.errors import UserError


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a model's JSON file; empty if there is no such file.

    Raises UserError if the file is damaged, a link to nothing, or something else than a JSON object.
    """
    file_faults.check_link(file)
    if not file.is_file():
        return {}
    try:
        data = file.read_bytes()
        if fault := file_faults.fault_of(data[: file_faults.START_BYTES]):
            raise UserError(f"{file}: {fault}")
        content = json.loads(data.decode("utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({error}); download the model again") from None
    if not isinstance(content, dict):
        raise UserError(f"{file}: is not a JSON object but a {type(content).__name__}; download the model again")
    return content
