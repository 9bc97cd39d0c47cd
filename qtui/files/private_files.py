"""The rights of what qtui writes for itself: files 0600 and folders 0700, whatever the umask.

Answers, prompts and logs are the user's own business, also on a machine that several people share. What qtui writes for itself lies
in its own folders (data, configuration, cache and state, each named `qtui`) or is a store or a log. A folder, log or store in its
own folders that others may open, as an older qtui left some, is narrowed when it is opened.

What the user asked for by name (`qtui quantize --out`, `qtui export --output`) follows the user's umask. A folder that is neither
made by qtui nor its own is never changed, and neither is what a symbolic link points to.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from qtui import paths

FILE_MODE, FOLDER_MODE = 0o600, 0o700
UMASK = 0o077
"""For child processes that write nothing but files of qtui's own."""

_MODE_BY_UMASK = 0o666


def belongs_to_qtui(path: Path) -> bool:
    """Whether `path` is one of qtui's own folders, or lies in one."""
    return _qtui_root(path) is not None


def private_folder(path: Path) -> None:
    """Make a folder that is for its user alone, with what is missing above it. Existing folders of qtui's own are narrowed."""
    for folder in _qtui_folders(path):
        _narrow(folder)
    for folder in reversed([each for each in (path, *path.parents) if not each.exists()]):
        _make_private(folder)


def make_folder(path: Path) -> None:
    """Make a folder with what is missing above it: private where it is qtui's own, else as the umask says."""
    if belongs_to_qtui(path):
        private_folder(path)
    else:
        path.mkdir(parents=True, exist_ok=True)


def create(path: Path) -> BinaryIO:
    """Open a file for writing from its beginning: private where it is qtui's own, else as the umask says."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    if belongs_to_qtui(path):
        return os.fdopen(_open_private(path, flags), "wb")
    return os.fdopen(os.open(path, flags, _MODE_BY_UMASK), "wb")


def open_private_log(path: Path) -> BinaryIO:
    """Open a log for appending, with its folder made if need be; nobody else may read it."""
    private_folder(path.parent)
    return os.fdopen(_open_private(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC), "ab")


def make_private(path: Path) -> None:
    """Make an empty file that is for its user alone, with its folder; an existing file is left as it is."""
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
    """Make an existing file private, and the folders above it, where it is qtui's own."""
    for folder in _qtui_folders(path.parent):
        _narrow(folder)
    if belongs_to_qtui(path):
        _narrow(path)


def narrow_tree(folder: Path) -> None:
    """Make everything in a folder of qtui's own private, e.g. what an archive was unpacked to."""
    for path in (folder, *folder.rglob("*")):
        _narrow(path)


def _qtui_root(path: Path) -> Path | None:
    plain = Path(os.path.normpath(path.absolute()))
    roots = (paths.user_data(), paths.user_config(), paths.cache(), paths.logs().parent)
    return next((root for root in roots if plain.is_relative_to(root)), None)


def _qtui_folders(path: Path) -> Iterator[Path]:
    """The existing folders from qtui's own one down to `path`, but not beyond a symbolic link."""
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
        return  # another process has made it meanwhile
    folder.chmod(FOLDER_MODE)  # where the umask takes rights from the user, too


def _open_private(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags, FILE_MODE)
    if not path.is_symlink():
        _change_mode(descriptor, FILE_MODE)
    return descriptor


def _narrow(path: Path) -> None:
    """What cannot be changed, on a disk that cannot be written, say, stays as it is.

    By its path and without opening it: to close a file gives up all locks that this process has on it, those of SQLite too.
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
    """A file or folder of this user; no device, no symbolic link, nothing that belongs to somebody else."""
    return (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode)) and state.st_uid == os.geteuid()
