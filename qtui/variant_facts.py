"""What is known of one variant of a run beside its answers: what a worker found in its files, measured, and says of its progress.

The store keeps it as JSON. A fact that is not known is absent there and None here. Keys of another version of qtui are kept in
`other`, so that a store that two versions use loses nothing.
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
    """How many weights the model has."""
    stored_as: str | None = None
    """llama.cpp's name of the type of the file, such as `Q4_K - Medium`."""
    dtype: str | None = None
    """What transformers computes in, such as `float32`."""

    engine_version: str | None = None
    """Name and version of the packages that compute."""
    device: str | None = None
    """What the model is computed on, such as `cuda`; with an endpoint, its address."""
    library: dict[str, str] | None = None
    """What the engine's library says of itself: instructions, devices, back ends."""
    compute_notes: tuple[str, ...] | None = None
    """For the user: what is not computed as it should be, and what mends it."""
    rearranges_weights: bool | None = None
    """Of llama.cpp on a CPU: whether weights are kept in the order that its fastest kernels want."""

    prompt_format: str | None = None
    """Which chat template made the prompts, in words."""
    bos: bool | None = None
    """Whether prompts begin with a BOS token."""
    stop_tokens: tuple[str, ...] | None = None
    """Texts of the tokens that end an answer."""

    slots_asked: int | None = None
    """How many answers are to be under way at once; part of the answers' keys."""
    slots: int | None = None
    """How many memory has room for."""
    context: int | None = None
    """Tokens that prompt and answer may have together."""
    shared_prompt_tokens: int | None = None
    """How many tokens all prompts begin with alike, which are read once."""
    threads: int | None = None
    """Threads that compute."""
    load_seconds: float | None = None
    """How long loading took."""

    loading_fraction: float | None = None
    """0 to 1, how far the present phase of loading is; None when nothing is loading or its length is not known."""
    known: int | None = None
    """Answers that the store had already when the worker planned."""
    answering_started: float | None = None
    """When answering began, in seconds since the epoch; moved by the length of each pause."""
    active: int | None = None
    """Answers under way now."""
    rss_bytes: int | None = None
    """Memory of the worker now."""
    gpu_bytes: int | None = None
    """Memory on GPUs now."""

    prompt_tokens: int | None = None
    """Of all prompts read since loading."""
    completion_tokens: int | None = None
    """Of all answers since loading."""
    seconds: float | None = None
    """How long answering took."""
    tokens_per_second: float | None = None
    """Tokens of answers, over the whole time of answering."""
    prompt_speed: float | None = None
    """Tokens of prompts per second of reading prompts."""
    generation_speed: float | None = None
    """Tokens of answers per second of passes that read no prompt."""
    idle_slot_share: float | None = None
    """0 to 1, which part of the slots had nothing to do, over all passes."""
    peak_rss_bytes: int | None = None
    """The most memory that the worker had."""
    peak_gpu_bytes: int | None = None
    """The most memory that the worker had on GPUs."""

    other: dict[str, Any] = field(default_factory=dict)
    """Facts under keys that this version does not know, or with values of another kind than it expects."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known yet."""
        return not self.values()

    def values(self) -> dict[str, Any]:
        """The facts that are known, by their keys."""
        facts = ((each.name, getattr(self, each.name)) for each in fields(self) if each.name != "other")
        return {**{name: value for name, value in facts if value is not None}, **self.other}


def from_json(text: str) -> VariantFacts:
    """The facts in a JSON object, of any version of qtui."""
    return from_values(json.loads(text))


def from_values(values: dict[str, Any]) -> VariantFacts:
    """The facts by their keys. A value that is not of its field's kind is left in `other`."""
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
"""By the name of a fact, whether a value is of its kind."""
