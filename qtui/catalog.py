"""The catalog: models that qtui knows by name (`data/models.toml`), and those of the user in a file of the same format.

An entry has the place of the weights, the model's prompt, and facts about its training.
"""

import functools
import types
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from qtui import paths, prompt_slots
from qtui.errors import UserError
from qtui.files import input_file, toml_text
from qtui.files.toml_location import line_of
from qtui.records import UNKNOWN


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. Unknown texts are `unknown`; None means that the model has no such thing."""

    name: str
    hf_repo: str
    family: str = UNKNOWN
    parameters: str = UNKNOWN
    parameter_count: int | None = None
    gguf_repo: str | None = None
    gguf_file: str | None = None
    gguf_bytes: int | None = None
    architecture: str = UNKNOWN
    trust_remote_code: bool = False
    """Whether the checkpoint needs Python code in its repository, which runs only if an experiment allows it."""
    dtype: str = UNKNOWN
    """The precision in which the study ran the original; if not published, that of its config."""
    context_length: int | None = None
    sliding_window: int | None = None
    """How many tokens back a token attends. llama.cpp ignores this: keep prompt and answer within it."""
    vocab_size: int | None = None
    license: str = UNKNOWN
    prompt: str | None = None
    """The prompt's format with the slots {system} and {input}; None: the tokenizer's chat template, or the bare input."""
    prompt_without_system: str | None = None
    """The format without a system prompt. Not needed if `prompt` has no {system}."""
    system: str | None = None
    bos: bool | None = None
    stop: tuple[str, ...] = ()
    """Texts that end an answer, besides the end tokens of the tokenizer."""
    study_prompt: Literal["official", "own", "unknown"] = "unknown"
    """Whether the study used the prompt of the model's card (`official`) or its `own`, which is not part of qtui."""
    study_sampling: str = UNKNOWN
    base_model: str = UNKNOWN
    tokenizer: str = UNKNOWN
    pretraining_data: str = UNKNOWN
    pretraining_tokens: str = UNKNOWN
    finetuning_data: str = UNKNOWN
    training_method: str = UNKNOWN

    @property
    def template(self) -> str | None:
        """The format as a Jinja chat template for one turn, which engines need."""
        return None if self.prompt is None else prompt_slots.template(self.prompt, self.prompt_without_system)

    def weights_for(self, engine: str) -> str:
        """The weights to load: the checkpoint on the hub, or for llama.cpp `repo:file.gguf` if there is one."""
        if engine == "llama.cpp" and self.gguf_repo and self.gguf_file:
            return f"{self.gguf_repo}:{self.gguf_file}"
        return self.hf_repo


def entries() -> tuple[Entry, ...]:
    """All entries. The user's replace those of the same name. Raises UserError with file, line and key."""
    user_file = paths.user_catalog()
    by_name = {
        entry.name: entry for entry in _read(paths.data() / "models.toml", _changed(paths.data() / "models.toml"))
    }
    if user_file.exists():
        by_name |= {entry.name: entry for entry in _read(user_file, _changed(user_file))}
    return tuple(by_name.values())


def find(name: str) -> Entry | None:
    """The entry of that name or hub repository, ignoring case."""
    folded = name.casefold()
    return next((e for e in entries() if folded in (e.name.casefold(), e.hf_repo.casefold())), None)


def names() -> list[str]:
    return [entry.name for entry in entries()]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error


@functools.lru_cache(maxsize=4)
def _read(path: Path, _changed: int) -> tuple[Entry, ...]:
    try:
        text = input_file.read_text(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    tables = toml_text.parse(text, path)
    for key in tables:
        if key != "model":
            raise UserError(f"{path}:{line_of(text, (key,))}: {key}: no such table; write entries as [[model]].")
    models = tables.get("model", [])
    if not isinstance(models, list) or not all(isinstance(table, dict) for table in models):
        place = f"{path}:{line_of(text, ('model',))}"
        raise UserError(f"{place}: model: {toml_text.shown(models)} is not valid; write entries as [[model]].")
    return tuple(_entry(table, path, text, index) for index, table in enumerate(models))


def _entry(table: dict[str, Any], path: Path, text: str, index: int) -> Entry:
    def problem(key: str, message: str) -> UserError:
        return UserError(f"{path}:{line_of(text, ('model', index, key))}: {key}: {message}.")

    types_by_key = {field.name: field.type for field in fields(Entry)}
    for key, value in table.items():
        if key not in types_by_key:
            near = get_close_matches(key, types_by_key, n=1)
            hint = f"; did you mean {near[0]}?" if near else f" (keys: {', '.join(types_by_key)})"
            raise problem(key, f"no such key{hint}".removesuffix("."))
        if not _is_a(value, types_by_key[key]):
            raise problem(key, f"{toml_text.shown(value)} is not valid: should be {_in_words(types_by_key[key])}")
    for key in ("name", "hf_repo"):
        if key not in table:
            raise UserError(f"{path}:{line_of(text, ('model', index))}: {key}: is missing.")
    for key in ("prompt", "prompt_without_system"):
        if "{input}" not in table.get(key, "{input}"):
            raise problem(key, "has no {input}, the slot for the task's text")
    if "{system}" in table.get("prompt_without_system", ""):
        raise problem("prompt_without_system", "has {system}")
    if table.get("system") and "{system}" not in table.get("prompt", "{system}"):
        raise problem("system", "the prompt has no {system} for it")
    return Entry(**{**table, "stop": tuple(table.get("stop", ()))})


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a TOML value fits a field's type."""
    if get_origin(kind) in (Union, types.UnionType):
        return any(_is_a(value, each) for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return type(value) is kind


def _in_words(kind: Any) -> str:
    words = {str: "a text", int: "a whole number", bool: "true or false"}
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(_in_words(each) for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        return " or ".join(f'"{each}"' for each in get_args(kind))
    return words.get(kind, "a list of texts")
