"""`qtui divergence`: how far a candidate's choice of each next token is from the baseline's, on the baseline's own answers."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Column, Page, count, number, print_json
from qtui.errors import UserError
from qtui.results.answers import PairName
from qtui.results.divergence_figures import DivergenceRow, divergence_rows, pairs, to_json
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
    "KL: of the distributions over the next token, in nats, 0 for equal ones; ±: standard error of its mean, clustered by task",
    "Same top: tokens where both find the same one likeliest; RMS Δp: change of the probability of the answer's token; PPL ×: "
    "perplexity of the candidate over the baseline's",
)


@click.command()
@click.option("--model", metavar="NAME", help="Only this model.")
@click.option("--candidate", metavar="VARIANT", help="Only this variant against the baseline.")
@click.option("--floor", is_flag=True, help="Also the baseline against itself: what the method makes of equal models.")
@click.option("--known", is_flag=True, help="Run no model, show what was measured before.")
@runs_options
@json_option
@store_option
def divergence(
    *,
    model: str | None,
    candidate: str | None,
    floor: bool,
    known: bool,
    experiment: str | None,
    run_id: int | None,
    as_json: bool,
    store: Path,
) -> int:
    """Feed the baseline's answers to both variants and compare, token by token, what each would have said.

    Needs the models of both on this machine, and memory for both at once. What was measured is kept: a second call measures only
    what is new, and an interrupted one goes on where it stopped.
    """
    run_ids = chosen_runs(store, experiment, run_id)
    named = run_id is not None or experiment is not None
    with closing(open_store(store, create=False, must_write=not known)) as opened:
        wanted = _chosen(pairs(opened, run_ids, floor=floor), model, candidate)
        problems = [] if known else _measure_all(opened, wanted, named)
    rows = [row for row in divergence_rows(store, run_ids, floor=floor) if _name(row) in wanted]
    if not rows and problems:
        raise UserError("\n".join(problems))
    for problem in problems:
        click.echo(f"error: {safe(problem)}", err=True)
    if as_json:
        print_json({"pairs": [to_json(row) for row in rows]})
    else:
        print_divergence(rows)
    return FAILED if problems else 0


def print_divergence(rows: Iterable[DivergenceRow]) -> None:
    page = Page()
    by_run: dict[tuple[int, str], list[DivergenceRow]] = {}
    for row in rows:
        by_run.setdefault((row.run_id, row.experiment), []).append(row)
    if not by_run:
        page.line("Nothing measured yet.")
    for (run_id, experiment), of_run in by_run.items():
        page.line(f"{safe(experiment)} (run {run_id}): the baseline's answers, fed to both", style="bold")
        page.line()
        page.table(COLUMNS, [_cells(row) for row in of_run])
        page.line()
        for row in of_run:
            _print_partings(page, row)
        page.line()
    for line in LEGEND if by_run else ():
        page.line(line, style="dim")


def _cells(row: DivergenceRow) -> list[str]:
    figures, kl = row.figures, row.figures.kl
    return [
        safe(row.model),
        f"{safe(row.baseline)} → {safe(row.candidate)}",
        f"{figures.tokens:,}",
        *(nats(value) for value in (kl.mean, kl.se_tasks, kl.median, kl.p99, kl.max)),
        _percent(figures.same_top),
        _percent(figures.delta_p_rms),
        number(figures.ratio, 4),
    ]


def nats(value: float | None) -> str:
    """From 0 over 1e-9 to tens, each with two or three digits that say something."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    return f"{value:.1e}" if value < 0.001 else f"{value:.4f}" if value < 1 else f"{value:.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}".replace("%", " %")


def _print_partings(page: Page, row: DivergenceRow) -> None:
    answers = [answer for task in row.per_task for answer in task.answers]
    parted = [answer.parting.token + 1 for answer in answers if answer.parting]
    label = f"{safe(row.model)} {safe(row.candidate)}: "
    if parted:
        furthest = sorted(row.per_task, key=lambda task: -(task.figures.kl.mean or 0.0))[:FURTHEST]
        page.line(
            f"parts from {len(parted)} of {count(len(answers), 'answer')}, in the middle case at token {median(parted):.0f}; "
            f"furthest in {', '.join(f'task {task.task} (mean KL {nats(task.figures.kl.mean)})' for task in furthest)}",
            label=label,
        )
    else:
        page.line(f"would have said the same in all {count(len(answers), 'answer')}", label=label)
    if row.missing:
        page.line(f"{count(row.missing, 'answer')} not measured yet", indent=2, style="dim")
    for note in row.notes:
        page.line(safe(note), indent=2, style="dim")


def _name(row: DivergenceRow) -> PairName:
    return PairName(row.run_id, row.model, row.baseline, row.candidate)


def _chosen(found: list[PairName], model: str | None, candidate: str | None) -> list[PairName]:
    """Raises UserError listing what there is."""
    fitting = [p for p in found if model in (None, p.model) and candidate in (None, p.candidate)]
    if not fitting:
        known = ", ".join(dict.fromkeys(f"{safe(p.model)}: {safe(p.baseline)} → {safe(p.candidate)}" for p in found))
        raise UserError(f"there is no such pair to compare (pairs: {known or 'none'})")
    return fitting


def _measure_all(store: Store, wanted: list[PairName], named: bool) -> list[str]:
    """What could not be measured, and why. Imported runs are passed over with a word unless they were asked for."""
    imported = {run.id for run in runs.summaries(store) if run.source == "import"}
    problems: dict[str, None] = {}
    passed = {pair.run_id for pair in wanted} & imported
    if passed and not named and passed != {pair.run_id for pair in wanted}:
        click.echo(
            f"passed over (imported, so there is no model to run): run {', '.join(map(str, sorted(passed)))}", err=True
        )
        wanted = [pair for pair in wanted if pair.run_id not in imported]
    for pair in wanted:
        label = f"{pair.model} {pair.candidate}"
        try:
            with _progress(label) as tell:
                measure(
                    store,
                    pair.run_id,
                    model=pair.model,
                    baseline=pair.baseline,
                    candidate=pair.candidate,
                    report=tell,
                )
        except UserError as error:
            problems[str(error)] = None
    return list(problems)


@contextmanager
def _progress(label: str) -> Iterator[Callable[[Step], None]]:
    """A bar on a terminal; elsewhere a line when it begins and one when it ends."""
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
    yield lines.hear
    lines.end()


@dataclass(slots=True)
class _Lines:
    label: str
    last: Step | None = None

    def hear(self, step: Step) -> None:
        if self.last is None:
            click.echo(f"{safe(self.label)}: {count(step.total, 'answer')} to measure", err=True)
        self.last = step

    def end(self) -> None:
        if self.last is not None:
            click.echo(f"{safe(self.label)}: measured ({_state(self.last)})", err=True)


def _state(step: Step) -> str:
    return step.phase or (f"{step.tokens_per_second:,.0f} tok/s" if step.tokens_per_second else "")
