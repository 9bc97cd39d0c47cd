"""JSON files that come with a model: settings of a checkpoint or of its tokenizer."""

import json
from pathlib import Path
from typing import Any

from qtui.engines.weights import file_faults
from qtui.errors import UserError
from qtui.files import input_file
from qtui.files.parsing import parsing

AGAIN = "download the model again"
MOST_BYTES = 512 * 1024 * 1024
"""Of a JSON file; the largest tokenizers have 40 MB."""


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a model's JSON file; empty if there is no such file.

    Raises UserError if the file is damaged, a link to nothing, or something else than a JSON object.
    """
    file_faults.check_link(file)
    if not file.is_file():
        return {}
    with parsing(file, "JSON", AGAIN):
        data = input_file.read(file, MOST_BYTES)
    if fault := file_faults.fault_of(data[: file_faults.START_BYTES]):
        raise UserError(f"{file}: {fault}")
    return parse_object(data, file)


def parse_object(data: bytes | str, where: object) -> dict[str, Any]:
    """Return the object that a text of JSON is. Raises UserError, with `where`, if it is none."""
    with parsing(where, "JSON", AGAIN):
        content = json.loads(data.decode("utf-8") if isinstance(data, bytes) else data)
    if not isinstance(content, dict):
        raise UserError(f"{where}: is not a JSON object but a {type(content).__name__}; {AGAIN}")
    return content
