"""The rows of a task set from files: of a folder, of a file, of an archive.

In a folder, the files of a split are those whose path has the split as a word, as the hub's own library finds them.
"""

import fnmatch
import gzip
import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from qtui.errors import UserError
from qtui.files import input_file
from qtui.files.parsing import parsing
from qtui.task_sets.definition import Definition, Source
from qtui.tasks import tables
from qtui.tasks.columns import ColumnMap
from qtui.tasks.jsonl import read_bytes
from qtui.tasks.table import Record, listed

FILE = "_file"
"""A column that every row from a file has: the file's name without its suffix."""
SHOWN = 8
_TEXT = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one split, and where they were read."""

    records: tuple[Record, ...]
    address: str
    """Where they come from, with the commit if it is known: `hf:openai/gsm8k@0123… main test`, or a path."""


def value(record: Record, name: str) -> Any:
    """The value in a column; `a.b` is the field `b` of the column `a`, of each item if that is a list.

    Raises UserError with the row's place and its columns if there is no such column.
    """
    if name in record.values:
        return record.values[name]
    head, _, rest = name.partition(".")
    inner = record.values.get(head)
    if rest and isinstance(inner, dict) and rest in inner:
        return inner[rest]
    if rest and isinstance(inner, list) and all(isinstance(item, dict) and rest in item for item in inner):
        return [item[rest] for item in inner]
    raise record.missing(name)


def from_path(definition: Definition, path: Path, split: str) -> Rows:
    """The rows of a split from a file or folder. Raises UserError with what is there if no file has the split."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder (the task set {definition.name})")
    source = definition.source
    if path.is_file():
        if split != source.split:
            raise UserError(
                f"{definition.name}: its examples come from the split {split}, and {path} is one file. Name a folder with both, "
                "or set examples = 0."
            )
        return Rows(_file_records(definition, path, path.name), str(path))
    archive = path / source.archive if source.archive else None
    if archive and archive.is_file():
        _check_sum(source, archive, archive.name)
        return Rows(tuple(_archive_records(source, archive, split)), str(archive))
    files = _split_files(definition, path, split)
    records = [record for each in files for record in _file_records(definition, each, str(each.relative_to(path)))]
    return Rows(tuple(records), str(path))


def _split_files(definition: Definition, folder: Path, split: str) -> list[Path]:
    source = definition.source
    there = sorted(path for path in folder.rglob("*") if _suffix(path) in (*_TEXT, ".parquet") and path.is_file())
    names = {str(path.relative_to(folder)): path for path in there}
    if source.files:
        found = [path for name, path in names.items() if _matches(name, source.files, split)]
    else:
        found = [path for name, path in names.items() if _has_word(name, split)]
        of_config = [
            path for path in found if source.config and _has_word(str(path.relative_to(folder)), source.config)
        ]
        found = of_config or found
        if not found and split == source.split and len(there) == 1:
            found = there
    if not found:
        wanted = f"named {' or '.join(source.files)}" if source.files else f"of the split {split}"
        shown = listed(list(names)[:SHOWN])
        raise UserError(f"{folder}: has no file {wanted} for the task set {definition.name} (files: {shown})")
    if len({_suffix(path) for path in found}) > 1 and not source.files:
        shown = listed(str(path.relative_to(folder)) for path in found[:SHOWN])
        raise UserError(
            f"{folder}: the split {split} exists in several formats ({shown}). Keep one of them, or name a file."
        )
    return found


def _matches(name: str, patterns: Sequence[str], split: str) -> bool:
    """Whether a file's path fits one of the patterns, which may have {split} in them."""
    return any(
        fnmatch.fnmatch(part, pattern.replace("{split}", split))
        for pattern in patterns
        for part in (name, PurePosixPath(name).name)
    )


