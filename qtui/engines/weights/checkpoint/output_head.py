"""A model's last matrix (the output head), which is a tensor of its own or the embedding again.

A config says with `tie_word_embeddings` that both are the same. transformers 5 believes the files and not the config: it ties only
if the file has no head, or one that equals the embedding. So does qtui, or the same checkpoint would be two models.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor

_HEADS = ("lm_head.weight", "embed_out.weight")
_EMBEDDINGS = ("embed_tokens.weight", "embed_in.weight", "wte.weight", "embeddings.weight", "word_embeddings.weight")
_CHUNK = 1 << 22
"""Bytes that are compared at once."""


@dataclass(frozen=True, slots=True)
class OutputHead:
    """`absent`: no head in the files; `embedding`: a head and no embedding; `equal`, `differs`: compared with the embedding."""

    state: Literal["absent", "embedding", "equal", "differs", "unknown"]
    name: str = ""
    """The head's name in the files; empty if there is none."""


def find(tensors: Iterable[StoredTensor]) -> OutputHead:
    """Return what the files have as output head. Values are read only if both matrices have the same shape and type."""
    known = list(tensors)
    head = _ending(known, _HEADS)
    embedding = _ending(known, _EMBEDDINGS)
    if not known:
        return OutputHead("unknown")
    if head is None:
        return OutputHead("absent")
    if embedding is None:
        return OutputHead("embedding", head.name)
    if not (head.file.is_file() and embedding.file.is_file()):
        return OutputHead("unknown", head.name)  # only the hub has the values
    return OutputHead("equal" if _are_equal(head, embedding) else "differs", head.name)


def is_tied(config: dict[str, Any]) -> bool:
    """Return whether a config says that head and embedding are one matrix; False if it does not say."""
    inner = config.get("text_config")
    value = config.get("tie_word_embeddings", inner.get("tie_word_embeddings") if isinstance(inner, dict) else None)
    return value is True


def note(head: OutputHead) -> str:
    """Return a sentence for the user if a config that ties the head and the files disagree; else empty."""
    if head.state != "differs":
        return ""
    return (
        f"config.json says tie_word_embeddings, but {head.name} differs from the embedding: the output head of the files is used, "
        "as transformers does"
    )


def _ending(tensors: list[StoredTensor], ends: tuple[str, ...]) -> StoredTensor | None:
    return next((tensor for tensor in tensors if tensor.name.endswith(ends)), None)


def _are_equal(left: StoredTensor, right: StoredTensor) -> bool:
    if (left.dtype, left.shape) != (right.dtype, right.shape):
        return False
    with left.file.open("rb") as one, right.file.open("rb") as other:
        one.seek(left.start)
        other.seek(right.start)
        for begin in range(left.start, left.end, _CHUNK):
            count = min(_CHUNK, left.end - begin)
            if one.read(count) != other.read(count):
                return False
    return True
