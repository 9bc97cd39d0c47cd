"""The table of lengths: a summary of every variant and a comparison of every pair, as `qtui lengths` prints it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from qtui.analysis import lengths, pairing, shapes
from qtui.analysis.behaviour import BEHAVIOUR_NOTES, Behaviour, mcnemar_tests, pair_behaviours
from qtui.analysis.flags import flag_answers
from qtui.figures.lengths import LengthTable, PairLengths, VariantLengths

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
    "unfinished_thought": "unfinished_thought",
}
"""Name in JSON, as in the reference figures → column of `flag_answers`."""


def length_table(
    answers: pd.DataFrame,
    tasks: pd.DataFrame,
    *,
    flags: pd.DataFrame | None = None,
    experiments: Mapping[Any, str] | None = None,
) -> LengthTable:
    """Return lengths of every variant and pair of the frame `answers`, unrounded; pass `flags` to reuse `flag_answers`.

    The tests of a pair are over tasks (samples of a task averaged, turns of a conversation in one unit), the summaries of a variant
    over answers. `experiments`
    names the experiment of each value of the column `experiment`, which becomes `run_id`.
    """
    variants = pairing.variants(answers, flag_answers(answers, tasks) if flags is None else flags, tasks)
    names = experiments or {}
    described = {
        variant.key: _variant(variant, names.get(variant.experiment, str(variant.experiment))) for variant in variants
    }
    compared = list(pairing.pairs(variants))
    rows = [
        _pair(pair, behaviour, described[pair.baseline.key], described[pair.candidate.key])
        for pair, behaviour in zip(compared, pair_behaviours(compared), strict=True)
    ]
    return LengthTable(tuple(described.values()), tuple(rows), _notes(rows))


def _variant(variant: pairing.Variant, experiment: str) -> VariantLengths:
    frame = variant.answers
    raw = variant.column("length_raw")
    shape = shapes.stability(raw, frame["unit"].to_numpy())
    counts: dict[str, int | None] = {name: int(frame[column].sum()) for name, column in FLAG_NAMES.items()}
    counts["truncated"] = int(frame["truncated"].sum()) if frame["finish_known"].any() else None
    return VariantLengths(
        run_id=variant.experiment,
        experiment=experiment,
        model=variant.model,
        variant=variant.name,
        is_baseline=variant.is_baseline,
        role=variant.role,
        raw=lengths.describe(raw),
        stripped=lengths.describe(variant.column("length")),
        flags=counts,
        shape=shape.shape,
        shape_stability=shape.stability,
        shape_shares={str(name): share for name, share in shape.shares.items()},
        thoughts=int(frame["has_thoughts"].sum()),
        thinking_tokens=_thinking_tokens(frame),
    )


def _thinking_tokens(frame: pd.DataFrame) -> float | None:
    """Return the mean over answers of the tokens spent on thinking; None if an answer has thoughts of an unknown number."""
    tokens = pd.to_numeric(frame["thinking_tokens"], errors="coerce")
    if frame.empty or (frame["has_thoughts"] & tokens.isna()).any():
        return None
    return float(tokens.fillna(0).mean())


def _pair(pair: pairing.Pair, behaviour: Behaviour, baseline: VariantLengths, candidate: VariantLengths) -> PairLengths:
    texts_b, texts_c = pair.answers["text_b"].tolist(), pair.answers["text_c"].tolist()
    texts = [
        (b if isinstance(b, str) else "", c if isinstance(c, str) else "")
        for b, c in zip(texts_b, texts_c, strict=True)
    ]
    raw = lengths.paired(*pair.by_task("length_raw"), units=pair.units)
    edges = pair.answers["edge_whitespace_b"].any() or pair.answers["edge_whitespace_c"].any()
    stripped = lengths.paired(*pair.by_task("length"), units=pair.units) if edges else raw
    same = [b.strip() == c.strip() for b, c in texts]
    return PairLengths(
        run_id=pair.experiment,
        experiment=baseline.experiment,
        model=pair.model,
        baseline=baseline.variant,
        candidate=candidate.variant,
        role=candidate.role,
        raw=raw,
        stripped=stripped,
        mcnemar=mcnemar_tests(pair),
        identical=sum(same),
        identical_raw=sum(b == c for b, c in texts),
        identical_strip=sum(same),
        identical_strip_nonempty=sum(equal and bool(b.strip()) for equal, (b, _) in zip(same, texts, strict=True)),
        shape_baseline=baseline.shape,
        shape_candidate=candidate.shape,
        behaviour=behaviour.name,
        behaviour_reasons=behaviour.reasons,
        behaviour_p_holm=behaviour.p_holm,
        behaviour_p=behaviour.p,
        behaviour_comparisons=behaviour.comparisons,
        behaviour_flags=behaviour.flags,
    )


def _notes(rows: list[PairLengths]) -> tuple[str, ...]:
    if not rows:
        return (shapes.CAVEAT,)
    return (shapes.CAVEAT, *BEHAVIOUR_NOTES, "the other p values are not adjusted")
