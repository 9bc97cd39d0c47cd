"""Parsing TOML files, and their values in messages: whatever is wrong with a text is one sentence with file and line.

Nothing else calls the parser, which may raise more than it says and takes hours for some texts.
"""

import datetime
import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.files.parsing import parsing

LONGEST_VALUE = 60
TOO_DEEP = "a number is too long, or tables and lists are nested too deeply"
DEEPEST = 64
"""Levels of tables and lists, and parts of a dotted key. The parser's time grows with the square of a key's parts."""
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_KEY = re.compile(r"\((('[^']*',? ?)+)\)")
"""A key as the library writes it: a tuple of names."""
_TOKEN = re.compile(
    r'"""(?:\\.|[^"\\]|"(?!""))*+(?:"{3,5}|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5}|\Z)"
    r'|"(?:\\.|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+|[\[{]|[\]}]|\.|[=,\n]",
    re.DOTALL,
)
"""Strings and comments, which may have any sign in them, and the signs that make levels. Read once through, from start to end."""


def parse(text: str, path: Path) -> dict[str, Any]:
    """Return the table of a file's text, of at most `DEEPEST` levels. Raises UserError with file and line."""
    deep = _too_deep(text)
    if deep is not None:
        line = text.count("\n", 0, deep) + 1
        raise UserError(
            f"{path}: is TOML that cannot be read: {TOO_DEEP} (line {line}: more than {DEEPEST} levels, or parts of a key)."
        )
    with parsing(path, "TOML", "correct the file."):
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.search(str(error))
            where = f"{path}:{place[1]}" if place and place[1] else f"{path}:{len(text.rstrip().splitlines()) or 1}"
            raise UserError(f"{where}: is not valid TOML: {_words(str(error))}.") from None
        except ValueError:
            raise UserError(f"{path}: is TOML that cannot be read: {TOO_DEEP}.") from None


def _too_deep(text: str) -> int | None:
    """The place of the first sign that opens a level too many; None if no level is too deep."""
    depth = parts = 0
    for found in _TOKEN.finditer(text):
        sign = found[0]
        if sign in ("[", "{"):
            depth, parts = depth + 1, 0
        elif sign == ".":
            parts += 1
        elif sign in ("]", "}"):
            depth, parts = max(0, depth - 1), 0
        elif sign in ("=", ",", "\n"):
            parts = 0
        if max(depth, parts) > DEEPEST:
            return found.start()
    return None


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
