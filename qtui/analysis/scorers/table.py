"""The table of scorers: a row for every pair, scorer and group of tasks, with its verdict against the scorer's own margin.

The unit is the task: scores of several samples are averaged first. Accuracies (every score 0 or 1, one sample) get the intervals of
paired proportions, other scores Student's of the paired differences, as grades do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis import pairing, scores, yardsticks
from qtui.analysis import verdict as verdicts
from qtui.analysis.behaviour import mcnemar
from qtui.analysis.conditions import compare, prompt_difference
from qtui.analysis.corrections import holm
from qtui.analysis.flags import flag_answers
from qtui.analysis.score_table import conditions_by_variant
from qtui.analysis.scorers import paired_proportions
from qtui.analysis.scorers.claims import STUDENT, claim_p, conclude, guards_of, tasks_needed
from qtui.analysis.scorers.paired_proportions import PairedCounts
from qtui.analysis.scorers.recovery import recovery
from qtui.analysis.verdict import Guard
from qtui.figures.pair import Interval
from qtui.figures.scorers import GroupKind, ScorerRow, ScorerTable
from qtui.format import p_in_sentence

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScorerOfRun:
    """A scorer of a run: its name, its kind and its margin."""

    experiment: Any
    name: str
    kind: str
    margin: float


def scorer_table(
    answers: pd.DataFrame,
    tasks: pd.DataFrame,
    found: pd.DataFrame,
    conditions: pd.DataFrame,
    scorers: Sequence[ScorerOfRun],
    *,
    flags: pd.DataFrame | None = None,
    experiments: Mapping[Any, str] | None = None,
) -> ScorerTable:
    """Return the rows, unrounded. `found` has experiment, model, variant, task, sample, scorer, score (NaN is unscored).

    `tasks` has experiment, task, subset, category; the other frames are as for `score_table`.
    """
    pairs = list(
        pairing.pairs(pairing.variants(answers, flag_answers(answers, tasks) if flags is None else flags, tasks))
    )
    known = conditions_by_variant(conditions)
    by_scorer = {
        key: rows.set_index(["task", "sample"])["score"].astype(np.float64)
        for key, rows in found.drop_duplicates(
            ["experiment", "model", "variant", "scorer", "task", "sample"], keep="last"
        ).groupby(["experiment", "model", "variant", "scorer"], sort=False)
    }
    rows: list[ScorerRow] = []
    for pair in pairs:
        differences = compare(known.get(pair.baseline.key, {}), known.get(pair.candidate.key, {}))
        reasons = [*differences.confounded, *filter(None, [prompt_difference(pair)])]
        bare = verdicts.bare_prompt_guard(differences.asked_bare)
        guards = [*([Guard("confounded", "; ".join(reasons))] if reasons else []), *([bare] if bare else [])]
        context = _Context(
            pair, (experiments or {}).get(pair.experiment, str(pair.experiment)), tuple(guards), differences.notes
        )
        for scorer in scorers:
            if scorer.experiment != pair.experiment:
                continue
            scored = _scored_pair(pair, by_scorer, scorer.name)
            if scored is not None:
                rows += [_row(context, scorer, group, scored) for group in _groups(scored, tasks, pair.experiment)]
    rows = _adjust_by_holm(rows)
    return ScorerTable(tuple(rows), _notes(rows))


@dataclass(frozen=True, slots=True)
class _Context:
    """What all rows of a pair share."""

    pair: pairing.Pair
    experiment: str
    guards: tuple[Guard, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _ScoredPair:
    """The answers of a pair that the scorer was asked about, with `score_b` and `score_c`, NaN if unscored."""

    answers: pd.DataFrame


def _scored_pair(pair: pairing.Pair, by_scorer: Mapping[Any, "pd.Series[float]"], name: str) -> _ScoredPair | None:
    sides = [by_scorer[key] for side in (pair.baseline, pair.candidate) if (key := (*side.key, name)) in by_scorer]
    if len(sides) < 2:
        return None
    keys = pd.MultiIndex.from_frame(pair.answers[["task", "sample"]])
    asked = keys.isin(sides[0].index) & keys.isin(sides[1].index)
    columns = {f"score_{side}": scores_of.reindex(keys).to_numpy() for side, scores_of in zip("bc", sides, strict=True)}
    return _ScoredPair(pair.answers.assign(**columns)[asked])


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    kind: GroupKind
    name: str
    tasks: frozenset[Any] | None
    """None is all."""


def _groups(scored: _ScoredPair, tasks: pd.DataFrame, experiment: Any) -> Iterator[_Group]:
    """Yield all tasks, then each task set and each category if the scorer scored several of them."""
    yield _Group("all", "", None)
    own = tasks[(tasks["experiment"] == experiment) & tasks["task"].isin(scored.answers["task"])]
    kinds: tuple[tuple[GroupKind, str], ...] = (("task set", "subset"), ("category", "category"))
    for kind, column in kinds:
        if column not in own or own[column].nunique() < 2:
            continue
        for name, rows in own.groupby(column, sort=False):
            if name:
                yield _Group(kind, str(name), frozenset(rows["task"]))


def _row(context: _Context, scorer: ScorerOfRun, group: _Group, scored: _ScoredPair) -> ScorerRow:
    answers = scored.answers if group.tasks is None else scored.answers[scored.answers["task"].isin(group.tasks)]
    both = answers[answers["score_b"].notna() & answers["score_c"].notna()]
    b, c = pairing.Pair(context.pair.baseline, context.pair.candidate, both).by_task("score")
    result, counts = scores.paired(b, c, margin=scorer.margin), _counts(b, c)
    # Without any change Student's interval is a point, as if nothing could change; counts of changes say how much may.
    changes = counts or (PairedCounts(result.n, 0, 0, 0) if result.n and result.ties == result.n else None)
    is_binary = bool(both[["score_b", "score_c"]].isin([0.0, 1.0]).all(axis=None))
    interval90, interval95 = _intervals(result, changes)
    rule = verdicts.decide(interval90, scorer.margin) if interval90 else None
    guards = (*context.guards, *guards_of(answers, b, rule))
    recovered = recovery(b, c, counts)
    answered = int(answers["task"].nunique())
    needed = tasks_needed(result, changes, scorer.margin)
    verdict, text = conclude(result, interval90, rule, guards, margin=scorer.margin, answered=answered, needed=needed)
    return ScorerRow(
        run_id=context.pair.experiment,
        experiment=context.experiment,
        model=context.pair.model,
        baseline=context.pair.baseline.name,
        candidate=context.pair.candidate.name,
        scorer=scorer.name,
        kind=scorer.kind,
        group_kind=group.kind,
        group=group.name,
        n=result.n,
        answered=answered,
        unscored=answered - result.n,
        is_binary=is_binary and result.n > 0,
        baseline_mean=result.baseline_mean,
        candidate_mean=result.candidate_mean,
        difference=result.difference,
        interval90=interval90,
        interval95=interval95,
        interval_method=paired_proportions.DIFFERENCE_METHOD if changes is not None else STUDENT,
        wins=result.wins or 0,
        ties=result.ties or 0,
        losses=result.losses or 0,
        right_to_wrong=result.losses if is_binary else None,
        wrong_to_right=result.wins if is_binary else None,
        mcnemar_p=mcnemar(b, c).p if is_binary and result.n else None,
        recovery=recovered.value,
        recovery_interval90=recovered.interval90,
        recovery_interval95=recovered.interval95,
        recovery_method=recovered.method,
        verdict=verdict,
        verdict_text=yardsticks.LEADS.get(context.pair.candidate.role, "") + text,
        rule=rule,
        guards=tuple(map(str, guards)),
        notes=context.notes,
        margin=scorer.margin,
        claim_p=None if guards or rule is None else claim_p(rule, result, changes, scorer.margin),
        tasks_needed=needed,
        role=context.pair.candidate.role,
    )


def _intervals(result: scores.PairedScores, counts: PairedCounts | None) -> tuple[Interval | None, Interval | None]:
    if counts is None:
        return result.interval90, result.interval95
    return paired_proportions.difference_interval(counts, 0.90), paired_proportions.difference_interval(counts, 0.95)


def _counts(b: Floats, c: Floats) -> PairedCounts | None:
    """Return the counts of right tasks; None if a score is neither 0 nor 1, or if there is none."""
    if not b.size or not (np.isin(b, (0.0, 1.0)).all() and np.isin(c, (0.0, 1.0)).all()):
        return None
    right_b, right_c = b == 1, c == 1
    return PairedCounts(
        int((right_b & right_c).sum()),
        int((right_b & ~right_c).sum()),
        int((~right_b & right_c).sum()),
        int((~right_b & ~right_c).sum()),
    )


def _adjust_by_holm(rows: Sequence[ScorerRow]) -> list[ScorerRow]:
    """Return the rows, Holm-adjusted over a family: the claims of one run, scorer and kind of group, over all pairs."""
    families: dict[tuple[Any, ...], list[int]] = {}
    for i, row in enumerate(rows):
        if row.claim_p is not None:
            families.setdefault((row.run_id, row.scorer, row.group_kind), []).append(i)
    adjusted = list(rows)
    for family in families.values():
        for i, p in zip(family, holm([rows[i].claim_p for i in family]), strict=True):
            text = rows[i].verdict_text
            if p is not None and p > 0.05 and rows[i].verdict != "inconclusive":
                text += f"; not significant after Holm adjustment over {len(family)} comparisons ({p_in_sentence(p)})"
            adjusted[i] = replace(rows[i], claim_p_holm=p, comparisons=len(family), verdict_text=text)
    return adjusted


def _notes(rows: Sequence[ScorerRow]) -> tuple[str, ...]:
    if not rows:
        return ()
    notes = [
        "scores are 0 to 100; intervals are 90 %, per comparison; each verdict is a one-sided claim at 5 %",
        "recovery is the candidate's mean as a share of the baseline's",
    ]
    families = {
        (row.run_id, row.scorer, row.group_kind): row.comparisons for row in rows if row.claim_p_holm is not None
    }
    if any(size > 1 for size in families.values()):
        notes.append(
            "claims are Holm-adjusted (claim_p_holm) over the pairs of one run and scorer; those by task set over all its pairs and"
            " task sets, those by category over all its pairs and categories"
        )
    return tuple(notes)
