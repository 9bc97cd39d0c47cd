"""Reading task files into tables: JSON, CSV, tab-separated text, Parquet."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.files import input_file, parsing, text_decoding
from qtui.files.text_decoding import Decoded
from qtui.format import count
from qtui.tasks.columns import ColumnMap, beside, is_known, normal
from qtui.tasks.jsonl import ADVICE, json_lines, json_list, lines_of_text, list_of_text, read_bytes, read_text
from qtui.tasks.table import Record, Table, listed

LONGEST_CELL = 2**31 - 1
SEPARATORS = {"\t": "tabs", ";": "semicolons"}
"""What spreadsheets write in place of commas: as "Unicode text", and where the comma is the decimal sign."""

Row = tuple[int, list[str]]
"""The first line of a row, and its cells."""


def csv_table(path: Path, columns: ColumnMap) -> Table:
    """Rows of a file with a header; rows of empty cells are skipped. Line ends inside a cell become newlines."""
    return _separated(path, columns, ",")


def tsv_table(path: Path, columns: ColumnMap) -> Table:
    return _separated(path, columns, "\t")


def parquet_table(path: Path, columns: ColumnMap) -> Table:
    """Rows of a Parquet file; only columns that may be used are read."""
    import pyarrow
    import pyarrow.parquet

    try:
        input_file.check(path)
    except OSError:
        read_bytes(path)  # raises a UserError with the reason
    try:
        names = pyarrow.parquet.read_schema(path).names
        wanted = {normal(name) for name in columns.names}
        wanted |= {normal(name) for name in beside(names)}
        used = [name for name in names if is_known(name) or name in columns.names or normal(name) in wanted]
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path, columns=used).to_pylist()
    except Exception as error:  # damaged files raise more than the library's own exceptions
        raise UserError(f"{path}: not a readable Parquet file: {parsing.reason(error)}") from error
    every = dict.fromkeys(names)  # a message about a row lists all columns
    records = (Record(f"{path}: row {number}", every | row) for number, row in enumerate(rows, start=1))
    unread = tuple(name for name in names if name not in used)
    return Table(path, tuple(records), tuple(names), unread=unread, repeated=_repeated(names))


READERS: dict[str, Callable[[Path, ColumnMap], Table]] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_list,
    ".csv": csv_table,
    ".tsv": tsv_table,
    ".parquet": parquet_table,
}
SUFFIXES = ".jsonl, .json, .csv, .tsv or .parquet"


def table_of_bytes(content: bytes, path: Path, header: Sequence[str] = ()) -> Table:
    """The rows of a text file with this content: one of an archive, or one whose columns `header` names because it has none itself.

    `path` is its name in messages, and its suffix says its format. Raises UserError for Parquet, which is no text.
    """
    decoded = text_decoding.decode(content, path, None, ADVICE)
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _separated_text(decoded, path, "\t" if suffix == ".tsv" else ",", list(header))
    if suffix in (".jsonl", ".ndjson"):
        return lines_of_text(decoded, path)
    if suffix == ".json":
        return list_of_text(decoded, path)
    raise UserError(f"{path}: cannot be read here: only .jsonl, .json, .csv and .tsv can be inside an archive.")


def _separated(path: Path, columns: ColumnMap, separator: str) -> Table:
    return _separated_text(read_text(path, columns.encoding), path, separator, [])


def _separated_text(decoded: Decoded, path: Path, separator: str, header: list[str]) -> Table:
    csv.field_size_limit(LONGEST_CELL)
    actual = separator if header else _separator(decoded.text, path, separator)
    rows = _rows(decoded.text, path, actual)
    if not header:
        _, header = next(rows, (1, []))
    records = tuple(_records(rows, header, path))
    notes = () if actual == separator else (f"{path}: its cells are separated by {SEPARATORS[actual]}.",)
    return Table(path, records, tuple(header), (*decoded.note(path), *notes), repeated=_repeated(header))


def _separator(text: str, path: Path, usual: str) -> str:
    """The usual one, unless the header has one cell with it and several with another one."""
    _, header = next(_rows(text, path, usual), (1, []))
    others = [other for other in SEPARATORS if other != usual and len(header) == 1 and other in header[0]]
    if len(others) > 1:
        raise UserError(
            f"{path}:1: it is unclear what separates the cells of the header ({listed(header)}). Save it with commas."
        )
    return others[0] if others else usual


def _records(rows: Iterator[Row], header: list[str], path: Path) -> Iterator[Record]:
    for line, cells in rows:
        if len(cells) != len(header):
            raise UserError(f"{path}:{line}: {count(len(cells), 'cell')}, but the header has {len(header)}")
        if any(cell.strip() for cell in cells):
            yield Record(f"{path}:{line}", dict(zip(header, cells, strict=True)))


def _rows(text: str, path: Path, separator: str) -> Iterator[Row]:
    """The rows of a file; blank lines are skipped."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise UserError(f"{path}:{line}: not CSV: {error}") from None
        if cells:
            yield line, [cell.replace("\r\n", "\n") for cell in cells]


def _repeated(header: list[str]) -> frozenset[str]:
    return frozenset(name for name in header if name.strip() and header.count(name) > 1)
