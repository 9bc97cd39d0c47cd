"""The pages of a store whose table of contents or trees may be damaged, for saving what they hold.

SQLite reads rows itself, but only through the schema and the tree above them. Here one page after another is put before it as
the whole of a table: a copy of the file gets a first page that names that table alone, without indexes and constraints. So a row
can be read wherever its own page is whole. Formats: https://www.sqlite.org/fileformat2.html.
"""

import os
import shutil
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from qtui.store import errors, row_rules
from qtui.store.expected_schema import Table

HEADER = 100
"""Bytes before the tree of the first page."""
MAGIC = b"SQLite format 3\0"
WAL_HEADER, FRAME_HEADER = 32, 24
WAL_MAGICS = (0x377F0682, 0x377F0683)
DEFAULT_PAGE = 4096
TABLE_LEAF, TABLE_INNER, INDEX_LEAF, INDEX_INNER = 0x0D, 0x05, 0x0A, 0x02
_LEAVES, _INNER = (TABLE_LEAF, INDEX_LEAF), (TABLE_INNER, INDEX_INNER)


class Pages:
    """A copy of a store's file in a folder that the caller removes; the write-ahead log is worked in as far as it is whole."""

    def __init__(self, store: Path, folder: Path) -> None:
        self._file = folder / "pages.sqlite"
        shutil.copyfile(store, self._file)
        self._folder = folder
        head = self._file.open("rb").read(HEADER) if self._file.stat().st_size >= HEADER else b""
        self.size = _page_size(head)
        self._work_in(store.with_name(f"{store.name}-wal"))
        self._descriptor = os.open(self._file, os.O_RDWR)
        self.count = -(-self._file.stat().st_size // self.size)
        os.truncate(self._descriptor, self.count * self.size)
        self._heads: dict[str, bytes] = {}

    def close(self) -> None:
        os.close(self._descriptor)

    def rows(self, table: Table, root: int) -> Iterator[sqlite3.Row]:
        """Yield the rows of the tree below page `root`, read as `table`. Raises sqlite3.Error where a page is damaged."""
        yield from self._select(table, root, "")

    def rows_of_leaf(self, table: Table, page: int) -> list[sqlite3.Row]:
        """Return the rows of one leaf that can be read, whatever is wrong with the others."""
        found: dict[object, sqlite3.Row] = {}
        for order in (
            "",
            " DESC",
        ):  # a damaged row stops the reading: from both ends all but the rows around it are read
            try:
                by = ", ".join(f"{part}{order}" for part in table.key)
                for row in self._select(table, page, f"ORDER BY {by}"):
                    found.setdefault(tuple(row[part] for part in table.key), row)
            except errors.SQLITE:
                continue
            return list(found.values())
        return [*found.values(), *self._single_rows(table, page, found)]

    def leaves(self, root: int) -> Iterator[int]:
        """Yield the leaves of a tree that its pages still lead to."""
        seen: set[int] = set()
        waiting = [root]
        while waiting:
            page = waiting.pop()
            if page in seen or not 1 < page <= self.count:
                continue
            seen.add(page)
            content = self.page(page)
            if content[0] in _LEAVES:
                yield page
            elif content[0] in _INNER:
                waiting += _children(content)

    def all_leaves(self) -> Iterator[int]:
        """Yield every page of the file that looks like the leaf of a table with row ids, but those that are marked as free."""
        free = self._free()
        for page in range(2, self.count + 1):
            if page not in free and self._first_byte(page) == TABLE_LEAF:
                yield page

    def page(self, number: int) -> bytes:
        return os.pread(self._descriptor, self.size, (number - 1) * self.size).ljust(self.size, b"\0")

    def _first_byte(self, number: int) -> int:
        return (os.pread(self._descriptor, 1, (number - 1) * self.size) or b"\0")[0]

    def _select(self, table: Table, root: int, order: str) -> Iterator[sqlite3.Row]:
        if self._first_byte(root) not in (
            (TABLE_LEAF, TABLE_INNER) if table.has_row_ids else (INDEX_LEAF, INDEX_INNER)
        ):
            raise sqlite3.DatabaseError("a page that is none of a table")
        os.pwrite(self._descriptor, self._first_page(table, root), 0)
        uri = f"{self._file.as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = row_rules.decode_text
            yield from connection.execute(f"SELECT * FROM {table.name} {order}")

    def _single_rows(self, table: Table, page: int, known: dict[object, sqlite3.Row]) -> Iterator[sqlite3.Row]:
        """Yield the rows between those of `known` that can be read one by one; only of tables with row ids."""
        ids = sorted(key[0] for key in known if isinstance(key, tuple) and isinstance(key[0], int))
        if not table.has_row_ids or not ids:
            return
        for number in set(range(ids[0], min(ids[-1], ids[0] + self.size))) - set(ids):
            try:
                yield from self._select(table, page, f"WHERE {table.key[0]} = {number}")
            except errors.SQLITE:
                continue

    def _first_page(self, table: Table, root: int) -> bytes:
        """Return a first page whose only table is `table`, with its tree at page `root`."""
        file = self._folder / "head.sqlite"
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA page_size = {self.size}")
            connection.execute(_plain_definition(table))
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET rootpage = ?", (root,))
        page = bytearray(file.read_bytes()[: self.size])
        page[28:32] = struct.pack(">I", self.count)
        page[32:40] = bytes(8)  # no free pages
        page[92:96] = page[24:28]  # the number of pages is up to date
        return bytes(page)

    def _free(self) -> set[int]:
        """Return the pages of the list of free pages, as far as it can be followed."""
        trunk, free = struct.unpack(">I", self._first[32:36])[0], set[int]()
        while 1 < trunk <= self.count and trunk not in free:
            content = self.page(trunk)
            free.add(trunk)
            count = min(struct.unpack(">I", content[4:8])[0], self.size // 4 - 2)
            free |= set(struct.unpack(f">{count}I", content[8 : 8 + 4 * count]))
            trunk = struct.unpack(">I", content[:4])[0]
        return free

    def _work_in(self, log: Path) -> None:
        """Write the committed pages of a write-ahead log into the copy, and keep the first page as it then is."""
        if log.exists():
            with log.open("rb") as frames, self._file.open("r+b") as file:
                for number, content in _committed(frames.read(), self.size):
                    file.seek((number - 1) * self.size)
                    file.write(content)
        with self._file.open("rb") as file:
            self._first = file.read(HEADER).ljust(HEADER, b"\0")


def _page_size(head: bytes) -> int:
    """The size of a page by the header, or SQLite's default where that is damaged."""
    size = struct.unpack(">H", head[16:18])[0] if head.startswith(MAGIC) else DEFAULT_PAGE
    size = 65536 if size == 1 else size
    return size if 512 <= size <= 65536 and size & (size - 1) == 0 else DEFAULT_PAGE


def _committed(log: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield (page number, content) of the frames of a write-ahead log up to its last whole transaction."""
    if len(log) < WAL_HEADER or struct.unpack(">I", log[:4])[0] not in WAL_MAGICS:
        return
    salts, pending = log[16:24], list[tuple[int, bytes]]()
    for start in range(WAL_HEADER, len(log) - FRAME_HEADER - size + 1, FRAME_HEADER + size):
        number, is_commit = struct.unpack(">II", log[start : start + 8])
        if log[start + 8 : start + 16] != salts or not number:
            return
        pending.append((number, log[start + FRAME_HEADER : start + FRAME_HEADER + size]))
        if is_commit:
            yield from pending
            pending = []


def _children(content: bytes) -> list[int]:
    """Return the pages that an inner page of a tree leads to."""
    cells = min(struct.unpack(">H", content[3:5])[0], (len(content) - 12) // 2)
    pointers = struct.unpack(f">{cells}H", content[12 : 12 + 2 * cells])
    places = [pointer for pointer in pointers if pointer <= len(content) - 4]
    return [struct.unpack(">I", content[place : place + 4])[0] for place in places] + [
        struct.unpack(">I", content[8:12])[0]
    ]


def _plain_definition(table: Table) -> str:
    """Return a CREATE statement without constraints: its only tree is that of the table."""
    columns = []
    for column in table.columns:
        is_id = table.has_row_ids and column.name in table.key
        default = f" DEFAULT {column.default}" if column.default is not None else ""
        columns.append(f'"{column.name}" INTEGER PRIMARY KEY' if is_id else f'"{column.name}" {column.type}{default}')
    if table.has_row_ids:
        return f"CREATE TABLE {table.name} ({', '.join(columns)})"
    return f"CREATE TABLE {table.name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(table.key)})) WITHOUT ROWID"
