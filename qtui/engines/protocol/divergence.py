"""The messages between the runner and the process that compares two variants token by token, in the form of `protocol.answering`.

runner  → Comparison
process → Loading*
process → Keyed                      content keys of all answers given, found without loading a model
runner  → Wanted                     indices of `Comparison.given` that are still missing (none: the process ends)
process → Loading*, Loaded
process → (Measured | Pace)*
process → Finished | Failed
"""

from typing import Any

import msgspec

from qtui.engines.protocol.answering import Failed, Finished, Item, Loaded, Loading
from qtui.records import AnswerDivergence, FinishReason, PromptSource, Sampling, VariantSpec


class Given(msgspec.Struct, frozen=True):
    """One answer of the baseline. `item` is an index into `Comparison.items`, `key` the answer's own."""

    item: int
    key: str
    text: str
    finish_reason: FinishReason
    completion_tokens: int | None = None


class Comparison(msgspec.Struct, frozen=True, tag=True):
    """`items` are all that the run asked, so that the prompts can be told to be the same; `given` what there is of answers."""

    baseline: VariantSpec
    candidate: VariantSpec
    sampling: Sampling
    prompt: PromptSource
    items: list[Item]
    given: list[Given]
    allows_cpu: bool = False


class Keyed(msgspec.Struct, frozen=True, tag=True):
    """`keys[i]` belongs to `Comparison.given[i]`; fingerprints are those of the weights."""

    keys: list[str]
    prompt_hash: str
    baseline_fingerprint: str
    candidate_fingerprint: str


class Measured(msgspec.Struct, frozen=True, tag=True):
    """`index` is into `Comparison.given`."""

    index: int
    divergence: AnswerDivergence


class Pace(msgspec.Struct, frozen=True, tag=True):
    """Sums since loading, prompts included: `tokens` went through each of the models."""

    tokens: int
    of: int
    seconds: float


FromDivergence = Keyed | Loading | Loaded | Measured | Pace | Finished | Failed
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromDivergence)


def decode(line: bytes) -> FromDivergence:
    message: FromDivergence = _decode.decode(line)
    return message
