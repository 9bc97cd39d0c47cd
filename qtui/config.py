"""config.toml: the user's permanent settings. Errors in it are reported with file, line and key.

Every key has a default, and the file is optional. It has no secrets: API keys come from the environment.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from qtui import paths, prices
from qtui.errors import UserError
from qtui.figures.scores import MARGIN
from qtui.files import input_file, toml_text
from qtui.files.toml_location import line_of
from qtui.prices import NO_PRICES, Prices


@dataclass(frozen=True, slots=True)
class Config:
    """The settings, each with its default."""

    theme: str = "qtui-dark"
    """Name of a theme: one of qtui, of the user's folder, or of Textual."""
    margin: float = MARGIN
    """Δ of the verdict, in grades: the user accepts smaller losses."""
    mouse: bool = True
    """False leaves the mouse to the terminal, so that it selects text."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Key id → keys separated by commas."""
    converter: Path | None = None
    """A folder with llama.cpp's sources, for models that qtui does not convert itself; None downloads it. Relative to the file."""
    task_sets: Path | None = None
    """A folder with the user's copies of known task sets, each in a folder or file of its name; None takes them from the hub."""
    prices: Prices = NO_PRICES
    """What the tokens of models cost."""
    worker_patience: float = 600.0
    """Seconds that a worker may do nothing at all until it is killed and its work given to another; 0 waits for ever."""


def load(path: Path | None = None, *, key_ids: Iterable[str] = ()) -> Config:
    """Read the user's configuration (default: `paths.config_file()`). Without a file it has the defaults.

    Raises UserError with every problem, a line each: `config.toml:3: no key "them" (nearest: theme)`. The ids in `[keymap]` are
    checked if `key_ids` is not empty.
    """
    path = path or paths.config_file()
    try:
        text = input_file.read_text(path)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    values = toml_text.parse(text, path)
    problems = [*_problems(path, text, values), *_keymap_problems(path, text, values.get("keymap"), tuple(key_ids))]
    if "prices" in values:
        values["prices"], wrong_prices = prices.read(values["prices"])
        problems += [f"{_place(path, text, *place)}: {problem}" for place, problem in wrong_prices]
    if problems:
        raise UserError("\n".join(problems))
    if "margin" in values:
        values["margin"] = float(values["margin"])
    for key in ("converter", "task_sets"):
        if key in values:
            values[key] = path.parent / Path(values[key]).expanduser()
    if "keymap" in values:
        values["keymap"] = dict(_flat(values["keymap"]))
    return Config(**values)


def nearest(word: str, valid: Iterable[str]) -> str:
    """` (nearest: theme)` for a message about an unknown word, or up to 12 valid words if none is near."""
    valid = list(valid)
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    if close:
        return f" (nearest: {close[0]})"
    return f" (known: {', '.join(valid)})" if len(valid) <= 12 else ""


def _problems(path: Path, text: str, values: dict[str, Any]) -> Iterable[str]:
    keys = [f.name for f in fields(Config)]
    for key, value in values.items():
        where = _place(path, text, key)
        if key not in keys:
            yield f'{where}: no key "{key}"{nearest(key, keys)}'
        elif key == "theme" and not isinstance(value, str):
            yield f'{where}: "theme" is a name in quotes, not {toml_text.shown(value)}'
        elif key == "margin" and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 4):
            yield f'{where}: "margin" is a number of grades above 0 and below 4, not {toml_text.shown(value)}'
        elif key == "converter" and (not isinstance(value, str) or not value):
            yield f'{where}: "converter" is the folder of llama.cpp\'s sources in quotes, not {toml_text.shown(value)}'
        elif key == "task_sets" and (not isinstance(value, str) or not value):
            yield f'{where}: "task_sets" is a folder with task sets in quotes, not {toml_text.shown(value)}'
        elif key == "worker_patience" and not _is_seconds(value):
            yield f'{where}: "worker_patience" is a number of seconds, or 0 to wait for ever, not {toml_text.shown(value)}'
        elif key == "mouse" and not isinstance(value, bool):
            yield f'{where}: "mouse" is true or false, not {toml_text.shown(value)}'


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _keymap_problems(path: Path, text: str, keymap: Any, key_ids: tuple[str, ...]) -> Iterable[str]:
    if keymap is None:
        return
    if not isinstance(keymap, dict):
        yield f'{_place(path, text, "keymap")}: "keymap" is a table: [keymap], then lines like "compare.next" = "n"'
        return
    for key_id, keys in _flat(keymap):
        where = _place(path, text, "keymap", key_id)
        if key_ids and key_id not in key_ids:
            yield f'{where}: no key id "{key_id}"{nearest(key_id, key_ids)}'
        elif not isinstance(keys, str) or not keys.strip():
            yield f'{where}: "{key_id}" is a text of keys, e.g. "n" or "n,down"'


def _place(path: Path, text: str, *location: str | int) -> str:
    # An id or a model is one quoted key, or several keys with dots between them.
    parts = (part for each in location for part in (each.split(".") if isinstance(each, str) else [each]))
    line = line_of(text, tuple(parts))
    return f"{path}:{line}" if line else str(path)


def _flat(keymap: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield (id, keys). Ids have dots: unquoted, TOML reads `compare.next = "n"` as nested tables, which are joined here."""
    for name, value in keymap.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value
