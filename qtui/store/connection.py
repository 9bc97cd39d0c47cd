"""Opening a store: permissions, journal mode, migrations.

WAL lets the panes read while the runner writes, but its shared memory does not work across hosts: on a network file system
(common for home folders of GPU machines) a rollback journal is used instead.

Reading also works where nothing can be written (a read-only disk, another user's store, a full disk): the store is then opened
read-only, or as immutable if read-only access needs a file that is missing (the shared memory of WAL).
"""

import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from qtui import paths
from qtui.errors import UserError, words_of
from qtui.files import named_path, private_files
from qtui.store import backups, damage, errors, expected_schema, thoughts
from qtui.store.cursor import StoreCursor
from qtui.store.errors import NoSpaceError, StoreBusyError, StoreDamagedError, StoreError, UnwritableError
from qtui.store.schema import APPLICATION_ID, MIGRATIONS

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs", "pvfs2",
     "orangefs", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs")
)  # fmt: skip
JOURNALS = ("-wal", "-shm", "-journal")
"""Files that SQLite keeps beside a store; it creates them with the permissions of the store."""
BUSY_SECONDS = 30.0
BUSY_POLL_SECONDS = 0.02
MEMORY_PAGE_CACHE_KIB = 8192


class Store(sqlite3.Connection):
    """A connection to a store, one per thread, with rows as `sqlite3.Row`. Errors of SQLite are raised as StoreError."""

    path: Path
    file: tuple[int, int] | None = None
    """Device and inode of the file that was opened."""
    frozen_at: tuple[int, int] | None = None
    """Modification time and size at opening, for a store opened as immutable."""

    def execute(self, sql: str, parameters: Any = (), /) -> StoreCursor:
        return self.cursor(StoreCursor).execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> StoreCursor:
        return self.cursor(StoreCursor).executemany(sql, parameters)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Run a transaction that takes the write lock at once, so that rows it reads cannot change before it writes.

        Raises NoSpaceError on a full disk, and another StoreError if the store cannot be written; it is then rolled back.
        """
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def commit(self) -> None:
        try:
            super().commit()
        except sqlite3.Error as error:
            errors.raise_translated(error, self.path)

    def interrupt(self) -> None:
        """Stop the statement that another thread is running; do nothing if the store is closed."""
        with contextlib.suppress(sqlite3.ProgrammingError):
            super().interrupt()

    def changes_seen(self) -> tuple[int, int]:
        """Return a value that changes exactly when any connection changes the file. Takes microseconds."""
        if self.frozen_at is not None:
            return self.frozen_at
        version = self.execute("PRAGMA data_version").fetchone()[0]
        return int(version), self.total_changes

    def is_in_place(self) -> bool:
        """Return whether the file at the path is still the one that was opened: not deleted, moved or replaced."""
        return self.file is None or self.file == file_at(self.path)

    def is_outdated(self) -> bool:
        """Return whether a store opened as immutable has changed: its rows may be wrong, and it must be opened again."""
        return self.frozen_at is not None and self.frozen_at != last_change(self.path)

    def journal_mode(self) -> str:
        """Return `wal` or `delete`, as SQLite names the mode."""
        return str(self.execute("PRAGMA journal_mode").fetchone()[0])

    def empty_journal(self) -> bool:
        """Move the content of the write-ahead log into the store. Return whether the log is empty now."""
        try:
            busy, *_ = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except StoreError:
            return self.frozen_at is not None
        return not busy


def open_store(path: Path | None = None, *, create: bool = True, must_write: bool = True) -> Store:
    """Open the store at `path` (default: `paths.default_store()`), set its mode to 0600 and migrate it.

    If it cannot be written and `must_write` is false, it is opened read-only. Raises StoreError if the file is missing and `create`
    is false, cannot be written and must be, is not a store, is damaged, or was made by a newer qtui.
    """
    path = named_store(path)
    if not path.exists():
        if not create:
            raise StoreError(
                f"{path}: no store there. Run `qtui demo` or `qtui import`, or name one with --store FILE."
            )
        _create_private(path)
    else:
        for file in (path, *(path.with_name(path.name + suffix) for suffix in JOURNALS)):
            private_files.narrow(file)
    if _is_writable(path):
        return _open_for_writing(path, must_write)
    if os.access(path, os.R_OK) and must_write:
        raise UnwritableError(path)
    return _open_for_reading(path)


def named_store(path: Path | None = None) -> Path:
    """Return the absolute path of a store that a user named. Raises StoreError if something else than a file is there."""
    try:
        path = named_path.expanded(path or paths.default_store()).absolute()
    except UserError as error:
        raise StoreError(str(error)) from None
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return path
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be opened: {words_of(error)}. Name a file with --store FILE.") from None
    for is_kind, words in _NO_STORES.items():
        if is_kind(mode):
            raise StoreError(f"{path}: is {words}, not a store. Name a file with --store FILE.")
    return path


_NO_STORES: dict[Callable[[int], bool], str] = {
    stat.S_ISDIR: "a folder", stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device", stat.S_ISBLK: "a device",
}  # fmt: skip


def upgrade_new(path: Path) -> None:
    """Bring a store that this process has just made, and that nobody else knows, to the newest schema, without a backup."""
    with closing(sqlite3.connect(path, factory=Store, isolation_level=None)) as store:
        store.path, store.row_factory = path, sqlite3.Row
        store.execute("PRAGMA foreign_keys = ON")
        _migrate(store, saves=False)


def file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`, as the kernel names it; empty if unknown."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    target, best, kind = str(path.resolve()), "", ""
    for line in mounts:
        _, mount_point, fstype, *_ = line.split(" ")
        mount_point = mount_point.replace("\\040", " ")
        inside = target == mount_point or target.startswith(mount_point.rstrip("/") + "/")
        if inside and len(mount_point) >= len(best):
            best, kind = mount_point, fstype
    return kind


def _create_private(path: Path) -> None:
    try:
        private_files.make_private(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot create the store: {error.strerror}. Name another with --store FILE."
        ) from error


def _is_writable(path: Path) -> bool:
    """Return whether the store and its folder can be written: the journal is a file beside the store."""
    real = path.resolve()
    return os.access(real, os.W_OK) and os.access(real.parent, os.W_OK)


def _open_for_writing(path: Path, must_write: bool) -> Store:
    try:
        return _connect(path)
    except (NoSpaceError, UnwritableError):
        if must_write:
            raise
        return _open_for_reading(path)


def _open_for_reading(path: Path) -> Store:
    try:
        return _connect(path, "mode=ro")
    except StoreError as error:
        if not isinstance(error.__cause__, sqlite3.OperationalError):
            raise
        if _size(_wal(path)):
            raise StoreError(
                f"{path}: its latest changes are in {_wal(path).name}, which can only be read where it can be written. Copy both"
                " files to a folder of your own and open the copy with --store FILE."
            ) from None
        frozen_at = last_change(path)
        store = _connect(path, "immutable=1")
        store.frozen_at = frozen_at
        return store


def _wal(path: Path) -> Path:
    real = path.resolve()
    return real.with_name(f"{real.name}-wal")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def file_at(path: Path) -> tuple[int, int] | None:
    """Return (device, inode) of the file at `path`; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def last_change(path: Path) -> tuple[int, int]:
    """Return the store's modification time in ns and its bytes including the write-ahead log; (0, 0) if it is gone."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size + _size(_wal(path))


def _connect(path: Path, only: str = "") -> Store:
    """Return a connection to the store. It is migrated unless `only` has the parameter of the URI that opens it read-only."""
    try:
        store = sqlite3.connect(
            f"{path.resolve().as_uri()}?{only}" if only else path,
            uri=bool(only),
            timeout=BUSY_SECONDS,
            factory=Store,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        errors.raise_translated(error, path)
    store.path = path
    damage.opened.add(path)
    store.row_factory = sqlite3.Row
    try:
        _check(store, read_only=bool(only))
    except BaseException:
        store.close()
        raise
    store.file = file_at(path)
    return store


def _check(store: Store, *, read_only: bool) -> None:
    path = store.path
    store.execute("PRAGMA foreign_keys = ON")
    # What is committed is on the disk: a power cut takes nothing that a reader was told. EXTRA is FULL where the journal is a WAL
    # (as many syncs, counted), and makes the end of a rollback journal durable, too, for a sync more.
    store.execute("PRAGMA synchronous = EXTRA")
    store.execute("PRAGMA trusted_schema = OFF")
    store.execute("PRAGMA cell_size_check = ON")
    store.execute(f"PRAGMA cache_size = -{MEMORY_PAGE_CACHE_KIB}")
    # In this order: another process may be creating the store, and its tables and version appear together.
    has_tables = store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] > 0
    version = store.execute("PRAGMA user_version").fetchone()[0]
    is_ours = store.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if version < 0 or (version == 0 and has_tables and is_ours):
        raise StoreDamagedError(path, f"the header says that its tables have version {version}")
    if version or has_tables:
        check_version(path, version, is_ours=is_ours)
    if version < len(MIGRATIONS) and read_only:
        raise StoreError(
            f"{path}: was made by an older qtui and must be upgraded, but cannot be written. Copy it to a folder of your own"
            " and open the copy with --store FILE."
        )
    if version < len(MIGRATIONS):
        journal = "DELETE" if file_system(path) in NETWORK_FILE_SYSTEMS else "WAL"
        _choose_journal(store, journal)
        _migrate(store)


def check_version(path: Path, version: int, *, is_ours: bool) -> None:
    """Raise StoreError for the database of another program, and for a store of a newer qtui."""
    if not is_ours:
        raise StoreError(f"{path}: is a database of another program. Name another file with --store FILE.")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: was made by a newer qtui (schema {version}, this one knows {len(MIGRATIONS)}). Update qtui."
        )


def _choose_journal(store: Store, journal: str) -> None:
    """Set the journal mode, retrying while another process creates the same store: SQLite does not wait for this lock."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            store.execute(f"PRAGMA journal_mode = {journal}")
        except StoreBusyError:
            if time.monotonic() > end:
                raise
            time.sleep(BUSY_POLL_SECONDS)
        else:
            return


def _migrate(store: Store, *, saves: bool = True) -> None:
    thoughts.add_functions(store)
    with store.writing():
        # Another process may have migrated while this one waited for the lock.
        version = store.execute("PRAGMA user_version").fetchone()[0]
        if saves and 0 < version < len(MIGRATIONS):
            if wrong := expected_schema.differences(store, version):
                raise StoreDamagedError(store.path, wrong[0])
            backups.save_before_migration(store.path, version)
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in _statements(script):
                store.execute(statement)
            store.execute(f"PRAGMA user_version = {number}")
        store.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _statements(script: str) -> Iterator[str]:
    """Yield single statements, since `executescript` would end the transaction."""
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
