"""A row of scores in words: a short verdict for a column, the judge by what it measures, and all details in full sentences."""

from collections.abc import Iterable, Mapping, Sequence

from qtui.charts.behaviour_words import behaviour_title
from qtui.charts.lines import Line, Role
from qtui.charts.role_words import is_yardstick, titled
from qtui.figures.published import BASELINE, CANDIDATE, SOURCE, PublishedScore
from qtui.figures.scores import ScoreCause, ScoreRow
from qtui.format import NONE, count, number, signed, span
from qtui.text import safe

VERDICTS = {
    "equivalent": "equivalent",
    "higher": "higher",
    "not_worse": "not worse",
    "worse": "worse",
    "lower": "lower",
    "inconclusive": "inconclusive",
    "guarded": "guarded",
    "ungraded": "no grades yet",
}
GOOD, BAD = ("equivalent", "higher", "not_worse"), ("worse", "lower")
REFERENCE = "reference"
REST = "the rest"
CAUSES = {"other language": "other-language", "unfinished thought": "unfinished-thought"}
"""Kinds of answer as adjectives, where the kind's name is none."""
_NAME = 20


def verdict_word(row: ScoreRow) -> str:
    """The verdict for a column; for a control arm or noise floor its role, since its verdict is not about quantization."""
    return row.role if is_yardstick(row.role) else VERDICTS.get(row.verdict, row.verdict)


def verdict_sign(row: ScoreRow) -> str:
    """One cell that tells good from bad where colours do not."""
    return "✓" if row.verdict in GOOD else "✗" if row.verdict in BAD else "!" if row.verdict == "guarded" else "·"


def judge_name(judge: str | None) -> str:
    """The judge's name for a column, a dash without one."""
    return NONE if judge is None else safe(judge)


def judge_sentence(row: ScoreRow) -> str:
    """A sentence on the judge and on what its grades measure."""
    if row.judge is None:
        return "No judge has graded both variants yet; behaviour and guards need no judge."
    takes = f", {row.takes} takes averaged" if row.takes > 1 else ""
    if row.judge == REFERENCE:
        return f"Graded by reference{takes}: overlap with the reference answer (chrF as {row.scale_name}), not quality."
    return f"Graded {row.scale_name} by {safe(row.judge)}{takes}."


def published_for(row: ScoreRow, published: Iterable[PublishedScore]) -> PublishedScore | None:
    """The study's figures of the same model and the same two variants."""
    if (row.baseline, row.candidate) != (BASELINE, CANDIDATE):
        return None
    return next((p for p in published if p.model == row.model and p.difference is not None), None)


def detail_lines(
    row: ScoreRow, published: PublishedScore | None, notes: Sequence[str] = (), *, with_experiment: bool = False
) -> list[Line]:
    """All about one row, first the verdict and its limits, last the notes of its table: how claims and tests are adjusted.

    The lines may be longer than the screen: the caller wraps them.
    """
    experiment = f"  ({safe(row.experiment)})" if with_experiment else ""
    lines: list[Line] = [
        [
            (f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}", "strong"),
            (experiment, "text"),
        ],
        [(safe(row.verdict_text), _verdict_role(row))],
    ]
    lines += [[(safe(sentence), "text")] for sentence in row.beside]
    lines += [[(f"guard: {safe(guard)}", "warning")] for guard in row.guards if guard not in row.verdict_text]
    lines += [[(safe(note), "faint")] for note in row.notes]
    lines += _behaviour(row)
    lines.append([(judge_sentence(row), "faint")])
    lines.append([])
    lines += _figures(row) if row.n else []
    if published is not None:
        study = f"{number(published.baseline_mean, 2)} → {number(published.candidate_mean, 2)}"
        between = f"unpaired 90 % interval {span(published.interval90)}"
        lines.append(_named(SOURCE, f"{study}, difference {signed(published.difference)}, {between}"))
    if notes:
        lines.append([])
    for note in notes:
        lines.append([(safe(note), "faint")])
    return lines


