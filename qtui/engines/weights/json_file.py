"""JSON files that come with a model: settings of a checkpoint or of its tokenizer."""

import json
from pathlib import Path
from typing import Any

from qtui.errors import UserError


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a model's JSON file; empty if there is no such file. Raises UserError if it is damaged."""
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{file}: cannot be read as JSON ({error}); download the model again") from None
    return content if isinstance(content, dict) else {}
