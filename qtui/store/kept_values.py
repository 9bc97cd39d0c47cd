"""Values kept on the disk with the state of the store that they were computed from, so that they need not be computed again.

They are in qtui's cache, a file for each question, and may be deleted at any time. A file says for which state of the store and by
which program its value was computed: a value of another state is returned only as such, one of another program never.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from qtui import paths
from qtui.files import private_files
from qtui.records import content_hash
from qtui.store import file_state

T = TypeVar("T")

LARGEST = 2_000_000
"""Bytes of the largest value that is kept: reading it must not be felt at a key."""
MOST_FILES = 200
_COMPUTED_BY = ("analysis", "figures", "results", "store", "thinking")
"""The rooms whose code decides values, besides the modules at the top of the package."""
_LIBRARIES = ("numpy", "pandas", "scipy")
UNREADABLE = (OSError, ValueError, TypeError, NameError, msgspec.MsgspecError)
"""What a foreign or damaged file, and a type that cannot be read back, raise: then there is no value."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A value as it was kept. `is_current`: the store is still as it was."""

    value: Any
    is_current: bool


class _File(msgspec.Struct, array_like=True):
    program: str
    state: str
    value: msgspec.Raw


def read(store: Path, question: tuple[str, ...], type_: Any) -> Kept | None:
    """Return the value of type `type_` that was last kept for a question about the store; None without one of this program."""
    try:
        kept = msgspec.msgpack.decode(_place(store, question).read_bytes(), type=_File)
        if kept.program != program():
            return None
        return Kept(msgspec.msgpack.decode(kept.value, type=type_), kept.state == file_state.of_file(store))
    except UNREADABLE:
        return None


def keep(store: Path, question: tuple[str, ...], value: Any, type_: Any, state: str | None) -> bool:
    """Keep a value of type `type_` that was computed while the store was in `state`. Return whether it is kept.

    It is not if the store has changed meanwhile, if the value is too large or would be read as another one, or if the disk takes
    nothing.
    """
    if state is None or state != file_state.of_file(store):
        return False
    try:
        written = msgspec.msgpack.encode(value)
        if len(written) > LARGEST or msgspec.msgpack.decode(written, type=type_) != value:
            return False
        content = msgspec.msgpack.encode(_File(program(), state, msgspec.Raw(written)))
        return _write(_place(store, question), content)
    except UNREADABLE:
        return False


def of_store(store: Path, question: tuple[str, ...], type_: type[T], compute: Callable[[], T], *, least: float) -> T:
    """Return `compute()`, or what it returned for the store as it is; kept if it takes at least `least` seconds."""
    kept = read(store, question, type_)
    if kept is not None and kept.is_current:
        found: T = kept.value
        return found
    state, began = file_state.of_file(store), time.monotonic()
    value = compute()
    if time.monotonic() - began >= least:
        keep(store, question, value, type_, state)
    return value


def _write(place: Path, content: bytes) -> bool:
    new = place.with_suffix(f".{os.getpid()}")
    try:
        private_files.private_folder(place.parent)
        with private_files.create(new) as file:
            file.write(content)
        new.replace(place)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        return False
    for file_ in sorted(place.parent.iterdir(), key=_age)[:-MOST_FILES]:
        file_.unlink(missing_ok=True)
    return True


def _age(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # another process has removed it
        return 0


def _place(store: Path, question: tuple[str, ...]) -> Path:
    return paths.cache() / "figures" / f"{content_hash(os.fsencode(store.resolve()).hex(), question)}.msgpack"


@lru_cache(maxsize=1)
def program() -> str:
    """Return what changes with the code that computes values, whether it is installed or being worked on."""
    rooms = [file for room in _COMPUTED_BY for file in (paths.PACKAGE / room).rglob("*.py")]
    files = sorted([*rooms, *paths.PACKAGE.glob("*.py")])
    code = [(str(file.relative_to(paths.PACKAGE)), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return content_hash(code, [_version(name) for name in _LIBRARIES])


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""
