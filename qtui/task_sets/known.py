"""Which task sets are known by name: those beside the experiment, the user's own, and those that come with qtui.

A definition nearer to the experiment replaces one of the same name. The user's files of a set replace the hub: a folder or file
named after the set in $QTUI_TASK_SETS, or in the folder `task_sets` of the configuration.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from qtui import config, paths
from qtui.errors import UserError
from qtui.files import named_path
from qtui.task_sets import definition
from qtui.task_sets.definition import Definition
from qtui.tasks.tables import READERS

FOLDER = "task_sets"
VARIABLE = "QTUI_TASK_SETS"


def find(name: str, base: Path | None) -> Definition | None:
    """The definition of this name (case does not matter) or in this file; None if there is none.

    Raises UserError if the definition is wrong.
    """
    if name.casefold().endswith(".toml"):
        path = named_path.expanded(name)
        return definition.read(base / path if base else path)
    file = files(base).get(name.casefold())
    return definition.read(file) if file else None


def files(base: Path | None) -> dict[str, Path]:
    """Name, without capitals → file of its definition."""
    folders = [paths.data() / FOLDER, paths.user_config() / FOLDER, *([base / FOLDER] if base else [])]
    return {path.stem.casefold(): path for folder in folders for path in sorted(folder.glob("*.toml"))}


def definitions(base: Path | None) -> Iterator[Definition | UserError]:
    """All known definitions by name, or why one of them cannot be read."""
    for _, path in sorted(files(base).items()):
        try:
            yield definition.read(path)
        except UserError as error:
            yield error


def own_files(name: str) -> Path | None:
    """The user's folder or file with the rows of this set, if there is one."""
    named = os.environ.get(VARIABLE)
    folder = named_path.expanded(named) if named else config.load().task_sets
    if folder is None:
        return None
    candidates = [folder / name, *(folder / f"{name}{suffix}{packed}" for suffix in READERS for packed in ("", ".gz"))]
    return next((path for path in candidates if path.exists()), None)


def hub_caches() -> tuple[Path, Path]:
    """The caches of `huggingface_hub` and of `datasets`, where these libraries would look, without importing them."""
    home = named_path.expanded(
        os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    )
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    prepared = os.environ.get("HF_DATASETS_CACHE")
    return named_path.expanded(hub) if hub else home / "hub", named_path.expanded(
        prepared
    ) if prepared else home / "datasets"
