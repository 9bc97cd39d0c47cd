"""The table of lengths: every variant described, every pair compared, as `qtui lengths` prints it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from qtui.analysis import lengths, pairing, shapes
from qtui.analysis.behaviour import Behaviour, McNemar, McNemarName, judge_pairs, mcnemar_of
from qtui.analysis.flags import flag_answers
from qtui.analysis.rounding import decimals, significant

FLAG_NAMES: Mapping[str, str] = {
    "empty_raw": "empty_raw",
    "empty_strip": "empty",
    "lt20_raw": "short_raw",
    "lt20_strip": "short",
    "loop": "looping",
    "latin_word": "latin_word",
    "latin_new": "latin_new",
    "latin_phrase": "latin_phrase",
    "latin_majority": "latin_majority",
    "other_language": "other_language",
    "edge_whitespace": "edge_whitespace",
}
"""Name in JSON, as in the reference figures → column of `flag_answers`."""


@dataclass(frozen=True, slots=True)
class VariantLengths:
    """One variant: lengths, number of answers with each flag, shape of the raw lengths.

    `flags["truncated"]` is None where no answer has a finish reason (an import does not know).
    """

    experiment: Any
    model: str
    variant: str
    is_baseline: bool
    raw: lengths.LengthSummary
    stripped: lengths.LengthSummary
    flags: Mapping[str, int | None]
    shape: shapes.Shape | None
    shape_stability: float | None
    shape_shares: Mapping[shapes.Shape, float]
    role: str
    """Of `records.Role`."""

    def to_json(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "model": self.model,
            "variant": self.variant,
            "is_baseline": self.is_baseline,
            "role": self.role,
            "raw": self.raw.to_json(),
            "stripped": self.stripped.to_json(),
            "flags": dict(self.flags),
            "shape": self.shape,
            "shape_stability": decimals(self.shape_stability, 4),
            "shape_shares": {name: decimals(share, 4) for name, share in self.shape_shares.items()},
        }


@dataclass(frozen=True, slots=True)
class PairLengths:
    """A candidate against its baseline. `identical` counts pairs of answers that are equal after stripping."""

    experiment: Any
    model: str
    baseline: str
    candidate: str
    raw: lengths.PairedLengths
    stripped: lengths.PairedLengths
    mcnemar: Mapping[McNemarName, McNemar]
    identical: int
    identical_raw: int
    identical_nonempty: int
    shape_baseline: shapes.Shape | None
    shape_candidate: shapes.Shape | None
    behaviour: Behaviour
    role: str
    """The candidate's."""

    def to_json(self) -> dict[str, Any]:
        return {
            "experiment": self.experiment,
            "model": self.model,
            "baseline": self.baseline,
            "candidate": self.candidate,
            "role": self.role,
            "raw": self.raw.to_json(),
            "stripped": self.stripped.to_json(),
            "mcnemar": {
                name: {"gained": test.gained, "lost": test.lost, "p": significant(test.p, 4)}
                for name, test in self.mcnemar.items()
            },
            "identical": self.identical,
            "identical_raw": self.identical_raw,
            "identical_strip": self.identical,
            "identical_strip_nonempty": self.identical_nonempty,
            "shape_baseline": self.shape_baseline,
            "shape_candidate": self.shape_candidate,
            "behaviour": self.behaviour.name,
            "behaviour_reasons": list(self.behaviour.reasons),
            "behaviour_p_holm": significant(self.behaviour.p, 4),
        }


@dataclass(frozen=True, slots=True)
class LengthTable:
    """All variants, all pairs, and what a reader has to know about them."""

    variants: tuple[VariantLengths, ...]
    pairs: tuple[PairLengths, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Key names of the reference figures, and their rounding; what could not be computed is null."""
        return {
            "variants": [variant.to_json() for variant in self.variants],
            "pairs": [pair.to_json() for pair in self.pairs],
            "notes": list(self.notes),
        }


def length_table(answers: pd.DataFrame, tasks: pd.DataFrame, *, flags: pd.DataFrame | None = None) -> LengthTable:
    """Lengths of every variant and pair of the frame `answers`; `flags` spares a second `flag_answers` of the same frames.

    The tests of a pair are over tasks (samples of a task averaged), the descriptions of a variant over answers.
    """
    found = pairing.variants(answers, flag_answers(answers, tasks) if flags is None else flags)
    described = {variant.key: _variant(variant) for variant in found}
    compared = list(pairing.pairs(found))
    rows = [
        _pair(pair, behaviour, described[pair.baseline.key], described[pair.candidate.key])
        for pair, behaviour in zip(compared, judge_pairs(compared), strict=True)
    ]
    return LengthTable(tuple(described.values()), tuple(rows), _notes(rows))


def _variant(variant: pairing.Variant) -> VariantLengths:
    frame = variant.answers
    raw = variant.column("length_raw")
    shape = shapes.stability(raw)
    counts: dict[str, int | None] = {name: int(frame[column].sum()) for name, column in FLAG_NAMES.items()}
    counts["truncated"] = int(frame["truncated"].sum()) if frame["finish_known"].any() else None
    return VariantLengths(
        *variant.key,
        variant.is_baseline,
        lengths.describe(raw),
        lengths.describe(variant.column("length")),
        counts,
        shape.shape,
        shape.stability,
        shape.shares,
        variant.role,
    )


def _pair(pair: pairing.Pair, behaviour: Behaviour, baseline: VariantLengths, candidate: VariantLengths) -> PairLengths:
    texts_b, texts_c = pair.answers["text_b"].tolist(), pair.answers["text_c"].tolist()
    texts = [
        (b if isinstance(b, str) else "", c if isinstance(c, str) else "")
        for b, c in zip(texts_b, texts_c, strict=True)
    ]
    raw = lengths.paired(*pair.by_task("length_raw"))
    edges = pair.answers["edge_whitespace_b"].any() or pair.answers["edge_whitespace_c"].any()
    stripped = lengths.paired(*pair.by_task("length")) if edges else raw
    same = [b.strip() == c.strip() for b, c in texts]
    return PairLengths(
        pair.experiment,
        pair.model,
        baseline.variant,
        candidate.variant,
        raw,
        stripped,
        mcnemar_of(pair),
        identical=sum(same),
        identical_raw=sum(b == c for b, c in texts),
        identical_nonempty=sum(equal and bool(b.strip()) for equal, (b, _) in zip(same, texts, strict=True)),
        shape_baseline=baseline.shape,
        shape_candidate=candidate.shape,
        behaviour=behaviour,
        role=candidate.role,
    )


def _notes(rows: list[PairLengths]) -> tuple[str, ...]:
    if not rows:
        return (shapes.CAVEAT,)
    holm = "behaviour is Holm-adjusted over the tests of all pairs of an experiment; the p values beside it are not"
    return (shapes.CAVEAT, holm)
