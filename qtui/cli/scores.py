"""`qtui scores` and `qtui check`: what a candidate's answers are worth beside the baseline's, to read and as a gate."""

from pathlib import Path

import click

from qtui.charts.role_words import is_yardstick, titled
from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.errors import UserError
from qtui.figures.json_form import to_json
from qtui.figures.published import BASELINE, CANDIDATE, SOURCE
from qtui.figures.scores import MARGIN, ScoreRow, ScoreTable
from qtui.format import count, number, signed, span
from qtui.results.published import published_rows
from qtui.results.score_figures import score_rows
from qtui.text import safe

NOT_MET = 3
MET = ("equivalent", "higher", "not_worse")
"""Verdicts that say: not worse by more than the margin."""
STYLES = {
    "equivalent": "green", "higher": "green", "not_worse": "green", "worse": "bold red", "lower": "red",
    "inconclusive": "yellow", "guarded": "magenta", "ungraded": "dim",
}  # fmt: skip
COLUMNS = (
    Column("Model", flex=True),
    Column("Variants"),
    Column("Tasks", "right"),
    Column("Means", "right"),
    Column("Diff.", "right"),
    Column("90 % interval", "right"),
)


def _configured_margin() -> float:
    from qtui import config

    return config.load().margin


margin_option = click.option(
    "--margin", type=click.FloatRange(0, 4, min_open=True), default=_configured_margin,
    show_default=f"that of config.toml, else {MARGIN:g}", help="A difference of grades below this is no loss.",
)  # fmt: skip


@click.command()
@margin_option
@runs_options
@json_option
@store_option
def scores(*, margin: float, experiment: str | None, run_id: int | None, as_json: bool, store: Path) -> None:
    """Mean grades before and after, the difference with its interval, and the verdict that it earns."""
    run_ids = chosen_runs(store, experiment, run_id)
    table = score_rows(store, run_ids, margin)
    if as_json:
        print_json(to_json(table))
    else:
        print_scores(table)


@click.command()
@margin_option
@click.option("--pair", metavar="MODEL[:CANDIDATE]", multiple=True, help="Only this pair (several times if needed).")
@click.option("--judge", metavar="NAME", help="Only the grades of this judge.")
@runs_options
@json_option
@store_option
def check(
    *,
    margin: float,
    pair: tuple[str, ...],
    judge: str | None,
    experiment: str | None,
    run_id: int | None,
    as_json: bool,
    store: Path,
) -> int:
    """Exit with 0 if no candidate is worse by more than the margin, with 3 if that is not shown.

    A pair passes if its verdict is equivalent, higher or not worse. What is inconclusive, guarded or ungraded does not pass.
    Control arm and noise floor are no candidates: they are checked only where --pair names them.
    """
    found = score_rows(store, chosen_runs(store, experiment, run_id), margin).pairs
    rows = [row for row in found if _asked_for(row, pair, judge)]
    if not rows:
        known = sorted({f"{row.model}:{row.candidate}" for row in found})
        raise UserError(f"there is no such pair to check (pairs: {', '.join(map(safe, known)) or 'none'})")
    failed = [row for row in rows if row.verdict not in MET]
    if as_json:
        pairs = [
            {"model": r.model, "baseline": r.baseline, "candidate": r.candidate, "judge": r.judge, "verdict": r.verdict,
             "met": r.verdict in MET, "verdict_text": r.verdict_text}
            for r in rows
        ]  # fmt: skip
        print_json({"met": not failed, "margin": margin, "pairs": pairs})
    else:
        page = Page()
        for row in rows:
            mark = "met    " if row.verdict in MET else "not met"
            by = f" ({safe(row.judge)})" if row.judge else ""
            page.line(f"{mark}  {safe(row.model)}: {safe(row.candidate)}{by}: {safe(row.verdict_text)}")
    return NOT_MET if failed else 0


