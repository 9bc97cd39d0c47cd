"""Sources of llama-cpp-python that a person names, checked before pip sees them.

pip reads `llama-cpp-python` as the name of a package even if a folder of that name is here, and it builds whatever project a path
leads to.
"""

import hashlib
import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from qtui.building.recipe import DISTRIBUTION
from qtui.errors import UserError
from qtui.files import named_path, toml_text

_WANTED = f"Name a folder or archive with the sources of {DISTRIBUTION}."


def resolve(source: str) -> Path:
    """Return the absolute path of a folder or archive. Raises UserError if it does not hold the sources of llama-cpp-python."""
    path = named_path.expanded(source)
    if not source.strip() or not path.exists():
        raise UserError(f"--source {source or repr(source)}: no such folder or archive. {_WANTED}")
    path = path.resolve()
    project = _project_of_folder(path) if path.is_dir() else _project_of_archive(path)
    if _normalized(project) != DISTRIBUTION:
        holds = f"holds the project {project}" if project else "holds no Python project"
        raise UserError(f"--source {path}: {holds}, not {DISTRIBUTION}. {_WANTED}")
    submodule = path / "vendor" / "llama.cpp"
    if submodule.is_dir() and not any(submodule.iterdir()):
        raise UserError(
            f"--source {path}: {submodule} is empty. Fetch it with `git submodule update --init --recursive` in that folder."
        )
    return path


def identity(path: Path) -> str:
    """Return a hash of an archive's content, or of the names, sizes and times of the files in a folder."""
    digest = hashlib.sha256()
    if path.is_file():
        with path.open("rb") as data:
            while chunk := data.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()[:20]
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            file = Path(folder, name)
            state = file.lstat()
            digest.update(f"{file.relative_to(path)}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:20]


def _project_of_folder(folder: Path) -> str:
    try:
        return _project((folder / "pyproject.toml").read_bytes())
    except OSError:
        return ""


def _project_of_archive(path: Path) -> str:
    try:
        texts = _projects_in_tar(path) if tarfile.is_tarfile(path) else _projects_in_zip(path)
        return next((_project(text) for text in texts), "")
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise UserError(f"--source {path}: cannot be read as an archive ({error}). {_WANTED}") from None


def _projects_in_tar(path: Path) -> Iterator[bytes]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and _is_top_level(member.name) and (file := archive.extractfile(member)):
                with closing(file):
                    yield file.read()


def _projects_in_zip(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if _is_top_level(name):
                yield archive.read(name)


def _is_top_level(name: str) -> bool:
    parts = Path(name).parts
    return len(parts) <= 2 and parts[-1:] == ("pyproject.toml",)


def _project(text: bytes) -> str:
    """The name in a pyproject.toml; empty if it has none."""
    try:
        project = toml_text.parse(text.decode(), Path("pyproject.toml")).get("project", {})
    except (ValueError, UserError):
        return ""
    return str(project.get("name", "")) if isinstance(project, dict) else ""


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
