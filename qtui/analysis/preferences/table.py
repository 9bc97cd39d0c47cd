"""The table of preferences: a row for every pair and judge that compares, with its win rate and the verdict on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from qtui.analysis import pairing, yardsticks
from qtui.analysis import verdict as verdicts
from qtui.analysis.corrections import holm
from qtui.analysis.flags import flag_answers
from qtui.analysis.lengths import sign_test
from qtui.analysis.preferences.outcomes import Comparisons, by_answer, comparisons, retest
from qtui.analysis.preferences.win_rate import WinRate, win_rate
from qtui.analysis.score_table import conditions_by_variant, conditions_of_pair
from qtui.analysis.scores import SAME
from qtui.analysis.units import means
from qtui.analysis.verdict import Guard, VerdictName
from qtui.figures.preferences import EVEN, PreferenceRow, PreferenceTable
from qtui.format import number, p_in_sentence

UNCONFIRMED_SHARE = 0.5
"""Smallest share of the comparisons with a preference that the other order does not confirm at which no claim of no loss stands.

A preference that turns with the order, or that is a tie in the other one, counts as a tie, whatever the answers are worth. With a
share f of such comparisons, a loss common to all answers is measured as (1 − f) of its size: at one half, twice the margin is
measured as the margin.
"""
TIE_SHARE = 0.9
"""The same for comparisons that the judge calls a tie in both orders; as for grades, see `verdict.SAME_GRADE_SHARE`."""


@dataclass(frozen=True, slots=True)
class PairwiseJudge:
    """A judge of a run that compares, with the margin of its win rates."""

    experiment: Any
    name: str
    margin: float


def preference_table(
    answers: pd.DataFrame,
    tasks: pd.DataFrame,
    replies: pd.DataFrame,
    conditions: pd.DataFrame,
    judges: Sequence[PairwiseJudge],
    *,
    flags: pd.DataFrame | None = None,
    experiments: Mapping[Any, str] | None = None,
) -> PreferenceTable:
    """Return the rows, unrounded, also of pairs that a judge has not compared yet.

    `replies` has experiment, model, baseline, candidate, judge and the columns of `outcomes.comparisons`; the other frames are as
    for `score_table`.
    """
    flagged = flag_answers(answers, tasks) if flags is None else flags
    known = conditions_by_variant(conditions)
    of_pair = dict(list(replies.groupby(["experiment", "model", "baseline", "candidate", "judge"], sort=False)))
    rows: list[PreferenceRow] = []
    for pair in pairing.pairs(pairing.variants(answers, flagged, tasks)):
        differences = conditions_of_pair(pair, known.get(pair.baseline.key, {}), known.get(pair.candidate.key, {}))
        reasons = [Guard("confounded", "; ".join(differences.confounded))] if differences.confounded else []
        bare = verdicts.bare_prompt_guard(differences.asked_bare)
        context = _Context(pair, (*reasons, *([bare] if bare else [])), differences.notes)
        for judge in judges:
            if judge.experiment != pair.experiment:
                continue
            key = (pair.experiment, pair.model, pair.baseline.name, pair.candidate.name, judge.name)
            name = (experiments or {}).get(pair.experiment, str(pair.experiment))
            rows.append(_row(context, judge, of_pair.get(key, replies.head(0)), name))
    rows = _adjust_by_holm(rows)
    return PreferenceTable(tuple(rows), _notes(rows))


@dataclass(frozen=True, slots=True)
class _Context:
    """What all rows of a pair share."""

    pair: pairing.Pair
    guards: tuple[Guard, ...]
    notes: tuple[str, ...]


def _row(context: _Context, judge: PairwiseJudge, replies: pd.DataFrame, experiment: str) -> PreferenceRow:
    pair = context.pair
    compared = comparisons(replies)
    judged = by_answer(pair, compared)
    rate = win_rate(judged, judge.margin)
    interval90 = rate.interval(0.90)
    rule = _rule(interval90, judge.margin)
    guards = (*context.guards, *_guards(pair, compared, rule, judged.unit_count))
    verdict, text = _conclude(rate, rule, guards, answered=int(pair.tasks.size), margin=judge.margin)
    outcome, asked = compared.outcome, compared.asked
    is_equal = ~asked & (outcome == EVEN)
    first, second = compared.places
    return PreferenceRow(
        run_id=pair.experiment,
        experiment=experiment,
        model=pair.model,
        baseline=pair.baseline.name,
        candidate=pair.candidate.name,
        judge=judge.name,
        n=rate.result.n,
        answered=int(pair.tasks.size),
        unjudged=int(pair.tasks.size) - rate.result.n,
        units=rate.result.units,
        takes=int(compared.frame["take"].nunique()),
        judged=len(compared.frame),
        unread=compared.unread,
        wins=int((outcome == 1).sum()),
        losses=int((outcome == 0).sum()),
        ties=int((outcome == EVEN).sum()),
        turned=int(compared.turned.sum()),
        one_order=int(compared.one_order.sum()),
        equal=int(is_equal.sum()),
        win_rate=rate.rate,
        interval90=interval90,
        interval95=rate.interval(0.95),
        interval_method=rate.method,
        difference=rate.result.difference,
        verdict=verdict,
        verdict_text=yardsticks.LEADS.get(pair.candidate.role, "") + text,
        rule=rule,
        guards=tuple(map(str, guards)),
        notes=context.notes,
        margin=judge.margin,
        sign_p=_sign_p(judged, "win_c", EVEN),
        claim_p=None if guards or rule is None else rate.claim_p(rule, judge.margin),
        tasks_needed=rate.tasks_needed(judge.margin),
        first_preferred=first,
        second_preferred=second,
        first_share=first / (first + second) if first + second else None,
        position_p=_sign_p(judged, "place_c", 0.0),
        retest=retest(replies),
        role=pair.candidate.role,
    )


def _rule(interval90: tuple[float, float] | None, margin: float) -> VerdictName | None:
    return verdicts.decide((interval90[0] - EVEN, interval90[1] - EVEN), margin) if interval90 else None


def _guards(pair: pairing.Pair, compared: Comparisons, rule: VerdictName | None, units: int) -> tuple[Guard, ...]:
    empty_b, empty_c = (int(pair.answers[f"empty_{side}"].sum()) for side in "bc")
    others = (
        _habit_guard(compared) if rule in verdicts.CLAIMS_NO_LOSS else None,
        verdicts.empty_answers_guard(len(pair.answers), empty_b, empty_c),
        verdicts.few_tasks_guard(units) if len(compared.frame) else None,
    )
    return tuple(guard for guard in others if guard is not None)


def _habit_guard(compared: Comparisons) -> Guard | None:
    """Return a guard if the judge's replies follow from its habit rather than from the answers."""
    asked, unconfirmed = compared.asked, compared.turned | compared.one_order
    total, turned, lost = int(asked.sum()), int(compared.turned.sum()), int(unconfirmed.sum())
    ties = int((asked & (compared.outcome == EVEN) & ~unconfirmed).sum())
    if total and lost >= UNCONFIRMED_SHARE * (total - ties) > 0:
        detail = f"{lost} of {total - ties} preferences turn with the order of the answers"
        if turned < lost:
            detail = f"{lost} of {total - ties} preferences do not hold in both orders of the answers ({turned} turn)"
    elif total and ties >= TIE_SHARE * total:
        detail = f"{ties} of {total} comparisons of answers that differ are ties in both orders"
    else:
        return None
    return Guard("no discrimination", f"{detail}; this judge cannot show a loss here")


