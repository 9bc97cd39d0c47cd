"""JSON lines as they come from elsewhere: every line either a JSON object with a place to name, or an error that names the place.

Read as bytes and split at line feeds only: `str.splitlines` would also split at U+2028 and U+0085, which JSON allows inside a
string and Japanese web text contains.
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

    def missing(self, wanted: str) -> UserError:
        return UserError(f'{self.where}: no "{wanted}" (keys: {_listed(self.values)})')

    def wrong_type(self, key: str, wanted: str) -> UserError:
        return UserError(f'{self.where}: "{key}" is {_type_name(self.values[key])}, not {wanted}')


def records(path: Path) -> Iterator[Record]:
    """The objects of a file in its order; blank lines are passed over. Raises UserError with file and line."""
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
    """The text with lone surrogates replaced: JSON escapes can spell them, UTF-8 and so the store cannot hold them."""
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
        raise UserError(f"{where}: not JSON that can be read: a number too long or nesting too deep") from None
    if not isinstance(value, dict):
        raise UserError(f"{where}: {_type_name(value)}, not an object: one {{…}} per line is expected")
    return value


def _listed(values: dict[str, Any]) -> str:
    """Key names as JSON would escape them where they are not printable: they come from outside."""
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
