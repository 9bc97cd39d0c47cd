"""`qtui scores` and `qtui check`: grades of candidates against those of the baseline, as a report and as a gate."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click

from qtui.charts.behaviour_words import behaviour_title
from qtui.charts.role_words import is_yardstick, titled
from qtui.charts.score_words import contributions
from qtui.cli import costs
from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.cli.preferences_page import print_preferences
from qtui.cli.scorers_page import print_scorers
from qtui.errors import UserError
from qtui.figures.json_form import to_json
from qtui.figures.preferences import PreferenceRow, PreferenceTable
from qtui.figures.published import BASELINE, CANDIDATE, SOURCE
from qtui.figures.score_groups import GroupRow, GroupTable
from qtui.figures.scorers import ScorerRow, ScorerTable
from qtui.figures.scores import FIVE_POINTS, MARGIN, ScoreRow, ScoreTable
from qtui.format import count, number, signed, span
from qtui.results.preference_figures import preference_rows
from qtui.results.published import published_rows
from qtui.results.score_figures import score_group_rows, score_rows
from qtui.results.scorer_figures import scorer_rows
from qtui.store import open_store
from qtui.text import safe

NOT_MET = 3
SIGNIFICANT = 0.05
MET = ("equivalent", "higher", "not_worse")
"""Verdicts with which a candidate passes: it is not worse by more than the margin."""
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
    show_default=f"that of config.toml, else {MARGIN:g}",
    help="Largest loss of mean grade that is accepted, in grades of 1–5; on another scale, the same part of that.",
)  # fmt: skip


@click.command()
@margin_option
@click.option("--by", type=click.Choice(["set", "category"]), help="A row per task set or category of the tasks.")
@runs_options
@json_option
@store_option
def scores(
    *, margin: float, by: str | None, experiment: str | None, run_id: int | None, as_json: bool, store: Path
) -> None:
    """Show mean grades and scores of baseline and candidate, the difference with its interval, win rates, and the verdict."""
    run_ids = chosen_runs(store, experiment, run_id)
    if by is not None:
        _show_groups(score_group_rows(store, run_ids, by, margin), scorer_rows(store, run_ids), by, as_json=as_json)
        return
    table, scored = score_rows(store, run_ids, margin), scorer_rows(store, run_ids)
    compared = preference_rows(store, run_ids)
    if as_json:
        with closing(open_store(store, create=False, must_write=False)) as opened:
            spent = [cost for each in run_ids for cost in costs.spent_costs(opened, each)]
        print_json(
            to_json(table)
            | {
                "scorers": to_json(scored.rows),
                "preferences": to_json(compared.rows),
                "costs": costs.spent_json(spent),
            }
        )
        return
    others = (scored.rows, compared.rows)
    if not any(others) or any(row.judge for row in table.pairs):
        print_scores(table)
        if any(others):
            click.echo()
    print_preferences(compared)
    if all(others):
        click.echo()
    print_scorers(scored)


@click.command()
@margin_option
@click.option("--pair", metavar="MODEL[:CANDIDATE]", multiple=True, help="Only this pair (may be given several times).")
@click.option("--judge", metavar="NAME", help="Only the grades of this judge, or the scores of this scorer.")
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
    """Exit with 0 if grades, win rates and scores show that no candidate is worse by more than the margin, else with 3.

    Each scorer, and each judge that compares, has a margin of its own. A pair passes if its verdict is equivalent, higher or not
    worse; inconclusive, guarded and ungraded pairs do not pass. Control arms and noise floors are not candidates and are checked
    only if --pair names them.
    """
    run_ids = chosen_runs(store, experiment, run_id)
    pairs_in_runs = _checkable(
        score_rows(store, run_ids, margin), preference_rows(store, run_ids), scorer_rows(store, run_ids)
    )
    rows = [row for row in pairs_in_runs if _is_chosen(row, pair, judge)]
    if not rows:
        names = sorted({f"{row.model}:{row.candidate}" for row in pairs_in_runs})
        raise UserError(f"there is no such pair to check (pairs: {', '.join(map(safe, names)) or 'none'})")
    failed = [row for row in rows if row.verdict not in MET]
    if as_json:
        pairs = [
            {"model": r.model, "baseline": r.baseline, "candidate": r.candidate, "judge": _measure(r), "verdict": r.verdict,
             "margin": r.margin, "met": r.verdict in MET, "verdict_text": r.verdict_text}
            for r in rows
        ]  # fmt: skip
        print_json({"met": not failed, "margin": margin, "pairs": pairs})
    else:
        page = Page()
        for row in rows:
            mark = "met    " if row.verdict in MET else "not met"
            by = f" ({safe(name)})" if (name := _measure(row)) else ""
            page.line(f"{mark}  {safe(row.model)}: {safe(row.candidate)}{by}: {safe(row.verdict_text)}")
    return NOT_MET if failed else 0


def print_scores(table: ScoreTable) -> None:
    """Print a table per run and judge, with the verdict and the behaviour of each pair below it."""
    page = Page()
    groups: dict[tuple[int, str, str | None], list[ScoreRow]] = {}
    for row in table.pairs:
        groups.setdefault((row.run_id, row.experiment, row.judge), []).append(row)
    if not groups:
        page.line("Nothing to compare: no model has a baseline and a candidate with answers.")
    for (run_id, experiment, judge), rows in groups.items():
        takes = max(row.takes for row in rows)
        scale = f" {rows[0].scale_name}" if rows[0].scale != FIVE_POINTS else ""
        by = f"graded{scale} by {_judge_name(judge)}, {count(takes, 'take')}" if judge else "not graded on both sides"
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
    stopped = (
        ["* not valid: judging stopped early; see the verdict"] if any(row.stopped_early for row in table.pairs) else []
    )
    for note in (
        f"margin: ±{table.margin:g} grades{_of_scale(table)}; difference: candidate − baseline",
        *table.notes,
        *stopped,
    ):
        page.line(safe(note), style="dim")


def _of_scale(table: ScoreTable) -> str:
    """` of 1–5` if a judge has another scale, on which the margin is another number."""
    return " of 1–5" if any(row.scale != FIVE_POINTS for row in table.pairs) else ""


def _show_groups(graded: GroupTable, scored: ScorerTable, by: str, *, as_json: bool) -> None:
    """Print what judges and scorers say of each task set or category."""
    scored = replace(scored, rows=tuple(row for row in scored.rows if row.group_kind in ("all", by)))
    if as_json:
        print_json(to_json(graded) | {"scorers": to_json(scored.rows)})
        return
    if graded.rows or not scored.rows:
        print_groups(graded)
    if graded.rows and scored.rows:
        click.echo()
    print_scorers(scored)


def print_groups(table: GroupTable) -> None:
    """Print a table per run, judge and pair, with a row per group."""
    page = Page()
    tables: dict[tuple[int, str, str | None, str, str], list[GroupRow]] = {}
    for row in table.rows:
        tables.setdefault((row.run_id, row.experiment, row.judge, row.model, row.candidate), []).append(row)
    if not tables:
        page.line("Nothing to compare: no model has a baseline and a candidate with answers.")
    for (run_id, experiment, judge, model, _), rows in tables.items():
        by = f"graded by {_judge_name(judge)}" if judge else "not graded on both sides"
        page.line(f"{safe(experiment)} (run {run_id}), {by}", style="bold")
        pair = f"{safe(rows[0].baseline)} → {titled(safe(rows[0].candidate), rows[0].role)}"
        page.line(f"{safe(model)}: {pair}")
        page.line()
        columns = (Column("Task set" if table.by == "set" else "Category", flex=True), *COLUMNS[2:], Column("Verdict"))
        styles = [STYLES.get(row.verdict, "") for row in rows]
        page.table(columns, [_group_cells(row) for row in rows], styles)
        page.line()
    for note in (f"margin: ±{table.margin:g} grades; difference: candidate − baseline", *table.notes):
        page.line(safe(note), style="dim")


def _group_cells(row: GroupRow) -> list[str]:
    means = "–" if row.difference is None else f"{number(row.baseline_mean, 2)} → {number(row.candidate_mean, 2)}"
    is_open = row.claim_p_holm is not None and row.claim_p_holm > SIGNIFICANT and row.verdict != "inconclusive"
    verdict = row.verdict.replace("_", " ") + (" (not after Holm)" if is_open else "")
    name = safe(row.group) or "(none)"
    return [name, str(row.n), means, signed(row.difference), span(row.interval90), verdict]


def _judge_name(judge: str) -> str:
    return "reference (overlap with the reference, not quality)" if judge == "reference" else safe(judge)


def _cells(row: ScoreRow) -> list[str]:
    means = "–" if row.difference is None else f"{number(row.baseline_mean, 2)} → {number(row.candidate_mean, 2)}"
    return [
        safe(row.model),
        _compared(row),
        str(row.n or row.answered),
        means,
        signed(row.difference),
        span(row.interval90) + ("*" if row.stopped_early else ""),
    ]


def _compared(row: ScoreRow) -> str:
    """`FP16 → Q4_K_M`; for a control arm or noise floor its role and name alone, since a narrow terminal has no room for more."""
    name = titled(safe(row.candidate), row.role)
    return name if is_yardstick(row.role) else f"{safe(row.baseline)} → {name}"


def _print_verdict(page: Page, row: ScoreRow, shared: list[str]) -> None:
    page.line(f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}")
    page.line(safe(row.verdict_text), indent=2, style=STYLES.get(row.verdict, ""))
    if row.n:
        flips = f"crossed grade {row.pass_grade:g}: {row.flips_down} down, {row.flips_up} up"
        ungraded = f"; {row.ungraded} ungraded" if row.ungraded else ""
        page.line(f"wins {row.wins}, ties {row.ties}, losses {row.losses}; {flips}{ungraded}", indent=2)
    for line in (*map(safe, row.beside), *map(safe, _instrument(row)), _causes(row), _published(row)):
        if line:
            page.line(line, indent=2)
    if row.behaviour:
        reasons = f" ({'; '.join(map(safe, row.behaviour_reasons))})" if row.behaviour_reasons else ""
        title = behaviour_title(row.behaviour, row.behaviour_reasons)
        page.line(f"behaviour: {title}{reasons}", indent=2, style="bold" if reasons else "")
    for note in (note for note in row.notes if note not in shared):
        page.line(safe(note), indent=2, style="dim")
    page.line()


def _instrument(row: ScoreRow) -> list[str]:
    """Whether the variants differ more than the samples of one, and what could have been shown unless every result is decided."""
    sentences = [row.sample_spread.sentence] if row.sample_spread else []
    if row.resolution and not row.resolution.always_decides:
        sentences.append(row.resolution.sentence)
    return sentences


_Checked = ScoreRow | PreferenceRow | ScorerRow


def _checkable(table: ScoreTable, compared: PreferenceTable, scored: ScorerTable) -> list[_Checked]:
    """Return the rows of judges and those of scorers over all tasks. Where others are, a pair needs no grades."""
    has_others = {(row.run_id, row.model, row.candidate) for row in (*scored.rows, *compared.rows)}
    judged = [row for row in table.pairs if row.judge or (row.run_id, row.model, row.candidate) not in has_others]
    return [*judged, *compared.rows, *(row for row in scored.rows if row.group_kind == "all")]


def _measure(row: _Checked) -> str | None:
    return row.scorer if isinstance(row, ScorerRow) else row.judge


def _is_chosen(row: _Checked, pairs: tuple[str, ...], judge: str | None) -> bool:
    if judge is not None and _measure(row) != judge:
        return False
    if f"{row.model}:{row.candidate}" in pairs:
        return True
    return not is_yardstick(row.role) and (not pairs or row.model in pairs)


def _causes(row: ScoreRow) -> str:
    """`−0.02 of the difference comes from 3 much shorter answers, −0.06 from the other 49 answers`; empty if no kind stands out."""
    return ", ".join(contributions(row)).replace(" from ", " of the difference comes from ", 1)


def _published(row: ScoreRow) -> str:
    if (row.baseline, row.candidate) != (BASELINE, CANDIDATE):
        return ""
    published = next((score for score in published_rows() if score.model == row.model), None)
    if published is None or published.difference is None:
        return ""
    means = f"{number(published.baseline_mean, 2)} → {number(published.candidate_mean, 2)}"
    return f"published ({SOURCE}, ELYZA-tasks-100): {means}, difference {signed(published.difference)}"
