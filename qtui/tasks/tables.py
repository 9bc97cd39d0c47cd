"""Reading task files into records that know their place: JSON Lines, CSV, Parquet."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.files import input_file
from qtui.tasks import fields
from qtui.tasks.jsonl import BYTE_ORDER_MARK, Record, read_bytes, records

LONGEST_CELL = 2**31 - 1


def csv_records(path: Path) -> Iterator[Record]:
    """Rows of a comma-separated file with a header. Line ends inside a cell become newlines."""
    csv.field_size_limit(LONGEST_CELL)
    rows = _csv_rows(path)
    header = next(rows, (1, []))[1]
    for line, cells in rows:
        if len(cells) != len(header):
            raise UserError(f"{path}:{line}: {len(cells)} cells, but the header has {len(header)}")
        yield Record(f"{path}:{line}", dict(zip(header, cells, strict=True)))


def parquet_records(path: Path) -> Iterator[Record]:
    """Rows of a Parquet file; only the columns of task fields are read."""
    import pyarrow
    import pyarrow.parquet

    try:
        input_file.check(path)
    except OSError:
        read_bytes(path)  # raises a UserError with the reason
    try:
        columns = pyarrow.parquet.read_schema(path).names
        used = [name for name in columns if name in (*fields.INPUT, *fields.REFERENCE, *fields.CRITERIA)]
        if not set(used) & set(fields.INPUT):
            raise Record(str(path), dict.fromkeys(columns)).missing("input")
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path, columns=used).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None
    for number, row in enumerate(rows, start=1):
        yield Record(f"{path}: row {number}", row)


READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".jsonl": records,
    ".csv": csv_records,
    ".parquet": parquet_records,
}
SUFFIXES = ".jsonl, .csv or .parquet"


def _text(path: Path) -> str:
    content = read_bytes(path).removeprefix(BYTE_ORDER_MARK)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}:{line}: not UTF-8. Save the file as UTF-8 (in Excel: CSV UTF-8).") from None


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (first line of the row, its cells); blank lines are skipped."""
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
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
