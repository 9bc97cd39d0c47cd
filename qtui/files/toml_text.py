"""Parsing TOML files, and their values in messages: whatever is wrong with a text is one sentence with file and line."""

import datetime
import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from qtui.errors import UserError

LONGEST_VALUE = 60
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_KEY = re.compile(r"\((('[^']*',? ?)+)\)")
"""A key as the library writes it: a tuple of names."""


def parse(text: str, path: Path) -> dict[str, Any]:
    """Return the table of a file's text. Raises UserError with file and line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        where = f"{path}:{place[1]}" if place and place[1] else f"{path}:{len(text.rstrip().splitlines()) or 1}"
        raise UserError(f"{where}: is not valid TOML: {_words(str(error))}.") from None
    except (ValueError, RecursionError):
        problem = "a number is too long, or tables and lists are nested too deeply"
        raise UserError(f"{path}: is TOML that cannot be read: {problem}.") from None


def shown(value: Any) -> str:
    """The value as TOML writes it, without the content of tables and lists."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = json.dumps(value, ensure_ascii=False)
            return text if len(text) <= LONGEST_VALUE else f'{text[:LONGEST_VALUE]}…"'
        case float() if math.isnan(value):
            return "nan"
        case int() | float():
            digits = str(value) if not isinstance(value, int) or value.bit_length() < 1000 else "a number this long"
            return digits if len(digits) <= LONGEST_VALUE else f"{digits[:LONGEST_VALUE]}…"
        case datetime.date() | datetime.time():
            return value.isoformat()
        case dict():
            return "a table"
    return "an empty list" if not value else "a list"


def _words(message: str) -> str:
    """The library's words with a key as TOML writes it. What people most often write wrong is said."""
    words = _KEY.sub(lambda key: ".".join(re.findall(r"'([^']*)'", key[1])), message)
    if message.startswith("Invalid value"):
        words += ". A text needs quotes"
    if message.startswith("Illegal character '\\n'"):
        words += ". A text in quotes ends on its line"
    return words
