"""The catalog: models that qtui knows by name (`data/models.toml`), and the user's own in a file of the same form.

An entry says where weights are, how the model wants to be asked, and what is known of how it was made.
"""

import functools
import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from qtui import paths
from qtui.errors import UserError
from qtui.toml_location import line_of

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One model. Texts that are not known say `unknown`; None means that there is no such thing."""

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
    """The checkpoint brings modelling code of its own, which runs only if an experiment asks for it."""
    dtype: str = UNKNOWN
    context_length: int | None = None
    vocab_size: int | None = None
    license: str = UNKNOWN
    prompt: str | None = None
    """The prompt's format with the slots {system} and {input}; None: the tokenizer's chat template, or the bare input."""
    system: str | None = None
    bos: bool | None = None
    stop: tuple[str, ...] = ()
    base_model: str = UNKNOWN
    tokenizer: str = UNKNOWN
    pretraining_data: str = UNKNOWN
    pretraining_tokens: str = UNKNOWN
    finetuning_data: str = UNKNOWN
    training_method: str = UNKNOWN

    @property
    def template(self) -> str | None:
        """The format as a Jinja chat template for one turn, as engines want it."""
        if self.prompt is None:
            return None
        parts = {"{input}": "{{ messages[-1]['content'] }}", "{system}": "{{ messages[0]['content'] }}"}
        text = self.prompt
        for slot, expression in parts.items():
            text = text.replace(slot, expression)
        # Jinja drops one newline at the end of a template.
        return text + "\n" if text.endswith("\n") else text

    def weights_for(self, engine: str) -> str:
        """What to load: the hub's checkpoint, or `repo:file.gguf` for llama.cpp where there is one."""
        if engine == "llama.cpp" and self.gguf_repo and self.gguf_file:
            return f"{self.gguf_repo}:{self.gguf_file}"
        return self.hf_repo


def entries() -> tuple[Entry, ...]:
    """All entries; one of the user's replaces one of the same name. Raises UserError naming file, line and key."""
    own = paths.user_catalog()
    found = {entry.name: entry for entry in _read(paths.data() / "models.toml", _changed(paths.data() / "models.toml"))}
    if own.exists():
        found |= {entry.name: entry for entry in _read(own, _changed(own))}
    return tuple(found.values())


def find(name: str) -> Entry | None:
    """The entry of that name or hub repository, upper and lower case alike."""
    wanted = name.casefold()
    return next((e for e in entries() if wanted in (e.name.casefold(), e.hf_repo.casefold())), None)


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
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path}: is not valid TOML: {error}") from None
    for key in tables:
        if key != "model":
            raise UserError(f"{path}:{line_of(text, (key,))}: {key}: no such table; entries are [[model]].")
    return tuple(_entry(table, path, text, i) for i, table in enumerate(tables.get("model", [])))


def _entry(table: dict[str, Any], path: Path, text: str, index: int) -> Entry:
    known = [field.name for field in fields(Entry)]
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f" (keys: {', '.join(known)})"
            raise UserError(f"{path}:{line_of(text, ('model', index, key))}: {key}: no such key{hint}.")
    for key in ("name", "hf_repo"):
        if not isinstance(table.get(key), str):
            raise UserError(f"{path}:{line_of(text, ('model', index))}: {key}: is missing.")
    values = dict(table)
    values["stop"] = tuple(table.get("stop", ()))
    return Entry(**values)
