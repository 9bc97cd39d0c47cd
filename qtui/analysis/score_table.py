"""The table of scores: one row for every pair and judge, with its verdict, as `qtui scores` prints it.

A pair without grades has a row too, since behaviour and guards need no judge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from qtui.analysis import judge_conditions, pairing, scores, yardsticks
from qtui.analysis import verdict as verdicts
from qtui.analysis.behaviour import BEHAVIOUR_NOTES, Behaviour, pair_behaviours
from qtui.analysis.causes import decompose
from qtui.analysis.conditions import Conditions, compare, prompt_difference
from qtui.analysis.corrections import holm
from qtui.analysis.flags import flag_answers
from qtui.analysis.grades import (
    Floats,
    GradedPair,
    VariantGrades,
    by_variant,
    grade_pair,
    have_one_scale,
    histogram,
    shared_judges,
    task_takes,
)
from qtui.analysis.instrument.resolution import resolution
from qtui.analysis.instrument.sample_spread import sample_spread
from qtui.analysis.scores import PairedScores
from qtui.analysis.thinking import answers_apart
from qtui.analysis.verdict import Guard, VerdictName
from qtui.figures.scores import (
    FIVE_POINTS,
    MARGIN,
    Bounds,
    PairMeasurement,
    ScoreRow,
    ScoresWithoutEmpty,
    ScoreTable,
    margin_on,
)
from qtui.format import p_in_sentence, signed


def score_table(
    answers: pd.DataFrame,
    tasks: pd.DataFrame,
    grades: pd.DataFrame,
    conditions: pd.DataFrame,
    *,
    margin: float = MARGIN,
    flags: pd.DataFrame | None = None,
    experiments: Mapping[Any, str] | None = None,
) -> ScoreTable:
    """Return a row per pair and judge, unrounded; pass `flags` to reuse the result of `flag_answers`.

    `margin` is in grades of 1–5; on another scale it is the same part of that.

    `conditions` has experiment, model, variant, engine, prompt, sampling (JSON text), task_set; the conditions of a variant without
    a row are unknown. A task that is not graded on both sides is left out of the scores and counted in `ungraded`. The values of
    the column `experiment` become `run_id`; `experiments` maps each value to the experiment's name.
    """
    pairs = list(
        pairing.pairs(pairing.variants(answers, flag_answers(answers, tasks) if flags is None else flags, tasks))
    )
    graded = by_variant(grades)
    known_conditions = conditions_by_variant(conditions)
    rows: list[ScoreRow] = []
    measurements: list[PairMeasurement] = []
    for pair, behaviour in zip(pairs, pair_behaviours(pairs), strict=True):
        differences = conditions_of_pair(
            pair, known_conditions.get(pair.baseline.key, {}), known_conditions.get(pair.candidate.key, {})
        )
        grades_b, grades_c = graded.get(pair.baseline.key, {}), graded.get(pair.candidate.key, {})
        experiment = (experiments or {}).get(pair.experiment, str(pair.experiment))
        for judge, sides, judge_guard in _judges_of_pair(grades_b, grades_c):
            row = _score_row(
                pair,
                judge,
                sides,
                experiment=experiment,
                behaviour=behaviour,
                differences=differences,
                judge_guard=judge_guard,
                margin=margin,
            )
            rows.append(row)
            measurements.append(
                PairMeasurement(row.role, row.candidate, len(pair.answers), row.differing, row.difference)
            )
    rows = _add_yardsticks(_adjust_by_holm(rows), measurements)
    return ScoreTable(tuple(rows), margin, _notes(rows, margin))


def conditions_of_pair(pair: pairing.Pair, baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Conditions:
    """Return how the sides differ by their settings and by what their answers show of them."""
    known = compare(baseline, candidate)
    thinking = answers_apart(pair, baseline, candidate)
    confounded = (*known.confounded, *filter(None, [prompt_difference(pair)]), *thinking.confounded)
    return replace(known, confounded=confounded, notes=(*known.notes, *thinking.notes))


_Judged = tuple[str | None, tuple[VariantGrades | None, VariantGrades | None], Guard | None]


def _judges_of_pair(grades_b: Mapping[str, VariantGrades], grades_c: Mapping[str, VariantGrades]) -> list[_Judged]:
    """Return (judge, its grades of both sides, a guard against comparing these grades or None) for each row of a pair."""
    judged: list[_Judged] = []
    for judge in shared_judges(grades_b, grades_c):
        if not have_one_scale(grades_b[judge], grades_c[judge]):
            judged.append((judge, (None, None), Guard("different judges", f"{judge} graded on scales that differ")))
            continue
        sides = grades_b[judge], grades_c[judge]
        judged.append((judge, sides, judge_conditions.changed_guard(judge, sides)))
    if not judged and grades_b and grades_c:
        return [(None, (None, None), Guard("different judges", f"{', '.join(grades_b)} vs {', '.join(grades_c)}"))]
    return judged or [(None, (None, None), None)]


def _score_row(
    pair: pairing.Pair,
    judge: str | None,
    sides: tuple[VariantGrades | None, VariantGrades | None],
    *,
    experiment: str,
    behaviour: Behaviour,
    differences: Conditions,
    judge_guard: Guard | None,
    margin: float,
) -> ScoreRow:
    graded = grade_pair(pair, *sides)
    b, c = graded.pair.by_task("grade")
    scale, margin = graded.scale, margin_on(margin, graded.scale)
    result = scores.paired(b, c, margin=margin, scale=scale, units=graded.pair.units)
    conclusion = _conclude(pair, graded, result, differences, judge_guard, judge=judge, margin=margin)
    takes = (graded.takes_b, graded.takes_c)
    by_task = (task_takes(graded.pair.answers, side) for side in takes)
    noise_flips = [flips for side in by_task if (flips := scores.noise_flips(side, scale)) is not None]
    answered = int(pair.tasks.size)
    return ScoreRow(
        run_id=pair.experiment,
        experiment=experiment,
        model=pair.model,
        baseline=pair.baseline.name,
        candidate=pair.candidate.name,
        judge=judge,
        n=result.n,
        takes=max((side.takes for side in sides if side is not None), default=0),
        baseline_mean=result.baseline_mean,
        candidate_mean=result.candidate_mean,
        difference=result.difference,
        sd=result.sd,
        interval90=result.interval90,
        interval95=result.interval95,
        wins=result.wins,
        ties=result.ties,
        losses=result.losses,
        flips_down=result.flips_down,
        flips_up=result.flips_up,
        verdict=conclusion.verdict,
        verdict_text=yardsticks.LEADS.get(pair.candidate.role, "") + conclusion.text,
        behaviour=behaviour.name,
        behaviour_reasons=behaviour.reasons,
        guards=tuple(map(str, conclusion.guards)),
        mde80=result.mde80,
        notes=(*conclusion.notes, *(judge_conditions.notes(judge, sides) if judge else ())),
        answered=answered,
        ungraded=answered - result.n,
        big_down=result.big_down,
        big_up=result.big_up,
        noise_flips=float(np.mean(noise_flips)) if noise_flips else None,
        p=result.p,
        rule=conclusion.rule,
        claim_p=None if conclusion.guards else _claim_p(result, conclusion.rule, margin),
        claim_p_holm=None,
        comparisons=1,
        behaviour_p_holm=behaviour.p_holm,
        tasks_needed=result.tasks_needed,
        histogram_baseline=_count_by_grade(graded.takes_b, scale),
        histogram_candidate=_count_by_grade(graded.takes_c, scale),
        length_covariate=scores.length_covariate(c - b, *graded.pair.by_task("length"), units=graded.pair.units),
        causes=decompose(graded.pair.answers, graded.d),
        without_empty=conclusion.without_empty,
        margin=margin,
        role=pair.candidate.role,
        differing=yardsticks.differing(pair),
        behaviour_p=behaviour.p,
        behaviour_comparisons=behaviour.comparisons,
        behaviour_flags=behaviour.flags,
        scale=scale,
        units=result.units,
        sample_spread=sample_spread(graded),
        resolution=resolution(graded, result, margin),
    )


@dataclass(frozen=True, slots=True)
class _Conclusion:
    """The verdict of a row and its reasons; the fields are those of `ScoreRow`."""

    rule: VerdictName | None
    verdict: VerdictName
    text: str
    guards: tuple[Guard, ...]
    notes: tuple[str, ...]
    without_empty: ScoresWithoutEmpty | None


def _conclude(
    pair: pairing.Pair,
    graded: GradedPair,
    result: PairedScores,
    differences: Conditions,
    judge_guard: Guard | None,
    *,
    judge: str | None,
    margin: float,
) -> _Conclusion:
    """Return the verdict on a pair: `rule`, which follows from the interval alone, and `verdict`, `guarded` if a guard applies."""
    answered = int(pair.tasks.size)
    without_empty = _score_without_empty(graded.pair, margin)
    rule = verdicts.decide(result.interval90, margin) if result.interval90 else None
    scale_guard = verdicts.end_of_scale_guard(graded.pair.answers["grade_b"].to_numpy(dtype=np.float64), graded.scale)
    claims_no_loss = rule in verdicts.CLAIMS_NO_LOSS
    hides_loss = scale_guard is not None and scale_guard.kind == "floor" and claims_no_loss
    counts = histogram(graded.asked_takes(), graded.scale)
    same_guard = verdicts.same_grade_guard(counts, graded.scale[0]) if claims_no_loss else None
    judge_guards = [judge_guard, scale_guard if hides_loss else None, same_guard]
    guards = _guards(pair, differences, judge_guards, result.units or pair.unit_count)
    verdict, text = _verdict(result, rule, guards, without_empty, answered=answered, judge=judge, margin=margin)
    scale_notes = [verdicts.end_of_scale_note(scale_guard)] if scale_guard is not None and not hides_loss else []
    return _Conclusion(rule, verdict, text, guards, (*differences.notes, *scale_notes), without_empty)


def _count_by_grade(takes: Floats, scale: Bounds) -> dict[str, int]:
    return {str(grade): count for grade, count in enumerate(histogram(takes, scale), start=scale[0])}


def conditions_by_variant(conditions: pd.DataFrame) -> dict[tuple[Any, str, str], Mapping[str, Any]]:
    rows = ({str(name): value for name, value in row.items()} for row in conditions.to_dict("records"))
    return {(row["experiment"], str(row["model"]), str(row["variant"])): row for row in rows}


def _guards(
    pair: pairing.Pair, differences: Conditions, judge_guards: Sequence[Guard | None], n: int
) -> tuple[Guard, ...]:
    confounded = [Guard("confounded", "; ".join(differences.confounded))] if differences.confounded else []
    empty_b, empty_c = (int(pair.answers[f"empty_{side}"].sum()) for side in "bc")
    others = (
        verdicts.bare_prompt_guard(differences.asked_bare),
        *judge_guards,
        verdicts.empty_answers_guard(len(pair.answers), empty_b, empty_c),
        verdicts.few_tasks_guard(n),
    )
    return (*confounded, *(guard for guard in others if guard is not None))


def _score_without_empty(graded: pairing.Pair, margin: float) -> ScoresWithoutEmpty | None:
    """Return scores over the tasks in which no answer of either side is empty; None if no task has an empty answer."""
    empty_b, empty_c = graded.by_task("empty")
    healthy = (empty_b == 0) & (empty_c == 0)
    if healthy.all():
        return None
    b, c = graded.by_task("grade")
    units = None if graded.units is None else graded.units[healthy]
    result = scores.paired(b[healthy], c[healthy], margin=margin, units=units)
    return ScoresWithoutEmpty(result.n, result.difference, result.interval90)


def _verdict(
    result: PairedScores,
    rule: VerdictName | None,
    guards: tuple[Guard, ...],
    without_empty: ScoresWithoutEmpty | None,
    *,
    answered: int,
    judge: str | None,
    margin: float,
) -> tuple[VerdictName, str]:
    if any(guard.kind == "different judges" for guard in guards) and result.n == 0:
        return "guarded", verdicts.guarded_sentence(guards, "")
    if result.n == 0:
        why = (
            "no judge has graded both sides"
            if judge is None
            else f"{judge} graded both sides in none of {answered} tasks"
        )
        return "ungraded", "; ".join(["ungraded: " + why, *map(str, guards)])
    if guards or rule is None or result.interval90 is None:
        unhealthy = any("unhealthy" in guard.kind for guard in guards)
        return "guarded", verdicts.guarded_sentence(
            guards, _describe_difference(result, without_empty if unhealthy else None)
        )
    return rule, verdicts.sentence(rule, result.interval90, n=result.n, tasks_needed=result.tasks_needed, margin=margin)


def _describe_difference(result: PairedScores, without_empty: ScoresWithoutEmpty | None) -> str:
    """Return the difference in words. If `without_empty` is given, it adds the difference over the tasks without empty answers."""
    whole = f"difference {_format_difference(result)}"
    if without_empty is None:
        return whole
    if not without_empty.n:
        return f"{whole}; every task has an empty answer"
    return f"{whole} including empty answers, {_format_difference(without_empty)} over the {without_empty.n} tasks without them"


def _format_difference(result: PairedScores | ScoresWithoutEmpty) -> str:
    assert result.difference is not None
    if result.interval90 is None:
        return signed(result.difference)
    return f"{signed(result.difference)} (between {signed(result.interval90[0])} and {signed(result.interval90[1])})"


def _claim_p(result: PairedScores, rule: VerdictName | None, margin: float) -> float | None:
    if rule is None or result.difference is None or result.se is None or result.df is None:
        return None
    return verdicts.claim_p(rule, result.difference, result.se, result.df, margin)


def _adjust_by_holm(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Return the rows, Holm-adjusted per run and judge. A verdict sentence says if its claim is no longer significant."""
    families: dict[tuple[Any, str | None], list[int]] = {}
    for i, row in enumerate(rows):
        if row.claim_p is not None:
            families.setdefault((row.run_id, row.judge), []).append(i)
    adjusted = list(rows)
    for family in families.values():
        for i, p in zip(family, holm([rows[i].claim_p for i in family]), strict=True):
            text = rows[i].verdict_text
            if p is not None and p > 0.05 and rows[i].verdict != "inconclusive":
                text += f"; not significant after Holm adjustment over {len(family)} comparisons ({p_in_sentence(p)})"
            adjusted[i] = replace(rows[i], claim_p_holm=p, comparisons=len(family), verdict_text=text)
    return adjusted


