"""`qtui demo`: the whole job on the model that comes with qtui, live in the workbench or as a table."""

import sys
from pathlib import Path

import click

from qtui import paths
from qtui.cli.options import cpu_option, store_option
from qtui.cli.run import Started, follow_started, start_or_attach, status, what_ends
from qtui.session_end import Commands
from qtui.store import open_store


@click.command()
@click.option("--headless", is_flag=True, help="No workbench: progress on stderr, the score table on stdout.")
@cpu_option
@store_option
def demo(*, headless: bool, allows_cpu: bool, store: Path) -> int:
    """Run the demo: a small Japanese model in four forms (FP16, F16, Q4_K_M, Q2_K) on qtui's own tasks.

    A second start goes on with what is there, or follows the demo that is already running; then Ctrl-C only stops following.
    Needs no network and no key.
    """
    from qtui.runner.start import start

    experiment = paths.data() / "experiments" / "demo.toml"
    started = start_or_attach(lambda cpu: start(experiment, store, allows_cpu=cpu), allows_cpu)
    assert started is not None
    if headless:
        return _show_scores(started, store)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(
            f"run {started.run_id} goes on; the workbench needs a terminal (`qtui demo --headless` does not)", err=True
        )
        return 1
    from qtui.ui.app import run

    run(store, notices=what_ends(store, started.run_id, Commands.of_demo(store)))
    return 0


def _show_scores(started: Started, store_path: Path) -> int:
    from qtui.cli.scores import print_scores
    from qtui.results.score_figures import score_rows

    store = open_store(store_path)
    try:
        ended = follow_started(store, started)
    finally:
        store.close()
    print_scores(score_rows(store_path, (started.run_id,)))
    return status(ended)
