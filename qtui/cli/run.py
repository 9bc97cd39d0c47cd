"""`qtui run`, `resume`, `cancel`, `pause`: runs from the command line. The runner is a process of its own in any case.

The command only watches the store, as the workbench does: if its terminal goes away the run does not. Ctrl-C here cancels the run,
since that is what a person at a plain terminal means by it. A run that is already running is attached to: another command started
it, perhaps another person, so there Ctrl-C only stops following.
"""

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from qtui import session_end
from qtui.cli.options import cpu_option, json_option, store_option
from qtui.cli.page import print_json
from qtui.errors import UserError
from qtui.records import RunSummary
from qtui.secrets import url_secrets
from qtui.session_end import Commands
from qtui.store import Store, open_store, runs
from qtui.text import safe

FAILED, CANCELLED_STATUS = 1, 130


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--detach", is_flag=True, help="Start the run, print its id, and return at once.")
@click.option("--check", is_flag=True, help="Only check the file, and say what would be run.")
@cpu_option
@json_option
@store_option
def run(file: Path, *, detach: bool, check: bool, allows_cpu: bool, as_json: bool, store: Path) -> int:
    """Run an experiment (a TOML file), or go on with it where it stopped.

    What is answered and graded already is not done again. Ctrl-C cancels the run; losing the terminal does not.

    If the run is already running, the command follows it to its end and exits as the run does. Ctrl-C then only stops following.
    """
    if check:
        return _check(file, as_json)
    from qtui.runner.start import start

    commands = Commands.of_run("run", str(file), store=store)
    started = start_or_attach(lambda cpu: start(file, store, allows_cpu=cpu), allows_cpu, detach and as_json)
    return _follow_or_name(started, detach, as_json, store, commands) if started else FAILED


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--detach", is_flag=True, help="Return at once.")
@cpu_option
@json_option
@store_option
def resume(run_id: int, *, detach: bool, allows_cpu: bool, as_json: bool, store: Path) -> int:
    """Go on with a run that was cancelled, interrupted or failed in parts. `qtui runs` lists the ids.

    Ctrl-C cancels the run. If it is already running, the command follows it to its end, and Ctrl-C only stops following.
    """
    from qtui.runner.start import resume as resume_run

    commands = Commands.of_run("resume", str(run_id), store=store)
    started = start_or_attach(lambda cpu: resume_run(run_id, store, allows_cpu=cpu), allows_cpu, detach and as_json)
    return _follow_or_name(started, detach, as_json, store, commands) if started else FAILED


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@store_option
def cancel(run_id: int, store: Path) -> None:
    """Stop a run that is going on. What it has answered and graded is kept; `qtui resume` goes on."""
    _ask(store, run_id, "cancel", "cancelling")


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--off", is_flag=True, help="Let a paused run go on.")
@store_option
def pause(run_id: int, off: bool, store: Path) -> None:
    """Hold a run where it is; it keeps its memory. `qtui pause RUN --off` lets it go on."""
    _ask(store, run_id, "" if off else "pause", "going on with" if off else "pausing")


@dataclass(frozen=True, slots=True)
class Started:
    """A run that has a runner now."""

    run_id: int
    notice: str = ""
    """`Run 1 is already running (pid 812 on gpu-2)` where another command started the runner; else empty."""

    @property
    def is_ours(self) -> bool:
        return not self.notice


def start_or_attach(
    start: Callable[[bool], int], allows_cpu: bool = False, is_for_program: bool = False
) -> Started | None:
    """Start a runner by `start`, which returns the run's id, or name the run that another runner has.

    `start` is told whether the CPU is allowed where a GPU would stand idle; a person at a terminal is asked. `is_for_program`:
    JSON on stdout says so instead, for a program that asks in its own way, and None is returned.
    """
    from qtui.runner.start import AlreadyRunningError, CpuNotAllowedError

    try:
        return Started(start(allows_cpu))
    except AlreadyRunningError as error:
        return Started(error.run_id, error.problem)
    except CpuNotAllowedError as error:
        if is_for_program:
            print_json({"idle_gpus": list(error.reasons)})
            return None
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        click.echo(safe(f"{'; '.join(error.reasons)}."), err=True)
        click.confirm("Run on the CPU all the same?", default=False, abort=True, err=True)
        return start_or_attach(start, True)


def follow(store: Store, run_id: int) -> RunSummary:
    """Show the progress of a run that this command started on stderr until it ends. Returns how it ended.

    Ctrl-C asks the runner to cancel.
    """
    return follow_started(store, Started(run_id))


