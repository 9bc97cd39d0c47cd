"""Messages of the process that compares two variants token by token, in the format of `protocol.answering`.

runner  → Comparison
process → Loading*
process → ContentKeys                keys of all divergences, computed without loading a model
runner  → MissingItems               indices of `Comparison.answers` that are still missing (if none, the process ends)
process → Loading*, ModelsLoaded
process → (MeasuredAnswer | ComparisonProgress)*
process → ComparisonFinished | Failed
"""

from typing import Any

import msgspec

from qtui.engines.protocol.answering import Failed, Item, Loading
from qtui.records import AnswerDivergence, FinishReason, PromptSource, Sampling, VariantSpec
from qtui.variant_facts import VariantFacts


class BaselineAnswer(msgspec.Struct, frozen=True):
    """One answer of the baseline. `item` is an index into `Comparison.items`, `key` the answer's content key."""

    item: int
    key: str
    text: str
    finish_reason: FinishReason
    completion_tokens: int | None = None


class Comparison(msgspec.Struct, frozen=True, tag=True):
    """Two variants to compare.

    `items` are all items of the run, to check that the prompts are the same; `answers` the baseline's.
    """

    baseline: VariantSpec
    candidate: VariantSpec
    sampling: Sampling
    prompt: PromptSource
    items: list[Item]
    answers: list[BaselineAnswer]
    allows_cpu: bool = False
    date: str = ""
    """See `Job.date`."""


class ContentKeys(msgspec.Struct, frozen=True, tag=True):
    """`keys[i]` belongs to `Comparison.answers[i]`; the fingerprints are those of the weights."""

    keys: list[str]
    prompt_hash: str
    baseline_fingerprint: str
    candidate_fingerprint: str


class ModelsLoaded(msgspec.Struct, frozen=True, tag=True):
    """Facts of both models. `candidate` is None if both variants are the same model, which is then loaded once."""

    baseline: VariantFacts
    candidate: VariantFacts | None
    load_seconds: float


class MeasuredAnswer(msgspec.Struct, frozen=True, tag=True):
    """The divergence of one answer. `index` is into `Comparison.answers`."""

    index: int
    divergence: AnswerDivergence


class ComparisonProgress(msgspec.Struct, frozen=True, tag=True):
    """Totals since loading, prompts included: each model has processed `tokens` of `total_tokens`."""

    tokens: int
    total_tokens: int
    seconds: float


class ComparisonFinished(msgspec.Struct, frozen=True, tag=True):
    """All answers are measured. Each model has processed `tokens`, prompts included; `scored` of them have figures."""

    tokens: int = 0
    scored: int = 0
    seconds: float = 0.0
    peak_rss_bytes: int = 0


FromDivergence = (
    ContentKeys | Loading | ModelsLoaded | MeasuredAnswer | ComparisonProgress | ComparisonFinished | Failed
)
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromDivergence)


def decode(line: bytes) -> FromDivergence:
    """Return the message in a line. Raises msgspec.DecodeError for anything else."""
    message: FromDivergence = _decode.decode(line)
    return message