def print_scores(found: ScoreTable) -> None:
    """The table, grouped by run and judge, with a verdict and a behaviour under each pair."""
    page = Page()
    groups: dict[tuple[int, str, str | None], list[ScoreRow]] = {}
    for row in found.pairs:
        groups.setdefault((row.run_id, row.experiment, row.judge), []).append(row)
    if not groups:
        page.line("Nothing to compare: no model has a baseline and a candidate with answers.")
    for (run_id, experiment, judge), rows in groups.items():
        takes = max(row.takes for row in rows)
        by = f"graded by {_judge_named(judge)}, {count(takes, 'take')}" if judge else "not graded on both sides"
        page.line(f"{safe(experiment)} (run {run_id}), {by}", style="bold")
        page.line()
        page.table(COLUMNS, [_cells(row) for row in rows])
        page.line()
        shared = [note for note in rows[0].notes if all(note in row.notes for row in rows)]
        for row in rows:
            _print_verdict(page, row, shared)
        for note in shared:
            page.line(f"all pairs: {safe(note)}" if len(rows) > 1 else safe(note), style="dim")
        if shared:
            page.line()
    for note in (f"margin ±{found.margin:g} grades; difference is candidate − baseline", *found.notes):
        page.line(safe(note), style="dim")


def _judge_named(judge: str) -> str:
    return "reference (overlap with the reference, not quality)" if judge == "reference" else safe(judge)


def _cells(row: ScoreRow) -> list[str]:
    means = "–" if row.difference is None else f"{number(row.baseline_mean, 2)} → {number(row.candidate_mean, 2)}"
    return [
        safe(row.model),
        _compared(row),
        str(row.n or row.answered),
        means,
        signed(row.difference),
        span(row.interval90),
    ]


def _compared(row: ScoreRow) -> str:
    """Short for a yardstick, whose name with its role leaves a narrow terminal no room for that of the baseline."""
    name = titled(safe(row.candidate), row.role)
    return name if is_yardstick(row.role) else f"{safe(row.baseline)} → {name}"


def _print_verdict(page: Page, row: ScoreRow, shared: list[str]) -> None:
    page.line(f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}")
    page.line(safe(row.verdict_text), indent=2, style=STYLES.get(row.verdict, ""))
    if row.n:
        flips = f"crossed grade 3: {row.flips_down} down, {row.flips_up} up"
        ungraded = f"; {row.ungraded} ungraded" if row.ungraded else ""
        page.line(f"wins {row.wins}, ties {row.ties}, losses {row.losses}; {flips}{ungraded}", indent=2)
    for line in (*map(safe, row.beside), _causes(row), _published(row)):
        if line:
            page.line(line, indent=2)
    if row.behaviour:
        reasons = f": {'; '.join(map(safe, row.behaviour_reasons))}" if row.behaviour_reasons else ""
        page.line(f"behaviour {row.behaviour}{reasons}", indent=2, style="bold" if row.behaviour == "changed" else "")
    for note in (note for note in row.notes if note not in shared):
        page.line(safe(note), indent=2, style="dim")
    page.line()


def _asked_for(row: ScoreRow, pairs: tuple[str, ...], judge: str | None) -> bool:
    if judge is not None and row.judge != judge:
        return False
    if f"{row.model}:{row.candidate}" in pairs:
        return True
    return not is_yardstick(row.role) and (not pairs or row.model in pairs)


def _causes(row: ScoreRow) -> str:
    """The kinds of answer that moved the score, the strongest first; nothing where all of it is the rest."""
    moved = [cause for cause in row.causes if signed(cause.contribution) != "0.00"]
    if all(cause.kind == "the rest" for cause in moved):
        return ""
    moved.sort(key=lambda cause: -abs(cause.contribution))
    parts = [f"{signed(c.contribution)} from {count(c.baseline + c.candidate, 'answer')} ({c.kind})" for c in moved]
    return f"of it {', '.join(parts)}"


def _published(row: ScoreRow) -> str:
    if (row.baseline, row.candidate) != (BASELINE, CANDIDATE):
        return ""
    found = next((known for known in published_rows() if known.model == row.model), None)
    if found is None or found.difference is None:
        return ""
    means = f"{number(found.baseline_mean, 2)} → {number(found.candidate_mean, 2)}"
    return f"published ({SOURCE}, ELYZA-tasks-100): {means}, difference {signed(found.difference)}"
