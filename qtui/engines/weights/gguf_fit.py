"""Whether the numbers in a GGUF file's metadata can be true of the tensors that it has.

llama.cpp takes memory by these numbers before it compares them with the tensors, and ends the whole process where one is beyond
what it was built for. A number of tokens as context that is none would become an answer of no or of negative length.
"""

import math
from collections.abc import Collection

from qtui.engines.weights.gguf_file import GgufHeader, TensorInfo
from qtui.errors import UserError, shortened

MOST_TOKENS = 2**31 - 1
"""llama.cpp counts tokens in 32 bits with a sign."""
HARMLESS = 2**20
"""A size up to this one is left to llama.cpp, which compares it with the tensors."""
_SIZES = (
    "embedding_length", "feed_forward_length", "expert_feed_forward_length", "attention.head_count", "attention.head_count_kv",
    "attention.key_length", "attention.value_length", "rope.dimension_count", "expert_count", "expert_used_count", "vocab_size",
    "ssm.inner_size", "ssm.state_size", "ssm.conv_kernel",
)  # fmt: skip
"""Sizes that cannot be larger than the number of all weights. A file may have a list of them, one per layer."""
_TOKENS = ("bos", "eos", "eot", "eom", "unknown", "padding", "seperator", "mask", "cls")
"""Names of ids of tokens, as the format spells them."""


def check(header: GgufHeader, tensors: Collection[TensorInfo]) -> None:
    """Raise UserError with file and key if a number cannot be true. `tensors` are those of all files of the model."""
    weights = max(HARMLESS, sum(math.prod(tensor.shape) for tensor in tensors))
    prefix = header.architecture
    _check(header, f"{prefix}.context_length", MOST_TOKENS, "tokens at most are possible")
    if not tensors:
        return  # a vocabulary alone
    _check(header, f"{prefix}.block_count", len(tensors), "is the number of its tensors")
    for key in _SIZES:
        _check(header, f"{prefix}.{key}", weights, "is the most that its tensors allow", least=0)
    for name in _TOKENS:
        key = f"tokenizer.ggml.{name}_token_id"
        if header.values.get(key) != MOST_TOKENS * 2 + 1:  # -1 in 32 bits: there is none
            _check(header, key, MOST_TOKENS, "tokens at most are possible", least=-1)


def _check(header: GgufHeader, key: str, most: int, what: str, *, least: int = 1) -> None:
    value = header.values.get(key)
    numbers = value if isinstance(value, list) else [] if value is None or not _is_scalar(value) else [value]
    for number in numbers:
        if type(number) is not int or not least <= number <= most:
            raise UserError(
                f"{header.path}: {key} is {shortened(repr(number), 60)}, which cannot be: {most:,} {what}; download it again"
            )


def _is_scalar(value: object) -> bool:
    """Whether a value was read, and not only its place: long lists are skipped."""
    return isinstance(value, str | int | float)
