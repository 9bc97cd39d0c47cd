"""`qtui score`: score stored answers, of runs and imports, without a judge and without a model."""

import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import click

from qtui.cli.options import store_option
from qtui.errors import UserError
from qtui.format import count
from qtui.run_progress import ScorerProgress
from qtui.store import Store, open_store, runs, scores
from qtui.text import safe

INTERRUPTED = 130
SECONDS_BETWEEN_COUNTS = 0.2
REASONS_SHOWN = 3
KINDS = (
    "exact_match", "choice", "last_number", "f1_characters", "rouge_l", "chrf", "bleu", "regex", "json_schema", "instructions",
    "code",
)  # fmt: skip
"""Those of `qtui.scorers`, which the help does not load."""


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option(
    "--scorers",
    "file",
    type=click.Path(path_type=Path),
    help="A TOML file with [[scorers]] tables: an experiment's, or one with nothing else.",
)
@click.option(
    "--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Add a scorer of this kind with its defaults."
)
@click.option("--again", is_flag=True, help="Compute all scores of the run's scorers anew.")
@click.option("--retry", type=click.Choice(["unscored"]), help="Try again what has no score.")
@click.option("--remove", metavar="NAME", help="Remove a scorer from the run; its scores stay in the store, unseen.")
@store_option
def score(
    run_id: int,
    *,
    file: Path | None,
    kinds: tuple[str, ...],
    again: bool,
    retry: str | None,
    remove: str | None,
    store: Path,
) -> int:
    """Score the stored answers of RUN (`qtui runs` lists the ids), also of an import, without a judge and without a model.

    Without options, answers that the run's scorers have not scored yet are scored. Ctrl-C stops; scores are kept.
    """
    with closing(open_store(store, create=False)) as opened:
        if not runs.summaries(opened, [run_id]):
            raise UserError(f"{store}: has no run {run_id}. `qtui runs` lists the runs.")
        if remove is not None:
            _remove(opened, run_id, remove)
            return 0
        return _score(opened, run_id, file, kinds, is_forgotten=again, is_retried=retry is not None)


def _score(
    store: Store, run_id: int, file: Path | None, kinds: tuple[str, ...], *, is_forgotten: bool, is_retried: bool
) -> int:
    from qtui.runner import added_scorers

    added_scorers.add(store, run_id, added_scorers.read(store, run_id, file, kinds))
    current = scores.current(store, [run_id])
    if not current:
        raise UserError(
            f"run {run_id} has no scorers. Name a file with [[scorers]] tables (--scorers FILE) or a kind (--kind {KINDS[0]})."
        )
    if is_forgotten or is_retried:
        for scorer in current:
            scores.forget(store, scorer, only_unscored=not is_forgotten)
    missing = sum(len(scores.pending(store, scorer)) for scorer in current)
    failures, is_interrupted = added_scorers.score(store, run_id, _Counter(missing).count)
    for progress in runs.summaries(store, [run_id])[0].scorers:
        click.echo(safe(_line(store, run_id, progress)))
    if is_interrupted:
        return INTERRUPTED
    if failures:
        raise UserError("\n".join(failures))
    return 0


class _Counter:
    """Counts scores in one line of a terminal's stderr, a few times a second."""

    def __init__(self, total: int) -> None:
        self._done, self._total, self._shown = 0, total, 0.0

    def count(self) -> None:
        self._done += 1
        is_due = time.monotonic() - self._shown > SECONDS_BETWEEN_COUNTS or self._done == self._total
        if is_due and sys.stderr.isatty():
            self._shown = time.monotonic()
            click.echo(f"\r{self._done} of {self._total} scored", nl=self._done == self._total, err=True)


def _line(store: Store, run_id: int, progress: ScorerProgress) -> str:
    """`math: 40 scored, 2 unscored (the reference 'x' has no number: 2)`."""
    scored = f"{progress.label}: {progress.scored} scored"
    if not progress.unscored:
        return scored
    reasons = Counter(
        row["reason"]
        for row in scores.rows(store, [run_id])
        if row["scorer"] == progress.label and row["score"] is None
    ).most_common()
    shown = "; ".join(f"{reason} ({count(times, 'answer')})" for reason, times in reasons[:REASONS_SHOWN])
    more = f"; and {len(reasons) - REASONS_SHOWN} other reasons" if len(reasons) > REASONS_SHOWN else ""
    return f"{scored}, {progress.unscored} unscored: {shown}{more}"


def _remove(store: Store, run_id: int, name: str) -> None:
    if not scores.remove(store, run_id, name):
        names = ", ".join(scorer.label for scorer in scores.current(store, [run_id])) or "none"
        raise UserError(f'run {run_id} has no scorer "{name}" (scorers: {names})')
    click.echo(safe(f"removed scorer {name} from run {run_id}; its scores are no longer shown"), err=True)
