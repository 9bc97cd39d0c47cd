"""Themes are files: a name and colours by role, in `themes/` and in the user's configuration folder.

A broken file is skipped with one message; the program still starts. The current theme's file is checked once a second, so
that a change in an editor shows at once.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from qtui import paths
from qtui.config import nearest
from qtui.errors import UserError
from qtui.files import input_file, toml_text
from qtui.files.parsing import parsing
from qtui.files.toml_location import line_of

DEFAULT = "qtui-dark"
SIXTEEN = "qtui-16"
"""Replaces the default on a terminal of 16 colours, where the default's shades become greys."""
COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "success", "warning", "error", "boost",
)  # fmt: skip
_VARIABLE = re.compile(r"[a-z][a-z0-9-]{0,79}")
_SHARE = re.compile(r"(?:100|[0-9]{1,2})(?:\.[0-9]{1,3})?%|0\.[0-9]{1,3}|[01]")
_STYLES = frozenset(
    ("none", "not", "bold", "italic", "underline", "underline2", "reverse", "strike", "dim", "blink", "overline")
)
KEYS = ("name", "dark", *COLOURS, "variables")


@dataclass(frozen=True, slots=True)
class ThemeFile:
    path: Path
    changed: int
    """Modification time in nanoseconds when it was read."""
    theme: Theme


def load(path: Path) -> ThemeFile:
    """Read a theme. Raises UserError with file, line and key."""
    try:
        changed = path.stat().st_mtime_ns
        text = input_file.read_text(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    values = toml_text.parse(text, path)
    for location, problem in _problems(values):
        line = line_of(text, location) if location else None
        raise UserError(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")
    with parsing(path, "a theme", "correct its colours."):
        theme = Theme(**{"dark": True} | values)
        theme.to_color_system().generate()  # what the workbench does with it
    return ThemeFile(path, changed, theme)


def load_all() -> tuple[list[ThemeFile], list[UserError]]:
    """Return the valid themes, the user's last (they replace shipped ones of the same name), and the problems of the others."""
    themes: list[ThemeFile] = []
    problems: list[UserError] = []
    for folder in (paths.themes(), paths.user_themes()):
        for path in _files(folder):
            try:
                themes.append(load(path))
            except UserError as problem:
                problems.append(problem)
    return themes, problems


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.toml"))
    except OSError:
        return []  # a folder that cannot be read has no themes for this user


def reload(theme_file: ThemeFile) -> ThemeFile | None:
    """Read the theme again if its file has changed; return None if not, or if the file is gone. Raises UserError."""
    try:
        changed = theme_file.path.stat().st_mtime_ns
    except OSError:
        return None
    return load(theme_file.path) if changed != theme_file.changed else None


def _problems(values: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield (location, problem); the caller reports the first."""
    for key in ("name", "primary"):
        if not isinstance(values.get(key), str) or not values[key]:
            yield (key,) if key in values else (), f'a theme needs "{key}", a string'
    for key, value in values.items():
        if key not in KEYS:
            yield (key,), f'no key "{key}"{nearest(key, KEYS)}'
        elif key in COLOURS and not _is_colour(value):
            yield (key,), f'"{key}" is a colour like "#1e2630", not {toml_text.shown(value)}'
        elif key == "dark" and not isinstance(value, bool):
            yield (key,), f'"dark" is true or false, not {toml_text.shown(value)}'
        elif key == "variables":
            yield from _variable_problems(value)


def _variable_problems(variables: Any) -> Iterable[tuple[tuple[str, ...], str]]:
    if not isinstance(variables, dict):
        yield ("variables",), '"variables" is a table: [variables]'
        return
    for name, value in variables.items():
        place = ("variables", name)
        if not _VARIABLE.fullmatch(name):
            yield place, f"{toml_text.shown(name)} is no name of a variable: it has small letters, digits and hyphens"
        elif name.endswith("-style"):
            if not isinstance(value, str) or not set(value.split()) <= _STYLES or not value.strip():
                yield place, f'"{name}" is a style like "bold underline", not {toml_text.shown(value)}'
        elif name.endswith("-alpha"):
            if not isinstance(value, str) or not _SHARE.fullmatch(value):
                yield place, f'"{name}" is a share like "35%", not {toml_text.shown(value)}'
        elif not _is_colour(value, may_be_transparent=True):
            yield place, f'"{name}" is a colour like "#1e2630", not {toml_text.shown(value)}'


def _is_colour(value: Any, *, may_be_transparent: bool = False) -> bool:
    """Whether the whole value is a colour. It goes into style sheets as it is, where anything behind it would be read as well.

    A variable may add an opacity: "#81a1c1 35%".
    """
    if not isinstance(value, str):
        return False
    colour, _, share = value.rpartition(" ") if may_be_transparent and value.endswith("%") else (value, "", "")
    if (share and not _SHARE.fullmatch(share)) or any(sign in colour for sign in "\n;{}$"):
        return False
    try:
        Color.parse(colour)
    except (ColorParseError, ValueError, OverflowError):
        return False
    return True
