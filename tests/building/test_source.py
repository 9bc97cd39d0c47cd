"""Sources that a person names: a path is never taken for the name of a package, and another project is never built."""

import tarfile
from pathlib import Path

import pytest

from qtui.building import source
from qtui.errors import UserError

PROJECT = '[project]\nname = "{}"\n'


def folder(parent: Path, name: str, project: str) -> Path:
    made = parent / name
    made.mkdir()
    (made / "pyproject.toml").write_text(PROJECT.format(project))
    return made


@pytest.mark.parametrize("spelling", ["llama-cpp-python", "llama_cpp_python", "Llama.Cpp_Python"])
def test_sources_are_resolved_to_an_absolute_path(
    spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = folder(tmp_path, "llama-cpp-python", spelling)
    monkeypatch.chdir(tmp_path)
    assert source.resolve("llama-cpp-python") == sources.resolve()


@pytest.mark.parametrize("named", ["", " ", "llama-cpp-python", "./missing", "missing.tar.gz"])
def test_a_path_that_is_not_there_is_no_name_of_a_package(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no such folder or archive"):
        source.resolve(named)


def test_another_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no archive")
    other = folder(tmp_path, "other", "my-thesis")
    archive = tmp_path / "other.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(other, "other-1.0")
    for path, words in (
        (tmp_path / "empty", "holds no Python project"),
        (tmp_path / "text", "cannot be read as an archive"),
        (other, "holds the project my-thesis"),
        (archive, "holds the project my-thesis"),
    ):
        with pytest.raises(UserError, match=words):
            source.resolve(str(path))


def test_an_archive_of_the_sources_is_taken(tmp_path: Path) -> None:
    archive = tmp_path / "sources.tar.xz"
    with tarfile.open(archive, "w:xz") as made:
        made.add(folder(tmp_path, "sources", "llama_cpp_python"), "llama_cpp_python-0.3.36")
    assert source.resolve(str(archive)) == archive.resolve()


def test_a_clone_without_its_submodule_is_named(tmp_path: Path) -> None:
    sources = folder(tmp_path, "clone", "llama_cpp_python")
    (sources / "vendor" / "llama.cpp").mkdir(parents=True)
    with pytest.raises(UserError, match="git submodule update"):
        source.resolve(str(sources))


def test_the_identity_follows_the_files(tmp_path: Path) -> None:
    sources = folder(tmp_path, "sources", "llama_cpp_python")
    first = source.identity(sources)
    assert source.identity(sources) == first
    (sources / "llama.cpp").write_text("int answer;\n")
    assert source.identity(sources) != first
