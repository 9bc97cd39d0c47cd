"""Themes are files: a name and colours by role, in `themes/` and in the user's configuration folder.

A broken file is skipped with one message; the program still starts. The current theme's file is checked once a second, so
that a change in an editor shows at once.
"""

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
from qtui.files.toml_location import line_of

DEFAULT = "qtui-dark"
SIXTEEN = "qtui-16"
"""Replaces the default on a terminal of 16 colours, where the default's shades become greys."""
COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "success", "warning", "error", "boost",
)  # fmt: skip
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
    return ThemeFile(path, changed, Theme(**{"dark": True} | values))


def load_all() -> tuple[list[ThemeFile], list[UserError]]:
    """Return the valid themes, the user's last (they replace shipped ones of the same name), and the problems of the others."""
    themes: list[ThemeFile] = []
    problems: list[UserError] = []
    for folder in (paths.themes(), paths.user_themes()):
        for path in sorted(folder.glob("*.toml")):
            try:
                themes.append(load(path))
            except UserError as problem:
                problems.append(problem)
    return themes, problems


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
        is_style = name.endswith(("-style", "-alpha"))
        if not isinstance(value, str) or not (is_style or _is_colour(value)):
            yield ("variables", name), f'"{name}" is a colour like "#1e2630", not {toml_text.shown(value)}'


def _is_colour(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        # A variable may add an opacity: "#81a1c1 35%".
        Color.parse(value.split()[0] if value.split() else "")
    except ColorParseError:
        return False
    return True
