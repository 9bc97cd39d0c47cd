"""Opening a store: permissions, journal mode, migrations.

WAL lets the panes read while the runner writes, but its shared memory does not work across hosts: on a network file system
(home folders on GPU boxes often are) a rollback journal is used instead.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qtui import paths
from qtui.errors import UserError
from qtui.store.schema import APPLICATION_ID, MIGRATIONS

NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs", "pvfs2",
     "orangefs", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs")
)  # fmt: skip
BUSY_SECONDS = 30.0
MEMORY_PAGE_CACHE_KIB = 8192


class Store(sqlite3.Connection):
    """A connection to a store. One per thread; rows come as `sqlite3.Row`."""

    path: Path

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that takes the write lock at once, so that what it reads cannot change before it writes."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self.commit()

    def changes_seen(self) -> tuple[int, int]:
        """Differs from an earlier value exactly when any connection has changed the file since. Costs microseconds."""
        version = self.execute("PRAGMA data_version").fetchone()[0]
        return int(version), self.total_changes


def open_store(path: Path | None = None, *, create: bool = True) -> Store:
    """Open the store at `path` (default: `paths.default_store()`), making it 0600 and up to date.

    Raises UserError where the file is missing and `create` is false, is not a store, is damaged, or was made by a newer qtui.
    """
    path = (path or paths.default_store()).expanduser().absolute()
    if not path.exists():
        if not create:
            raise UserError(f"{path}: no store there. Run `qtui demo` or `qtui import`, or name one with --store FILE.")
        _create_private(path)
    elif path.is_dir():
        raise UserError(f"{path}: is a folder, not a store. Name a file with --store FILE.")
    try:
        return _prepare(path)
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path}: {_explain(error)}") from error


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, as the kernel names it; empty where it cannot be told."""
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
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise UserError(
            f"{path}: cannot make the store there: {error.strerror}. Name another with --store FILE."
        ) from error


def _prepare(path: Path) -> Store:
    store = sqlite3.connect(path, timeout=BUSY_SECONDS, factory=Store, isolation_level=None, check_same_thread=False)
    store.path = path
    store.row_factory = sqlite3.Row
    store.execute("PRAGMA foreign_keys = ON")
    store.execute("PRAGMA synchronous = NORMAL")
    store.execute(f"PRAGMA cache_size = -{MEMORY_PAGE_CACHE_KIB}")
    version = store.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        _refuse_foreign(store)
    elif store.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise UserError(f"{path}: is a database of another program. Name another file with --store FILE.")
    if version > len(MIGRATIONS):
        raise UserError(
            f"{path}: was made by a newer qtui (schema {version}, this one knows {len(MIGRATIONS)}). Update qtui."
        )
    if version < len(MIGRATIONS):
        journal = "DELETE" if file_system(path) in NETWORK_FILE_SYSTEMS else "WAL"
        store.execute(f"PRAGMA journal_mode = {journal}")
        _migrate(store)
    return store


def _refuse_foreign(store: Store) -> None:
    if store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise UserError(f"{store.path}: is a database of another program. Name another file with --store FILE.")


def _migrate(store: Store) -> None:
    with store.writing():
        # Another process may have migrated while this one waited for the lock.
        version = store.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in _statements(script):
                store.execute(statement)
            store.execute(f"PRAGMA user_version = {number}")
        store.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _statements(script: str) -> Iterator[str]:
    """Single statements, since `executescript` would end the transaction."""
    pending = ""
    for line in script.splitlines():
        pending += line + "\n"
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _explain(error: sqlite3.DatabaseError) -> str:
    text = str(error)
    if "not a database" in text:
        return "is not a store (not an SQLite file). Name another with --store FILE."
    if "malformed" in text:
        return "is damaged. Copy it aside and try `sqlite3 FILE .recover`; a new store is made with --store OTHER."
    if "unable to open" in text or "readonly" in text:
        return f"cannot be opened for writing ({text}). Check its permissions."
    return text