def follow_started(store: Store, started: Started) -> RunSummary:
    """The same for any run. Where another command started it, Ctrl-C ends this command and leaves the run alone."""
    run_id = started.run_id
    try:
        if started.notice:
            click.echo(f"{started.notice}: following it.", err=True)
        _say_what_ends(store, run_id)
        return _watch(store, started)
    except KeyboardInterrupt:
        if not started.is_ours:
            click.echo(f"\nleft; run {run_id} goes on (`qtui cancel {run_id}` stops it)", err=True)
            raise
        click.echo("\ncancelling; what is done is kept (Ctrl-C again leaves the run to end by itself)", err=True)
        runs.request(store, run_id, "cancel")
        return _watch(store, started)


def _say_what_ends(store: Store, run_id: int) -> None:
    run = runs.summaries(store, [run_id])[0]
    if run.ends:
        click.echo(safe(f"run {run_id} {session_end.in_words(run.ends, run.ends_at)}"), err=True)


def _watch(store: Store, started: Started) -> RunSummary:
    from qtui.cli.progress import watch

    return watch(store, started.run_id, from_start=started.is_ours)


def _check(file: Path, as_json: bool) -> int:
    from qtui.experiment import roles as experiment_roles
    from qtui.experiment.experiment import load
    from qtui.runner.start import idle_gpus

    experiment = load(file)
    idle = idle_gpus(experiment)
    said = {v: experiment_roles.in_words(v, experiment.sampling_for(v)) for v in experiment.variants}
    answers = len(experiment.variants) * len(experiment.task_set.tasks) * experiment.sampling.samples
    if as_json:
        found = {
            "experiment": experiment.name,
            "tasks": len(experiment.task_set.tasks),
            "answers": answers,
            "variants": [
                {"model": v.model, "variant": v.name, "baseline": v.is_baseline, "role": v.role, "is": said[v]}
                for v in experiment.variants
            ],
            "judges": [judge.label for judge in experiment.judges],
            "idle_gpus": idle,
        }
        print_json(found)
        return 0
    click.echo(_line(f"{experiment.name}: {len(experiment.task_set.tasks)} tasks, {answers} answers"))
    for variant in experiment.variants:
        how = ", ".join(filter(None, (variant.engine, said[variant])))
        click.echo(_line(f"  {variant.model} {variant.name} ({how})"))
    for judge in experiment.judges:
        click.echo(_line(f"  judge {judge.label}, {judge.takes} take{'s' if judge.takes > 1 else ''}"))
    for reason in idle:
        click.echo(_line(f"  note: {reason}"))
    return 0


def _line(text: str) -> str:
    return safe(text).replace("\n", " ")


def what_ends(store_path: Path, run_id: int, commands: Commands) -> list[str]:
    """Sentences for a person at this terminal: what ends a run that was just started from it, and what helps."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        run = runs.summaries(store, [run_id])[0]
    return [notice.text for notice in session_end.notices_here(run.ends, commands)]


def _follow_or_name(started: Started, detach: bool, as_json: bool, store_path: Path, commands: Commands) -> int:
    if detach:
        _name(started, as_json)
        for text in what_ends(store_path, started.run_id, commands):
            click.echo(safe(text), err=True)
        return 0
    store = open_store(store_path, create=False)
    try:
        ended = follow_started(store, started)
    finally:
        store.close()
    if as_json:
        print_json(_as_json(ended))
    return status(ended)


def _name(started: Started, as_json: bool) -> None:
    if started.notice:
        click.echo(f"{started.notice}.", err=True)
    if as_json:
        print_json({"run": started.run_id, "started": started.is_ours, "notice": started.notice})
    else:
        click.echo(started.run_id)


def status(run: RunSummary) -> int:
    """The exit status for how a run ended."""
    if run.state == "done":
        return 0
    return CANCELLED_STATUS if run.state == "cancelled" else 1


def _ask(store_path: Path, run_id: int, what: str, doing: str) -> None:
    store = open_store(store_path, create=False)
    try:
        known = runs.summaries(store, [run_id])
        if not known:
            raise UserError(f"{store_path}: has no run {run_id}. `qtui runs` lists them.")
        if not known[0].active:
            raise UserError(f"run {run_id} is not going on: it is {known[0].state}.")
        runs.request(store, run_id, what)
    finally:
        store.close()
    click.echo(f"{doing} run {run_id}", err=True)


def _as_json(run: RunSummary) -> dict[str, object]:
    return {
        "run": run.id,
        "experiment": run.experiment,
        "state": run.state,
        "reason": run.reason,
        "answered": run.answered,
        "expected": run.expected,
        "variants": [
            {
                "model": v.model,
                "variant": v.name,
                "state": v.state,
                "answered": v.answered,
                "reason": v.reason,
                # Runs of an older qtui have an address with its password among them.
                **{
                    name: url_secrets.mask(fact) if isinstance(fact, str) else fact
                    for name, fact in v.facts.values().items()
                },
            }
            for v in run.variants
        ],
    }