def _add_yardsticks(rows: Sequence[ScoreRow], measurements: Sequence[PairMeasurement]) -> list[ScoreRow]:
    """Return the rows, each compared with the control arm and noise floor of its model under its judge."""
    groups: dict[tuple[Any, str, str | None], list[PairMeasurement]] = {}
    for row, measurement in zip(rows, measurements, strict=True):
        groups.setdefault((row.run_id, row.model, row.judge), []).append(measurement)
    compared: list[ScoreRow] = []
    for row, measurement in zip(rows, measurements, strict=True):
        others = yardsticks.comparable(measurement, groups[row.run_id, row.model, row.judge])
        compared.append(replace(row, yardsticks=others, beside=yardsticks.sentences(measurement, others)))
    return compared


def _notes(rows: Sequence[ScoreRow], margin: float) -> tuple[str, ...]:
    notes = ["intervals are 90 %, per comparison; each verdict is a one-sided claim at 5 %"]
    others = {row.scale: row for row in rows if row.scale != FIVE_POINTS}
    for scale, row in sorted(others.items()):
        judges = ", ".join(dict.fromkeys(str(each.judge) for each in rows if each.scale == scale))
        notes.append(
            f"{judges} graded {row.scale_name}: the margin ±{margin:g} of 1–5 is ±{row.margin:g} there, the same part of the scale"
        )
    most = max((row.comparisons for row in rows), default=1)
    if most > 1:
        notes.append(f"claims of one run under one judge, up to {most} here, are Holm-adjusted together (claim_p_holm)")
    if any(row.units and row.units < row.n for row in rows):
        notes.append(
            "the turns of a conversation are not independent: intervals and tests are clustered by conversation"
        )
    return (*notes, *(BEHAVIOUR_NOTES if any(row.behaviour for row in rows) else ()))
