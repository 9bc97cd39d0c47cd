"""`qtui logs`: the log of a run, of its runner and its workers in one, while the run goes or afterwards."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from qtui.cli.options import store_option
from qtui.errors import UserError
from qtui.processes.run_log import Line, RunLog
from qtui.run_progress import RunSummary
from qtui.secrets import redaction
from qtui.store import open_store, runs
from qtui.text import safe

POLL_SECONDS = 0.25
LONGEST_SHOWN = 20_000
"""Characters of one line that are shown."""


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--follow", "-f", "follows", is_flag=True, help="Go on with what is written, until the run ends.")
@click.option("--lines", "-n", "count", metavar="N", type=click.IntRange(min=0), help="Begin with the last N lines.")
@store_option
def logs(run_id: int, *, follows: bool, count: int | None, store: Path) -> None:
    """Show the log of a run: its runner and its workers, in the order of time. `qtui runs` lists the ids.

    A log has no answers, tasks or keys in it. `qtui --log-level debug run FILE` writes more of them. Where the files are says
    `qtui locate logs`.
    """
    with closing(open_store(store, create=False, must_write=False)) as opened:
        summary = _summary(runs.summaries(opened, [run_id]), run_id, store)
        log = RunLog(run_id, opened.path)
        lines = log.read()
        if not lines and not (follows and summary.active):
            raise UserError(f"run {run_id} has no log on this machine{_why(summary)}.")
        _print(lines if count is None else lines[len(lines) - min(count, len(lines)) :])
        if not follows:
            return
        while True:
            summary = _summary(runs.summaries(opened, [run_id]), run_id, store)
            _print(log.read())  # after the state was read: the end of the log is written before the run has ended
            if not summary.active:
                break
            time.sleep(POLL_SECONDS)
    click.echo(f"run {run_id} is {summary.state}", err=True)


def _summary(summaries: Sequence[RunSummary], run_id: int, store: Path) -> RunSummary:
    if not summaries:
        raise UserError(f"{store}: has no run {run_id}. `qtui runs` lists the runs.")
    return summaries[0]


def _why(summary: RunSummary) -> str:
    if summary.source == "import":
        return ": it was imported, and nothing was run"
    if not summary.started:
        return ": it has not been started"
    return ". The log is on the machine, and with the user, that ran it"


def _print(lines: Sequence[Line]) -> None:
    if lines:
        text = redaction.redact_message("\n".join(_shortened(line.text) for line in lines))
        click.echo("\n".join(safe(line) for line in text.split("\n")))


def _shortened(text: str) -> str:
    more = len(text) - LONGEST_SHOWN
    return text if more <= 0 else f"{text[:LONGEST_SHOWN]} … ({more:,} more characters)"
