"""Every archive that qtui reads: nothing of it is written outside of its folder."""

import io
import re
import tarfile
from pathlib import Path

import pytest

from qtui import paths
from qtui.errors import UserError

READS_ARCHIVES = {
    "engines/conversion/converter.py": "llama.cpp's converter, out of its source distribution",
    "engines/weights/checkpoint/folder_files.py": "only whether a file is a whole zip archive",
    "building/source.py": "a pyproject.toml, into memory",
    "building/wheel.py": "only whether a wheel is whole",
    "task_sets/rows.py": "rows of a task set, into memory, up to a limit",
    "cli/bugreport.py": "writes one",
}
"""Modules with archives, and what they do with them."""
UNPACKS = {"engines/conversion/converter.py"}


def test_every_module_that_reads_archives_is_known() -> None:
    word = re.compile(r"^import (?:tarfile|zipfile)|^from (?:tarfile|zipfile) |shutil\.unpack_archive", re.MULTILINE)
    found = {
        str(file.relative_to(paths.PACKAGE)) for file in paths.PACKAGE.rglob("*.py") if word.search(file.read_text())
    }
    assert found == set(READS_ARCHIVES)


def test_what_unpacks_to_disk_uses_the_filter_for_data() -> None:
    for file in paths.PACKAGE.rglob("*.py"):
        calls = re.findall(r"\.extract(?:all)?\([^)]*\)", file.read_text())
        assert not calls or str(file.relative_to(paths.PACKAGE)) in UNPACKS
        assert all('filter="data"' in call for call in calls)


@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/tmp/escaped-of-qtui"])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_an_archive_of_the_converter_writes_nothing_outside(name: str, kind: bytes, tmp_path: Path) -> None:
    """By the function that unpacks it, with the names that it takes."""
    from qtui.engines.conversion import converter

    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for member in (
            f"llama_cpp_python-1/vendor/llama.cpp/gguf-py/{name}",
            name,
            "llama_cpp_python-1/vendor/llama.cpp/conversion/x",
        ):
            info = tarfile.TarInfo(member)
            info.type, info.linkname = kind, name
            data = b"x" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError):
        converter.unpack(archive, tmp_path / "target", "1")
    new = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(tmp_path / "target") and not path.is_symlink() for path in new)
    assert not Path("/tmp/escaped-of-qtui").exists()
