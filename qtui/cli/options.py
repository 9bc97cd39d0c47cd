"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qtui import paths

Command = TypeVar("Command", bound=Callable[..., Any])


def _store_path(context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    """The option of the command itself, else that of `qtui`, else the default."""
    if value is not None:
        return value.expanduser()
    above = context.parent
    while above is not None:
        store = above.params.get("store")
        if isinstance(store, Path):
            return store
        above = above.parent
    return paths.default_store()


def store_option(command: Command) -> Command:
    return click.option(
        "--store",
        metavar="FILE",
        type=click.Path(path_type=Path),
        callback=_store_path,
        help="The store to use (default: $QTUI_STORE, else the user's data folder).",
    )(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")(command)


def cpu_option(command: Command) -> Command:
    return click.option(
        "--cpu", "allows_cpu", is_flag=True, help="Compute on the CPU where a GPU is there and an engine cannot use it."
    )(command)


def runs_options(command: Command) -> Command:
    """Which runs a command is about: by default the latest of every experiment."""
    by_run = click.option("--run", "run_id", metavar="ID", type=int, help="One run (`qtui runs` lists them).")
    by_name = click.option("--experiment", metavar="NAME", help="The latest run of one experiment.")
    return by_name(by_run(command))


def chosen_runs(store_path: Path, experiment: str | None, run_id: int | None) -> tuple[int, ...]:
    """The runs that those options name, in the store's order. Raises UserError where there are none."""
    from contextlib import closing

    from qtui.errors import UserError
    from qtui.store import open_store, runs

    with closing(open_store(store_path, create=False, must_write=False)) as store:
        if run_id is not None:
            if not runs.summaries(store, [run_id]):
                raise UserError(f"{store_path}: has no run {run_id}. `qtui runs` lists them.")
            return (run_id,)
        found = tuple(runs.latest_of_each_experiment(store, experiment))
        if found:
            return found
        names = sorted({run.experiment for run in runs.summaries(store)})
    if names:
        raise UserError(f"{store_path}: has no experiment {experiment!r} (experiments: {', '.join(names)})")
    raise UserError(f"{store_path}: has no runs yet. Start with `qtui demo`, `qtui run FILE` or `qtui import`.")
