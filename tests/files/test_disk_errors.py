"""What a disk or a limit refuses, in words."""

import errno
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from qtui import paths
from qtui.files import disk_errors, private_files


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, "`ulimit -n`"),
        (errno.EFBIG, "`ulimit -f`"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "cannot be used"),
        (errno.EROFS, "cannot be used"),
    ],
)
@pytest.mark.parametrize("name", [None, "/cache/qtui"])
def test_each_refusal_of_a_disk_has_words_with_and_without_a_file(number: int, words: str, name: str | None) -> None:
    error = OSError(number, os.strerror(number), name) if name else OSError(number, os.strerror(number))
    assert disk_errors.is_of_disk(error)
    assert words in disk_errors.describe(error)


def test_a_connection_that_is_refused_is_no_matter_of_a_disk() -> None:
    assert not disk_errors.is_of_disk(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))


@pytest.mark.parametrize(
    ("folder", "variable"),
    [
        (paths.cache, "XDG_CACHE_HOME"),
        (paths.logs, "XDG_STATE_HOME"),
        (paths.user_data, "XDG_DATA_HOME"),
        (paths.user_config, "XDG_CONFIG_HOME"),
        (lambda: Path("/scratch/tmp"), "TMPDIR"),
        (lambda: Path("/models/hub"), "HF_HOME"),
    ],
)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_advice_names_the_variable_of_the_folder_that_the_file_is_in(
    folder: Callable[[], Path], variable: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch/tmp")
    monkeypatch.setenv("HF_HOME", "/models")
    words = disk_errors.describe(OSError(number, os.strerror(number), str(folder() / "file")))
    assert words.startswith(f"{folder() / 'file'}: ")
    assert f"{variable}=…" in words
    assert words.count("=…") == 1


def test_a_folder_that_cannot_be_made_is_put_elsewhere_with_the_folders_that_it_is_to_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DATA", "STATE"):
        monkeypatch.delenv(f"XDG_{name}_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    words = disk_errors.describe(OSError(errno.EACCES, os.strerror(errno.EACCES), "/home/me/.local"))
    assert words.endswith("name other folders with XDG_STATE_HOME=… and XDG_DATA_HOME=…")


def test_a_missing_folder_for_temporary_files_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(os, "open", refuse)  # stands in for disks that are full, all of them
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.gettempdir()
    assert disk_errors.is_of_disk(raised.value)
    words = disk_errors.describe(raised.value)
    assert words.startswith("no folder for temporary files can be written")
    assert "TMPDIR=…" in words


def refuse(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_refused_write_names_the_file_that_was_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as raised, disk_errors.naming(tmp_path / "x"):
        os.write(os.open("/dev/full", os.O_WRONLY), b"x")
    assert disk_errors.describe(raised.value).startswith(f"{tmp_path / 'x'}: the disk is full")


def test_a_shortage_of_files_is_noticed_before_the_last_one_and_leaves_none_open() -> None:
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = sorted(Path("/proc/self/fd").iterdir())
    free = os.dup(0)
    os.close(free)
    assert disk_errors.shortage_of_files() == ""
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 2, old[1]))
    try:
        assert "`ulimit -n`" in disk_errors.shortage_of_files()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_a_file_is_written_whole_or_stays_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    private_files.write_whole(file, b"before")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, old[1]))
    try:
        with pytest.raises(OSError, match="too large") as raised:
            private_files.write_whole(file, b"after" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert raised.value.filename == str(file)
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir() if each.is_file()] == [
        ("kept.json", b"before")
    ]
