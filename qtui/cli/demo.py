"""`qtui demo`: a complete experiment with the model that comes with qtui, live in the workbench or as a table."""

import sys
from pathlib import Path

import click

from qtui import paths
from qtui.cli.options import cpu_option, log_level_option, store_option
from qtui.cli.run import Started, end_notices, follow_started, start_or_attach, status
from qtui.session_end import Commands
from qtui.store import open_store


@click.command()
@click.option("--headless", is_flag=True, help="Open no workbench: progress on stderr, the score table on stdout.")
@cpu_option
@log_level_option
@store_option
def demo(*, headless: bool, allows_cpu: bool, store: Path) -> int:
    """Run the demo: a small Japanese model in four variants (FP16, F16, Q4_K_M, Q2_K) on qtui's own tasks.

    Started again, it resumes the run, or attaches to it if it is running; Ctrl-C then only detaches. The demo needs no network and
    no API key.
    """
    from qtui.runner.start import start

    experiment = paths.data() / "experiments" / "demo.toml"
    started = start_or_attach(lambda cpu: start(experiment, store, allows_cpu=cpu), allows_cpu)
    assert started is not None
    if headless:
        return _show_scores(started, store)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(
            f"run {started.run_id} is running; the workbench needs a terminal (`qtui demo --headless` does not)",
            err=True,
        )
        return 1
    from qtui.ui.app import run

    run(store, notices=end_notices(store, started.run_id, Commands.of_demo(store)))
    return 0


def _show_scores(started: Started, store_path: Path) -> int:
    from qtui.cli.scores import print_scores
    from qtui.results.score_figures import score_rows

    store = open_store(store_path)
    try:
        run = follow_started(store, started)
    finally:
        store.close()
    print_scores(score_rows(store_path, (started.run_id,)))
    return status(run)
