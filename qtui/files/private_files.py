"""Permissions of qtui's private files: files 0600 and folders 0700, whatever the umask.

Answers, prompts and logs are private, also on a machine that several people share. Private files are in qtui's folders (data,
configuration, cache, state), or are stores or logs. If an older qtui left a folder, log or store in its folders
open to others, its permissions are narrowed when it is opened.

Files whose path the user names (`qtui quantize --out`, `qtui export --output`) follow the user's umask. Folders that qtui neither
created nor owns are never changed, and neither are the targets of symbolic links.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from qtui import paths

FILE_MODE, FOLDER_MODE = 0o600, 0o700
UMASK = 0o077
"""The umask of child processes that write only private files."""

_MODE_BY_UMASK = 0o666


def belongs_to_qtui(path: Path) -> bool:
    """Whether `path` is one of qtui's own folders, or lies in one."""
    return _qtui_root(path) is not None


def private_folder(path: Path) -> None:
    """Create a private folder and its missing parents. The permissions of existing folders of qtui are narrowed."""
    for folder in _qtui_folders(path):
        _narrow(folder)
    for folder in reversed([each for each in (path, *path.parents) if not each.exists()]):
        _make_private(folder)


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents: private in qtui's folders, else by the umask."""
    if belongs_to_qtui(path):
        private_folder(path)
    else:
        path.mkdir(parents=True, exist_ok=True)


def create(path: Path) -> BinaryIO:
    """Create or truncate a file and open it for writing: private in qtui's folders, else by the umask."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    if belongs_to_qtui(path):
        return os.fdopen(_open_private(path, flags), "wb")
    return os.fdopen(os.open(path, flags, _MODE_BY_UMASK), "wb")


def open_private_log(path: Path) -> BinaryIO:
    """Open a private log for appending. Creates its folder if needed."""
    private_folder(path.parent)
    return os.fdopen(_open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC), "ab")


def create_private(path: Path) -> BinaryIO:
    """Create a private file, wherever it is, and open it for writing. Raises FileExistsError if something is there."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    _change_mode(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "wb")


def open_existing(path: Path) -> BinaryIO:
    """Open a private file that exists for reading and writing anywhere in it, unbuffered. Raises OSError for what is no file."""
    descriptor = _open_private(path, os.O_RDWR | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return cast(BinaryIO, os.fdopen(descriptor, "r+b", buffering=0))


def write_whole(path: Path, data: bytes) -> None:
    """Write a private file completely or not at all, even if other processes write it or this one dies. Raises OSError."""
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error  # a write names no file
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def make_private(path: Path) -> None:
    """Create an empty private file and its folder. An existing file is not changed."""
    private_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except FileExistsError:
        return
    try:
        _change_mode(descriptor, FILE_MODE)
    finally:
        os.close(descriptor)


def narrow(path: Path) -> None:
    """Make an existing file and its folders private, if they are in qtui's folders."""
    for folder in _qtui_folders(path.parent):
        _narrow(folder)
    if belongs_to_qtui(path):
        _narrow(path)


def narrow_tree(folder: Path) -> None:
    """Make a folder of qtui and everything in it private, e.g. after unpacking an archive."""
    for path in (folder, *folder.rglob("*")):
        _narrow(path)


def _qtui_root(path: Path) -> Path | None:
    plain = Path(os.path.normpath(path.absolute()))
    roots = (paths.user_data(), paths.user_config(), paths.cache(), paths.logs().parent)
    return next((root for root in roots if plain.is_relative_to(root)), None)


def _qtui_folders(path: Path) -> Iterator[Path]:
    """Yield the existing folders from qtui's root folder down to `path`, up to the first symbolic link."""
    root = _qtui_root(path)
    if root is None:
        return
    plain = Path(os.path.normpath(path.absolute()))
    for folder in reversed((plain, *plain.parents)):
        if folder.is_relative_to(root):
            if folder.is_symlink() or not folder.is_dir():
                return
            yield folder


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return  # another process has created it meanwhile
    folder.chmod(FOLDER_MODE)  # in case the umask removes permissions of the user, too


def _open_private(path: Path, flags: int) -> int:
    # Opening a pipe that somebody has put there would wait for its reader for ever.
    descriptor = os.open(path, flags | os.O_NONBLOCK, FILE_MODE)
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "is a pipe", str(path))
    if not path.is_symlink():
        _change_mode(descriptor, FILE_MODE)
    return descriptor


def _narrow(path: Path) -> None:
    """Remove the permissions of group and others. On failure, for instance on a read-only disk, they stay.

    Works by path, because closing a file releases all locks of this process on it, also those of SQLite.
    """
    with contextlib.suppress(OSError):
        state = path.lstat()
        mode = state.st_mode & FOLDER_MODE
        if _is_changeable(state) and stat.S_IMODE(state.st_mode) != mode:
            path.chmod(mode)


def _change_mode(descriptor: int, mode: int) -> None:
    state = os.fstat(descriptor)
    if _is_changeable(state) and stat.S_IMODE(state.st_mode) != mode:
        with contextlib.suppress(OSError):
            os.fchmod(descriptor, mode)


def _is_changeable(state: os.stat_result) -> bool:
    """Whether this is a regular file or folder of this user: no device, no symbolic link, no other user's file."""
    return (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)) and state.st_uid == os.geteuid()
