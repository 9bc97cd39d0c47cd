"""Facts about one variant of a run: read from its files, measured, or reported as progress by its worker.

The store has them as JSON. An unknown fact is absent there and None here. Keys of another version of qtui are kept in `other`, so
that nothing is lost in a store that two versions use.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantFacts:
    """Sizes are in bytes, times in seconds, speeds in tokens per second."""

    weights_fingerprint: str | None = None
    """SHA-256 of the weights' content; with an endpoint, a hash of its address and the model's name."""
    weights_path: str | None = None
    """The folder or GGUF file; None with an endpoint."""
    file_bytes: int | None = None
    """The size of all files of the weights."""
    tensor_bytes: int | None = None
    """The size of the tensors alone, as llama.cpp counts it."""
    parameters: int | None = None
    """The number of the model's weights."""
    stored_as: str | None = None
    """llama.cpp's name of the type of the file, such as `Q4_K - Medium`."""
    dtype: str | None = None
    """The type in which transformers computes, such as `float32`."""

    engine_version: str | None = None
    """Name and version of the packages that compute."""
    device: str | None = None
    """The device that computes, such as `cuda`; with an endpoint, its address."""
    library: dict[str, str] | None = None
    """The engine's library as it describes itself: instructions, devices, back ends."""
    compute_notes: tuple[str, ...] | None = None
    """Notes for the user: what is not computed as it should be, and how to fix it."""
    rearranges_weights: bool | None = None
    """Whether llama.cpp on a CPU rearranges weights for its fastest kernels."""
    weight_notes: tuple[str, ...] | None = None
    """Notes for the user: where the weights' files are not what their names or the config say, and what was done."""
    computed_as: str | None = None
    """In what form quantized weights are computed, if not as they are stored: `mxfp4, dequantized`."""

    prompt_format: str | None = None
    """A description of the prompts' chat template."""
    prompt_notes: tuple[str, ...] | None = None
    """Sentences for the user on settings of the prompt that have no effect."""
    asked_bare: str | None = None
    """Why a model seems trained for chat although its prompts are the bare tasks, without a chat template; None if they are not."""
    bos: bool | None = None
    """Whether prompts begin with a BOS token."""
    stop_tokens: tuple[str, ...] | None = None
    """Texts of the tokens that end an answer."""

    slots_asked: int | None = None
    """The requested number of answers in progress at once; part of the answers' keys."""
    slots: int | None = None
    """The number of slots that fit into memory."""
    context: int | None = None
    """Tokens that prompt and answer may have together."""
    shared_prompt_tokens: int | None = None
    """The length in tokens of the common beginning of all prompts, which is read once."""
    threads: int | None = None
    """The number of computing threads."""
    load_seconds: float | None = None
    """The duration of loading."""

    loading_fraction: float | None = None
    """Progress of the current loading phase, 0 to 1; None if nothing is loading or its length is unknown."""
    known: int | None = None
    """The number of answers that the store had when the worker planned."""
    answering_started: float | None = None
    """When answering began, in seconds since the epoch; moved by the length of each pause."""
    active: int | None = None
    """The number of answers in progress."""
    rss_bytes: int | None = None
    """Current memory of the worker."""
    gpu_bytes: int | None = None
    """Current memory of the worker on GPUs."""

    prompt_tokens: int | None = None
    """Tokens of all prompts read since loading."""
    completion_tokens: int | None = None
    """Tokens of all answers since loading."""
    seconds: float | None = None
    """The duration of answering."""
    tokens_per_second: float | None = None
    """Tokens of answers, over the whole time of answering."""
    prompt_speed: float | None = None
    """Tokens of prompts per second of reading prompts."""
    generation_speed: float | None = None
    """Tokens of answers per second of passes that read no prompt."""
    idle_slot_share: float | None = None
    """Share of idle slots over all passes, 0 to 1."""
    peak_rss_bytes: int | None = None
    """Peak memory of the worker."""
    peak_gpu_bytes: int | None = None
    """Peak memory of the worker on GPUs."""

    other: dict[str, Any] = field(default_factory=dict)
    """Facts with keys that this version does not know, or with values of an unexpected type."""

    @property
    def is_empty(self) -> bool:
        """Return whether there are no facts yet."""
        return not self.values()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a user should know of the variant, one sentence each."""
        bare = (f"no chat template: the model gets the bare tasks, but {self.asked_bare}",) if self.asked_bare else ()
        return (*(self.compute_notes or ()), *(self.weight_notes or ()), *(self.prompt_notes or ()), *bare)

    def values(self) -> dict[str, Any]:
        """Return the known facts by key."""
        facts = ((each.name, getattr(self, each.name)) for each in fields(self) if each.name != "other")
        return {**{name: value for name, value in facts if value is not None}, **self.other}


def from_json(text: str) -> VariantFacts:
    """Return the facts in a JSON object that any version of qtui wrote."""
    return from_values(json.loads(text))


def from_values(values: dict[str, Any]) -> VariantFacts:
    """Return the facts in a mapping. A value of an unexpected type is kept in `other`."""
    facts: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for name, value in values.items():
        fits = _FITS.get(name)
        if fits is None or not fits(value):
            other[name] = value
        else:
            facts[name] = tuple(value) if isinstance(value, list) else value
    return VariantFacts(**facts, other=other)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def _are_named_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(each, str) for each in value.values())


_CHECKS: dict[Any, Callable[[object], bool]] = {
    str | None: lambda value: isinstance(value, str),
    bool | None: lambda value: isinstance(value, bool),
    int | None: _is_whole_number,
    float | None: _is_number,
    tuple[str, ...] | None: _are_texts,
    dict[str, str] | None: _are_named_texts,
}
_FITS = {each.name: _CHECKS[each.type] for each in fields(VariantFacts) if each.name != "other"}
"""Check of a value's type by name of the fact."""
