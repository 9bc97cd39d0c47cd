"""config.toml: the user's permanent settings. Errors in it are reported with file, line and key.

Every key has a default, and the file is optional. It has no secrets: API keys come from the environment.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import chain, islice
from pathlib import Path
from typing import Any

from qtui import paths, prices
from qtui.errors import UserError
from qtui.figures.scores import MARGIN
from qtui.files import input_file, named_path, toml_text
from qtui.files.toml_location import line_of
from qtui.prices import NO_PRICES, Prices

Problem = tuple[tuple[str, ...], str]
"""Where a setting is wrong (its key, and in the keymap the id), and the sentence that says it."""
FOLDERS = {"converter": "the folder of llama.cpp's sources", "task_sets": "a folder with task sets"}
REDRAWS = ("changes", "full")
MOST_PROBLEMS = 100
"""More are not looked for: finding the nearest word for each takes its time."""
DEFAULTS_ARE_USED = "The default settings are used."
_KEY = re.compile(r"[\w+]{1,60}|\S")
"""A key as Textual names it: `n`, `ctrl+n`, `question_mark`; or the sign itself."""


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
    """Seconds that a process with an engine may do nothing at all until it is killed; 0 waits for ever.

    The work of a run's worker is then given to another, once.
    """
    redraw: str = "changes"
    """One of REDRAWS: the terminal is sent the cells that changed, or all of every widget that changed."""


def load(path: Path | None = None, *, key_ids: Iterable[str] = ()) -> Config:
    """Read the user's configuration (default: `paths.config_file()`). Without a file it has the defaults.

    Raises UserError with every problem, a line each: `config.toml:3: no key "them" (nearest: theme)`. The ids in `[keymap]` are
    checked if `key_ids` is not empty.
    """
    path = path or paths.config_file()
    text, values = _read(path)
    if problems := _every_problem(path, text, values, key_ids):
        raise UserError("\n".join(_listed([message for _, message in problems], path)))
    return _config(values, path)


def load_valid(path: Path | None = None, *, key_ids: Iterable[str] = ()) -> tuple[Config, list[str]]:
    """Read the configuration as `load` does, but leave out what is wrong: returns the problems, a sentence each."""
    path = path or paths.config_file()
    try:
        text, values = _read(path)
    except UserError as error:
        return Config(), [f"{error} {DEFAULTS_ARE_USED}"]
    problems = _every_problem(path, text, values, key_ids)
    messages = _listed([message for _, message in problems], path)
    if len(problems) == MOST_PROBLEMS:
        return Config(), [f"{message.rstrip('.')}. {DEFAULTS_ARE_USED}" for message in messages[:1]]
    for location, _ in problems:
        _remove(values, location)
    return _config(values, path), [f"{message}. This setting is ignored." for message in messages]


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """The text and the table of the file; empty without a file."""
    try:
        text = input_file.read_text(path)
    except FileNotFoundError:
        return "", {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    return text, toml_text.parse(text, path)


def _every_problem(path: Path, text: str, values: dict[str, Any], key_ids: Iterable[str]) -> list[Problem]:
    keymap = _keymap_problems(path, text, values.get("keymap"), tuple(key_ids))
    _, wrong_prices = prices.read(values.get("prices", {}))
    of_prices = ((("prices",), f"{_place(path, text, *place)}: {problem}") for place, problem in wrong_prices)
    return list(islice(chain(_problems(path, text, values), keymap, of_prices), MOST_PROBLEMS))


def _listed(messages: list[str], path: Path) -> list[str]:
    has_more = len(messages) == MOST_PROBLEMS
    return (
        [*messages, f"{path}: there may be more problems; only the first {MOST_PROBLEMS} are shown."]
        if has_more
        else messages
    )


def _remove(values: dict[str, Any], location: tuple[str, ...]) -> None:
    """Take a setting out of the table; of the keymap only the id that is wrong, and of the prices nothing.

    The prices that are right are read without the others.
    """
    keymap = values.get("keymap")
    if location[0] == "prices":
        return
    if len(location) > 1 and isinstance(keymap, dict):
        values["keymap"] = {name: keys for name, keys in _flat(keymap) if name != location[1]}
    else:
        values.pop(location[0], None)


def _config(values: dict[str, Any], path: Path) -> Config:
    """The settings of a table without problems, but for prices."""
    if "prices" in values:
        values["prices"], _ = prices.read(values["prices"])
    if "margin" in values:
        values["margin"] = float(values["margin"])
    for key in FOLDERS:
        if key in values:
            values[key] = path.parent / named_path.expanded(values[key])
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


def _problems(path: Path, text: str, values: dict[str, Any]) -> Iterable[Problem]:
    """Yield (location, message)."""
    keys = [f.name for f in fields(Config)]
    for key, value in values.items():
        where = _place(path, text, key)
        if key not in keys:
            yield (key,), f'{where}: no key "{key}"{nearest(key, keys)}'
        elif key == "theme" and not isinstance(value, str):
            yield (key,), f'{where}: "theme" is a name in quotes, not {toml_text.shown(value)}'
        elif key == "margin" and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 4):
            yield (key,), f'{where}: "margin" is a number of grades above 0 and below 4, not {toml_text.shown(value)}'
        elif key in FOLDERS and (not isinstance(value, str) or not value):
            yield (key,), f'{where}: "{key}" is {FOLDERS[key]} in quotes, not {toml_text.shown(value)}'
        elif key in FOLDERS and (impossible := named_path.problem(value)):
            yield (key,), f'{where}: "{key}" {impossible.rstrip(".")}'
        elif key == "worker_patience" and not _is_seconds(value):
            words = f'"worker_patience" is a number of seconds, or 0 to wait for ever, not {toml_text.shown(value)}'
            yield (key,), f"{where}: {words}"
        elif key == "mouse" and not isinstance(value, bool):
            yield (key,), f'{where}: "mouse" is true or false, not {toml_text.shown(value)}'
        elif key == "redraw" and value not in REDRAWS:
            yield (key,), f'{where}: "redraw" is "changes" or "full", not {toml_text.shown(value)}'


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _keymap_problems(path: Path, text: str, keymap: Any, key_ids: tuple[str, ...]) -> Iterable[Problem]:
    if keymap is None:
        return
    if not isinstance(keymap, dict):
        yield (
            ("keymap",),
            f'{_place(path, text, "keymap")}: "keymap" is a table: [keymap], then lines like "compare.next" = "n"',
        )
        return
    for key_id, keys in _flat(keymap):
        where = _place(path, text, "keymap", key_id)
        if key_ids and key_id not in key_ids:
            yield ("keymap", key_id), f'{where}: no key id "{key_id}"{nearest(key_id, key_ids)}'
        elif not isinstance(keys, str) or not keys.strip():
            yield ("keymap", key_id), f'{where}: "{key_id}" is a text of keys, e.g. "n" or "n,down"'
        elif wrong := [key for key in keys.split(",") if not _KEY.fullmatch(key.strip())]:
            said = toml_text.shown(wrong[0])
            yield ("keymap", key_id), f'{where}: "{key_id}" has {said}, which is no key; e.g. "n" or "ctrl+n"'


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