def _behaviour(row: ScoreRow) -> list[Line]:
    if row.behaviour is None:
        return []
    role: Role = "warning" if row.behaviour_reasons else "text"
    reasons = "; ".join(map(safe, row.behaviour_reasons))
    title = behaviour_title(row.behaviour, row.behaviour_reasons)
    return [[(f"behaviour: {safe(title)}{', ' if reasons else ''}{reasons}", role)]]


def _figures(row: ScoreRow) -> list[Line]:
    graded = f"{row.n} of {row.answered} tasks" + (f", {row.ungraded} ungraded" if row.ungraded else "")
    noise = f" (expected from the judge's noise: {number(row.noise_flips, 1)})" if row.noise_flips is not None else ""
    lines = [
        _named("mean grade", f"{number(row.baseline_mean, 2)} → {number(row.candidate_mean, 2)} over {graded}"),
        _named(
            "difference",
            f"{signed(row.difference)}, 90 % {span(row.interval90)}, 95 % {span(row.interval95)}, SD {number(row.sd, 2)}"
            + ("; intervals not valid: stopped early" if row.stopped_early else ""),
        ),
        _named(
            "tasks",
            f"{row.wins} higher, {row.ties} equal, {row.losses} lower;"
            f" by {row.big:g} or more: {row.big_up} up, {row.big_down} down",
        ),
        _named(
            "flips",
            f"{row.flips_down} fell below grade {row.pass_grade:g}, {row.flips_up} rose to {row.pass_grade:g} or more{noise}",
        ),
        _named("resolution", _resolution(row)),
        *_samples(row),
        *_histogram(row),
    ]
    return [*lines, *_causes(row)]


def _resolution(row: ScoreRow) -> str:
    if not row.sd:
        # With a spread of 0 the formula would claim that any difference is detected.
        return "unknown: the difference is the same in every task"
    needed = f"{row.tasks_needed} tasks would always decide at ±{row.margin:g}; " if row.tasks_needed else ""
    if row.resolution is None:
        return f"{needed}a true difference of {number(row.mde80, 2)} would be detected with 80 % power"
    return ("" if row.resolution.always_decides else needed) + safe(row.resolution.sentence)


def _samples(row: ScoreRow) -> list[Line]:
    return [_named("between samples", safe(row.sample_spread.sentence))] if row.sample_spread else []


def _histogram(row: ScoreRow) -> list[Line]:
    def counts(histogram: Mapping[str, int]) -> str:
        return "  ".join(f"{grade}: {answers:<4}" for grade, answers in histogram.items())

    return [
        _named(f"grades, {safe(row.baseline)}", counts(row.histogram_baseline)),
        _named(f"grades, {safe(row.candidate)}", counts(row.histogram_candidate)),
    ]


def _causes(row: ScoreRow) -> list[Line]:
    return [_named("" if i else "contributions", phrase) for i, phrase in enumerate(contributions(row))]


def contributions(row: ScoreRow) -> list[str]:
    """The parts of the difference by kind of answer, the largest first and all other answers last.

    `−0.02 from 3 much shorter answers`, `−0.06 from the other 49 answers`. Parts that round to 0 are left out; the list is empty if
    only the other answers remain.
    """
    causes = [cause for cause in row.causes if abs(cause.contribution) >= 0.005]
    if all(cause.kind == REST for cause in causes):
        return []
    causes.sort(key=lambda cause: (cause.kind == REST, -abs(cause.contribution)))
    return [f"{signed(cause.contribution)} from {_answers(cause)}" for cause in causes]


def _answers(cause: ScoreCause) -> str:
    answers = cause.baseline + cause.candidate
    if cause.kind == REST:
        return f"the other {count(answers, 'answer')}"
    return count(answers, f"{CAUSES.get(cause.kind, safe(cause.kind))} answer")


def _verdict_role(row: ScoreRow) -> Role:
    return "warning" if row.guards or row.verdict in BAD else "strong"


def _named(name: str, value: str) -> Line:
    return [(f"{name:<{_NAME}} ", "faint"), (value, "text")]
