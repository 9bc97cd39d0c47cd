"""Reading JSON Lines files: every line is a JSON object, or a UserError names its file and line.

Files are split only at line feeds: `str.splitlines` would also split at U+2028 and U+0085, which JSON allows inside strings and
Japanese web text contains.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.files import input_file

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
KEYS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a file. `where` is `file:line`, for messages."""

    where: str
    values: dict[str, Any]

    def missing(self, key: str) -> UserError:
        return UserError(f'{self.where}: no "{key}" (keys: {_listed(self.values)})')

    def wrong_type(self, key: str, expected: str) -> UserError:
        return UserError(f'{self.where}: "{key}" is {_type_name(self.values[key])}, not {expected}')


def records(path: Path) -> Iterator[Record]:
    """The objects of a file in order; blank lines are skipped. Raises UserError with file and line."""
    for number, line in enumerate(read_bytes(path).removeprefix(BYTE_ORDER_MARK).split(b"\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield Record(where, _object(line, where))


def read_bytes(path: Path) -> bytes:
    try:
        return input_file.read(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def storable(text: str) -> str:
    """The text with lone surrogates replaced: JSON escapes can contain them, but UTF-8, and so the store, cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UserError(
            f"{where}: not UTF-8 (byte {error.start + 1} of the line). Convert the file to UTF-8."
        ) from None
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{where}: JSON that cannot be read: a number is too long or nesting is too deep") from None
    if not isinstance(value, dict):
        raise UserError(f"{where}: {_type_name(value)}, not an object. Every line must be one {{…}}")
    return value


def _listed(values: dict[str, Any]) -> str:
    """The keys for a message, escaped as in JSON if not printable: they come from a foreign file."""
    names = [name if name.isprintable() else json.dumps(name) for name in values]
    more = f", and {len(names) - KEYS_SHOWN} more" if len(names) > KEYS_SHOWN else ""
    return (", ".join(names[:KEYS_SHOWN]) or "none") + more


def _type_name(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
    return "an object"