def _has_word(name: str, word: str) -> bool:
    stem = name.removesuffix(".gz").rpartition(".")[0]
    return re.search(rf"(?:^|[/_.\s-]){re.escape(word)}(?:$|[/_.\s-])", stem, re.IGNORECASE) is not None


def _suffix(path: Path | PurePosixPath) -> str:
    return PurePosixPath(path.name.removesuffix(".gz")).suffix.lower()


def _file_records(definition: Definition, path: Path, name: str) -> tuple[Record, ...]:
    source = definition.source
    _check_sum(source, path, name)
    if path.suffix.lower() == ".parquet":
        records = tables.parquet_table(path, ColumnMap(input=tuple(_columns(definition)))).records
    elif _suffix(path) in _TEXT:
        content = _unpacked(path) if path.name.endswith(".gz") else read_bytes(path)
        records = tables.table_of_bytes(content, path.with_name(path.name.removesuffix(".gz")), source.header).records
    else:
        raise UserError(f"{path}: {path.suffix or 'no suffix'} is not a format of task sets ({tables.SUFFIXES})")
    return _named(records, PurePosixPath(path.name.removesuffix(".gz")).stem)


def _columns(definition: Definition) -> list[str]:
    """Every column that the definition names, for formats that are read column by column."""
    from qtui.task_sets import slots

    columns, prompt = definition.columns, definition.prompt
    names = [columns.turns, columns.reference, columns.criteria, columns.category, columns.labels, columns.right]
    names += [columns.choices] if isinstance(columns.choices, str) else columns.choices
    names += [*columns.checks.values(), definition.examples.same]
    names += [name for key in ("question", "answer", "intro", "choice") for name in slots.names(getattr(prompt, key))]
    whole = [name for name in names if name]
    return list(dict.fromkeys([*whole, *(name.partition(".")[0] for name in whole)]))


def _named(records: Sequence[Record], stem: str) -> tuple[Record, ...]:
    return tuple(Record(record.where, {FILE: stem, **record.values}) for record in records)


def _archive_records(source: Source, path: Path, split: str) -> list[Record]:
    with parsing(path, "a zip file", "download it again."), zipfile.ZipFile(path) as archive:
        members = sorted(
            member.filename
            for member in archive.infolist()
            if not member.is_dir()
            and _suffix(PurePosixPath(member.filename)) in _TEXT
            and "__MACOSX" not in member.filename
            and _matches(member.filename, source.files or ["*"], split)
        )
        if sum(archive.getinfo(name).file_size for name in members) > input_file.TABLE_BYTES:
            raise UserError(
                f"{path}: unpacks to more than {input_file.TABLE_BYTES // 2**20} MiB, the limit for task sets"
            )
        records = [
            record
            for name in members
            for record in _named(
                tables.table_of_bytes(archive.read(name), path / name, source.header).records,
                PurePosixPath(name).stem,
            )
        ]
    if not records:
        raise UserError(f"{path}: has no file named {' or '.join(source.files) or '*.csv, *.jsonl'}")
    return records


def _unpacked(path: Path) -> bytes:
    with parsing(path, "a gzip file", "download it again."), gzip.open(io.BytesIO(read_bytes(path))) as file:
        content = file.read(input_file.TABLE_BYTES + 1)
    if len(content) > input_file.TABLE_BYTES:
        raise UserError(f"{path}: unpacks to more than {input_file.TABLE_BYTES // 2**20} MiB, the limit for task sets")
    return content


def _check_sum(source: Source, path: Path, name: str) -> None:
    """Raise UserError if the definition has another checksum for this file."""
    expected = source.sha256.get(name) or source.sha256.get(PurePosixPath(name).name)
    if not expected:
        return
    found = hashlib.sha256(read_bytes(path)).hexdigest()
    if found != expected:
        raise UserError(
            f"{path}: is not the file that the task set's definition means: its SHA-256 is {found[:12]}…, and the definition has "
            f"{expected[:12]}…. Download it again, or remove the checksum from the definition."
        )
