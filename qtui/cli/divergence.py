"""`qtui divergence`: how far the candidate's next-token distributions are from the baseline's, on the baseline's answers."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.errors import UserError
from qtui.figures.divergence import PairDivergence
from qtui.figures.json_form import to_json
from qtui.format import NONE, count, number, percent
from qtui.results.answers import PairName
from qtui.results.divergence_figures import divergence_rows, pairs
from qtui.runner.divergence import Step, measure
from qtui.store import Store, open_store, runs
from qtui.text import safe

FAILED = 1
FURTHEST = 3
COLUMNS = (
    Column("Model", flex=True),
    Column("Variants"),
    *(Column(label, "right") for label in ("Tokens", "Mean KL", "±")),
    Column("Median", "right", spare=True),
    Column("99 %", "right"),
    Column("Max", "right", spare=True),
    *(Column(label, "right") for label in ("Same top", "RMS Δp", "PPL ×")),
)
LEGEND = (
    "KL: divergence of the candidate's next-token distribution from the baseline's, in nats, 0 if equal; ±: standard error of the "
    "mean, clustered by task",
    "Same top: share of tokens where both rank the same token first; RMS Δp: root mean square change of the probability of the "
    "answer's token; PPL ×: perplexity of the candidate divided by the baseline's",
)


@click.command()
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--candidate", metavar="VARIANT", help="Only this candidate.")
@click.option("--floor", is_flag=True, help="Also compare the baseline with itself: the error of the method.")
@click.option("--known", "shows_stored_only", is_flag=True, help="Run no model; show the stored measurements.")
@runs_options
@json_option
@store_option
def divergence(
    *,
    model: str | None,
    candidate: str | None,
    floor: bool,
    shows_stored_only: bool,
    experiment: str | None,
    run_id: int | None,
    as_json: bool,
    store: Path,
) -> int:
    """Feed the baseline's answers to both variants and compare their next-token distributions.

    Needs the models of both variants on this machine, and memory for both at once. Measurements are stored: a second call measures
    only new answers, and an interrupted call is resumed.
    """
    run_ids = chosen_runs(store, experiment, run_id)
    is_run_named = run_id is not None or experiment is not None
    with closing(open_store(store, create=False, must_write=not shows_stored_only)) as opened:
        chosen = _choose(pairs(opened, run_ids, floor=floor), model, candidate)
        problems = [] if shows_stored_only else _measure_all(opened, chosen, is_run_named)
    rows = [row for row in divergence_rows(store, run_ids, floor=floor) if _name(row) in chosen]
    if not rows and problems:
        raise UserError("\n".join(problems))
    for problem in problems:
        click.echo(f"error: {safe(problem)}", err=True)
    if as_json:
        print_json({"pairs": to_json(rows)})
    else:
        print_divergence(rows)
    return FAILED if problems else 0


def print_divergence(rows: Iterable[PairDivergence]) -> None:
    """Print a table per run, then sentences per pair and the legend."""
    page = Page()
    by_run: dict[tuple[int, str], list[PairDivergence]] = {}
    for row in rows:
        by_run.setdefault((row.run_id, row.experiment), []).append(row)
    if not by_run:
        page.line("Nothing measured yet.")
    for (run_id, experiment), run_rows in by_run.items():
        page.line(f"{safe(experiment)} (run {run_id}): the baseline's answers, fed to both variants", style="bold")
        page.line()
        page.table(COLUMNS, [_cells(row) for row in run_rows])
        page.line()
        for row in run_rows:
            _print_first_differences(page, row)
        page.line()
    for line in LEGEND if by_run else ():
        page.line(line, style="dim")


def _cells(row: PairDivergence) -> list[str]:
    figures, kl = row.figures, row.figures.kl
    return [
        safe(row.model),
        f"{safe(row.baseline)} → {safe(row.candidate)}",
        f"{figures.tokens:,}",
        *(nats(value) for value in (kl.mean, kl.se_tasks, kl.median, kl.p99, kl.max)),
        percent(figures.same_top, 2),
        percent(figures.delta_p.rms, 2),
        number(figures.perplexity.ratio, 4),
    ]


def nats(value: float | None) -> str:
    """A divergence in nats with two to four significant digits: `0`, `1.2e-05`, `0.0123`, `1.23`."""
    if value is None:
        return NONE
    if value == 0:
        return "0"
    return f"{value:.1e}" if value < 0.001 else f"{value:.4f}" if value < 1 else f"{value:.2f}"


def _print_first_differences(page: Page, row: PairDivergence) -> None:
    answers = [answer for task in row.per_task for answer in task.answers]
    parted = [answer.first_difference.token + 1 for answer in answers if answer.first_difference]
    label = f"{safe(row.model)} {safe(row.candidate)}: "
    if parted:
        furthest = sorted(row.per_task, key=lambda task: -(task.figures.kl.mean or 0.0))[:FURTHEST]
        page.line(
            f"another most likely token in {len(parted)} of {count(len(answers), 'answer')}, first at token {median(parted):.0f} "
            f"(median); largest mean KL: {', '.join(f'task {t.task} ({nats(t.figures.kl.mean)})' for t in furthest)}",
            label=label,
        )
    else:
        page.line(f"the same most likely tokens in all {count(len(answers), 'answer')}", label=label)
    if row.missing:
        page.line(f"{count(row.missing, 'answer')} not measured yet", indent=2, style="dim")
    for note in row.notes:
        page.line(safe(note), indent=2, style="dim")


def _name(row: PairDivergence) -> PairName:
    return PairName(row.run_id, row.model, row.baseline, row.candidate)


def _choose(pairs: list[PairName], model: str | None, candidate: str | None) -> list[PairName]:
    """The pairs of that model and candidate, None for all. Raises UserError listing the pairs that exist."""
    chosen = [p for p in pairs if model in (None, p.model) and candidate in (None, p.candidate)]
    if not chosen:
        names = ", ".join(dict.fromkeys(f"{safe(p.model)}: {safe(p.baseline)} → {safe(p.candidate)}" for p in pairs))
        raise UserError(f"there is no such pair to compare (pairs: {names or 'none'})")
    return chosen


def _measure_all(store: Store, pairs: list[PairName], is_run_named: bool) -> list[str]:
    """Measure the pairs and return the problems. Imported runs are skipped with a message unless the user named the run."""
    imported = {run.id for run in runs.summaries(store) if run.source == "import"}
    problems: dict[str, None] = {}
    skipped = {pair.run_id for pair in pairs} & imported
    if skipped and not is_run_named and skipped != {pair.run_id for pair in pairs}:
        numbers = ", ".join(map(str, sorted(skipped)))
        click.echo(f"skipped: run {numbers} (imported, so there is no model to run)", err=True)
        pairs = [pair for pair in pairs if pair.run_id not in imported]
    for pair in pairs:
        label = f"{pair.model} {pair.candidate}"
        try:
            with _progress(label) as report:
                measure(
                    store,
                    pair.run_id,
                    model=pair.model,
                    baseline=pair.baseline,
                    candidate=pair.candidate,
                    report=report,
                )
        except UserError as error:
            problems[str(error)] = None
    return list(problems)


@contextmanager
def _progress(label: str) -> Iterator[Callable[[Step], None]]:
    """Yields a function that shows steps: a bar on a terminal, elsewhere a line at the beginning and one at the end."""
    console = Console(stderr=True, emoji=False)
    if console.is_terminal:
        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}", markup=False),
        ]
        with Progress(*columns, console=console, expand=True, transient=True) as progress:
            bar = progress.add_task(safe(label), total=None, state="")
            yield lambda step: progress.update(bar, completed=step.done, total=step.total, state=safe(_state(step)))
        return
    lines = _Lines(label)
    yield lines.show
    lines.end()


@dataclass(slots=True)
class _Lines:
    label: str
    last: Step | None = None

    def show(self, step: Step) -> None:
        if self.last is None:
            click.echo(f"{safe(self.label)}: {count(step.total, 'answer')} to measure", err=True)
        self.last = step

    def end(self) -> None:
        if self.last is not None:
            click.echo(f"{safe(self.label)}: measured ({_state(self.last)})", err=True)


def _state(step: Step) -> str:
    return step.phase or (f"{step.tokens_per_second:,.0f} tok/s" if step.tokens_per_second else "")