def _sign_p(judged: pairing.Pair, column: str, middle: float) -> float | None:
    """Return the exact sign test over units of a column (of the candidate) against its middle; None without units."""
    values = means(judged.by_task(column.removesuffix("_c"))[1], judged.units) - middle
    return sign_test(int((values > SAME).sum()), int((values < -SAME).sum())) if values.size else None


def _conclude(
    rate: WinRate, rule: VerdictName | None, guards: Sequence[Guard], *, answered: int, margin: float
) -> tuple[VerdictName, str]:
    if rate.result.n == 0:
        reasons = "; ".join(map(str, guards))
        text = f"unjudged: no comparison could be read in both orders in any of {answered} tasks"
        return "ungraded", f"{text}; {reasons}" if reasons else text
    interval90 = rate.interval(0.90)
    if guards or rule is None or interval90 is None:
        return "guarded", verdicts.guarded_sentence(guards, _measured(rate, interval90))
    between = f"win rate between {number(interval90[0], 2)} and {number(interval90[1], 2)}"
    if rule == "inconclusive":
        needed = rate.tasks_needed(margin)
        more = 0 if needed is None else needed - rate.result.n
        return rule, f"inconclusive: {between}" + (
            f"; needs about {verdicts.about(more)} more tasks" if more > 0 else ""
        )
    claims = {
        "equivalent": f"equivalent within ±{margin:g} of 0.5",
        "higher": "preferred",
        "not_worse": f"not below 0.5 by more than {margin:g}",
        "worse": f"below 0.5 by more than {margin:g}",
        "lower": "preferred less, by how much is unclear",
    }
    return rule, f"{claims[rule]}: {between}"


def _measured(rate: WinRate, interval90: tuple[float, float] | None) -> str:
    between = f" (between {number(interval90[0], 2)} and {number(interval90[1], 2)})" if interval90 else ""
    return f"win rate {number(rate.rate, 2)}{between}"


def _adjust_by_holm(rows: Sequence[PreferenceRow]) -> list[PreferenceRow]:
    """Return the rows, Holm-adjusted per run and judge: the claims of the verdicts, and apart from them the sign tests."""
    adjusted = list(rows)
    families: dict[tuple[Any, str], list[int]] = {}
    for i, row in enumerate(rows):
        if row.n:
            families.setdefault((row.run_id, row.judge), []).append(i)
    for family in families.values():
        claims = holm([rows[i].claim_p for i in family])
        signs = holm([rows[i].sign_p for i in family])
        size = sum(p is not None for p in claims)
        for i, claim, sign in zip(family, claims, signs, strict=True):
            text = rows[i].verdict_text
            if claim is not None and claim > 0.05 and rows[i].verdict != "inconclusive":
                text += f"; not significant after Holm adjustment over {size} comparisons ({p_in_sentence(claim)})"
            adjusted[i] = replace(rows[i], claim_p_holm=claim, sign_p_holm=sign, comparisons=size, verdict_text=text)
    return adjusted


def _notes(rows: Sequence[PreferenceRow]) -> tuple[str, ...]:
    if not rows:
        return ()
    notes = [
        "a win rate counts ties half; a preference that turns with the order of the answers is a tie; intervals are 90 %, per"
        " comparison; each verdict is a one-sided claim at 5 %",
    ]
    if any(row.comparisons > 1 for row in rows):
        notes.append(
            "claims (claim_p_holm) and sign tests (sign_p_holm) are Holm-adjusted over the pairs of one run and judge"
        )
    return tuple(notes)
