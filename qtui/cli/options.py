"""Options and questions that several commands share."""

import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from qtui import paths
from qtui.files import named_path

Command = TypeVar("Command", bound=Callable[..., Any])


def _store_path(context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path:
    """The value of --store: of the command, else of a command above it (`qtui --store FILE runs`), else the default."""
    if value is not None:
        return named_path.expanded(value)
    parent = context.parent
    while parent is not None:
        store = parent.params.get("store")
        if isinstance(store, Path):
            return store
        parent = parent.parent
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
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def cpu_option(command: Command) -> Command:
    return click.option(
        "--cpu",
        "allows_cpu",
        is_flag=True,
        help="Compute on the CPU even if this machine has a GPU that is not usable.",
    )(command)


def grading_options(command: Command) -> Command:
    """Options that say how judges are asked; the command gets them as one value, `how`."""

    @functools.wraps(command)
    def with_how(
        *arguments: Any,
        leaves_batches: bool,
        retry: str | None,
        requests: int | None,
        until: str | None,
        budget: float | None,
        **others: Any,
    ) -> Any:
        from qtui.runner.how_to_grade import HowToGrade

        how = HowToGrade(leaves_batches, retry is not None, requests, until is not None, budget)
        return command(*arguments, how=how, **others)

    detach_batch = click.option(
        "--detach-batch",
        "leaves_batches",
        is_flag=True,
        help="End when the batches of judges are submitted; the same command, without it, fetches them later.",
    )
    until = click.option(
        "--until",
        type=click.Choice(["decided"]),
        help="Grade tasks in random order until the verdict at the margin of config.toml is reached.",
    )
    return detach_batch(_retry(_requests(_budget(until(cast(Command, with_how))))))


def _retry(command: Command) -> Command:
    return click.option(
        "--retry",
        type=click.Choice(["ungraded"]),
        help="Ask again, once, what is ungraded: no reply of the judge could be read.",
    )(command)


def _requests(command: Command) -> Command:
    return click.option(
        "--requests",
        metavar="N",
        type=click.IntRange(min=1),
        help="Stop when so many requests were sent to judges, those in vain included; the same command goes on.",
    )(command)


def _log_level(_context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        from qtui.processes import events

        events.set_level(next(level for level in events.LEVELS if level == value.lower()))


def log_level_option(command: Command) -> Command:
    """How much runners and workers that the command starts write into their logs."""
    from qtui.processes import events

    return click.option(
        "--log-level",
        metavar="LEVEL",
        type=click.Choice(events.LEVELS, case_sensitive=False),
        callback=_log_level,
        expose_value=False,
        help=f"What runs write into their logs: {', '.join(events.LEVELS)} (default: $QTUI_LOG_LEVEL, else {events.DEFAULT}).",
    )(command)


def _read_budget(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no sum of money.")
    return value


def _budget(command: Command) -> Command:
    return click.option(
        "--budget",
        type=click.FloatRange(min=0, min_open=True),
        callback=_read_budget,
        metavar="MONEY",
        help="Stop before the requests of this command cost more, e.g. 5.00, in the currency of [prices] in config.toml.",
    )(command)


def confirm_cpu(reasons: Sequence[str], question: str) -> None:
    """Show why a GPU would be idle and ask at the terminal whether to compute on the CPU. Raises click.Abort for no."""
    from qtui.text import safe

    click.echo(safe(f"{'; '.join(reasons)}."), err=True)
    click.confirm(question, default=False, abort=True, err=True)


def runs_options(command: Command) -> Command:
    """Options that choose runs. By default a command reads the latest run of every experiment."""
    by_run = click.option("--run", "run_id", metavar="ID", type=int, help="Only this run (`qtui runs` lists the ids).")
    by_name = click.option("--experiment", metavar="NAME", help="Only the latest run of this experiment.")
    return by_name(by_run(command))


def chosen_runs(store_path: Path, experiment: str | None, run_id: int | None) -> tuple[int, ...]:
    """Ids of the runs that `runs_options` choose, in the store's order. Raises UserError if there are none."""
    from contextlib import closing

    from qtui.errors import UserError
    from qtui.store import open_store, runs

    with closing(open_store(store_path, create=False, must_write=False)) as store:
        if run_id is not None:
            if not runs.summaries(store, [run_id]):
                raise UserError(f"{store_path}: has no run {run_id}. `qtui runs` lists the runs.")
            return (run_id,)
        latest = tuple(runs.latest_of_each_experiment(store, experiment))
        if latest:
            return latest
        names = sorted({run.experiment for run in runs.summaries(store)})
    if names:
        raise UserError(f"{store_path}: has no experiment {experiment!r} (experiments: {', '.join(names)})")
    raise UserError(f"{store_path}: has no runs yet. Start with `qtui demo`, `qtui run FILE` or `qtui import`.")
