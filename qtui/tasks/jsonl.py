"""Reading JSON: files with an object per line (JSON Lines), and files that are one list of objects.

Lines end only at line feeds: `str.splitlines` would also split at U+2028 and U+0085, which JSON allows inside strings and Japanese
web text contains.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.files import input_file, other_formats, text_decoding
from qtui.files.text_decoding import Decoded
from qtui.tasks.columns import ColumnMap, is_known
from qtui.tasks.table import Record, Table, columns_of, listed, quoted, type_name

ADVICE = f'{text_decoding.ADVICE[:-1]}, or name its encoding: [tasks] encoding = "…".'


class _RepeatedKeyError(ValueError):
    """An object has a key twice with different values; JSON's reader would take the last one without a word."""


def json_lines(path: Path, columns: ColumnMap) -> Table:
    """The objects of a file with one per line; blank lines are skipped. Raises UserError with file and line."""
    return lines_of_text(read_text(path, columns.encoding), path)


def imported_lines(path: Path) -> Table:
    """The same for an importer, which has no experiment to say what the columns are."""
    decoded = text_decoding.decode(read_bytes(path), path)
    return replace(lines_of_text(decoded, path), can_be_mapped=False)


def lines_of_text(decoded: Decoded, path: Path) -> Table:
    """The objects of a text with one per line."""
    records = tuple(_lines(decoded.text, path))
    return Table(path, records, columns_of(records), decoded.note(path))


def json_list(path: Path, columns: ColumnMap) -> Table:
    """The objects of a file that is one list, or an object around one list, or JSON Lines under another name."""
    return list_of_text(read_text(path, columns.encoding), path)


def list_of_text(decoded: Decoded, path: Path) -> Table:
    """The objects of a text that is one list, or an object around one list, or JSON Lines."""
    if not decoded.text.strip():
        return Table(path, (), ())
    try:
        value = _loaded(decoded.text, str(path))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return lines_of_text(decoded, path)
        raise UserError(f"{path}:{error.lineno}: not JSON: {_words(error)}") from None
    records = tuple(_items(value, path))
    return Table(path, records, columns_of(records), decoded.note(path))


def read_text(path: Path, encoding: str | None = None) -> Decoded:
    content = read_bytes(path)
    if other_formats.is_web_page(content):
        raise UserError(f"{path}: is a web page, not a task set. Does a download need a login, or another address?")
    return text_decoding.decode(content, path, encoding, ADVICE)


def read_bytes(path: Path) -> bytes:
    try:
        return input_file.read(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder, not a file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _lines(text: str, path: Path) -> Iterator[Record]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            where = f"{path}:{number}"
            yield Record(where, _object(line, where))


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        value = _loaded(line, where)
    except json.JSONDecodeError as error:
        is_spread = line.strip() in ("[", "{")
        hint = ". If the file is one list of objects, its name must end in .json" if is_spread else ""
        raise UserError(f"{where}: not JSON: {_words(error)}{hint}") from None
    if not isinstance(value, dict):
        raise UserError(f"{where}: {type_name(value)}, not an object. Every line must be one {{…}}")
    return value


def _words(error: json.JSONDecodeError) -> str:
    return f"{error.msg.removesuffix(' at')} at column {error.colno}"


def _items(value: Any, path: Path) -> Iterator[Record]:
    """The records of a list of objects. An object around exactly one such list (`{"version": …, "data": […]}`) stands for it."""
    name = "item"
    if isinstance(value, dict):
        lists = [key for key, inner in value.items() if _is_list_of_objects(inner) and not is_known(key)]
        if any(is_known(key) for key in value) and not lists:
            yield Record(f"{path}: the only item", value)
            return
        if len(lists) != 1:
            raise UserError(f"{path}: is one object, not a list of tasks (keys: {listed(value)}). Save the list alone.")
        name, value = f"item of {quoted(lists[0])}", value[lists[0]]
    if not isinstance(value, list):
        raise UserError(f"{path}: is {type_name(value)}, not a list of tasks")
    for number, item in enumerate(value, start=1):
        if not isinstance(item, dict):
            raise UserError(f"{path}: {name} {number} is {type_name(item)}, not an object")
        yield Record(f"{path}: {name} {number}", item)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _loaded(text: str, where: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_without_repeated_keys)
    except json.JSONDecodeError:
        raise
    except _RepeatedKeyError as error:
        raise UserError(f"{where}: {error}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{where}: JSON that cannot be read: a number is too long or nesting is too deep") from None


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        for key, value in pairs:
            if values[key] != value:
                raise _RepeatedKeyError(f"{quoted(key)} is there twice, with different values")
    return values
