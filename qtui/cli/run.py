"""`qtui run`, `resume`, `cancel`, `pause`: runs from the command line. The runner is always a process of its own.

The command only reads the store, as the workbench does: closing its terminal does not stop the run. Ctrl-C cancels a run that this
command started. If the run is already running, started by another command or another person, this command attaches to it, and
Ctrl-C only detaches.
"""

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qtui import session_end
from qtui.charts import batch_words
from qtui.cli import costs
from qtui.cli.options import confirm_cpu, cpu_option, grading_options, json_option, log_level_option, store_option
from qtui.cli.page import print_json
from qtui.errors import UserError
from qtui.figures.json_form import to_json
from qtui.run_progress import RunSummary
from qtui.secrets import url_secrets
from qtui.session_end import Commands
from qtui.store import Store, open_store, runs
from qtui.text import safe

if TYPE_CHECKING:
    from qtui.experiment.experiment import Experiment
    from qtui.figures.planned import PlannedResolution
    from qtui.runner.how_to_grade import HowToGrade

FAILED, STOPPED_STATUS, CANCELLED_STATUS = 1, 4, 130


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--detach", is_flag=True, help="Start the run, print its id and return at once.")
@click.option("--check", is_flag=True, help="Only check the file and show what would be run.")
# For the form of a new run, which checks after every pause in typing: without loading scipy, it answers in half the time.
@click.option("--without-resolution", is_flag=True, hidden=True)
@grading_options
@cpu_option
@log_level_option
@json_option
@store_option
def run(
    file: Path,
    *,
    detach: bool,
    check: bool,
    without_resolution: bool,
    how: "HowToGrade",
    allows_cpu: bool,
    as_json: bool,
    store: Path,
) -> int:
    """Run an experiment (a TOML file), or resume its run.

    Existing answers and grades are not computed again. Ctrl-C cancels the run; closing the terminal does not.

    If the run is already running, the command attaches to it and exits with its status. Ctrl-C then only detaches.
    """
    if check:
        return _check(file, as_json, store, shows_resolution=not without_resolution)
    from qtui.runner.start import start

    commands = Commands.of_run("run", str(file), store=store)
    said: list[str] = []  # after a question the experiment is read again

    def say(note: str) -> None:
        if note not in said:
            said.append(note)
            click.echo(_line(f"note: {note}"), err=True)

    started = start_or_attach(
        lambda cpu: start(file, store, allows_cpu=cpu, how=how, on_note=say, on_costs=costs.say_planned),
        allows_cpu,
        detach and as_json,
    )
    if started is None:
        return FAILED
    _say_what_does_not_apply(started, how)
    return _follow_or_print_id(started, detach, as_json, store, commands)


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--detach", is_flag=True, help="Resume the run, print its id and return at once.")
@grading_options
@cpu_option
@log_level_option
@json_option
@store_option
def resume(run_id: int, *, detach: bool, how: "HowToGrade", allows_cpu: bool, as_json: bool, store: Path) -> int:
    """Resume a run that was cancelled or interrupted, or that failed in part. `qtui runs` lists the ids.

    Ctrl-C cancels the run. If it is already running, the command attaches to it, and Ctrl-C only detaches.
    """
    from qtui.runner.start import resume as resume_run

    commands = Commands.of_run("resume", str(run_id), store=store)
    started = start_or_attach(
        lambda cpu: resume_run(run_id, store, allows_cpu=cpu, how=how, on_costs=costs.say_planned),
        allows_cpu,
        detach and as_json,
    )
    if started is None:
        return FAILED
    _say_what_does_not_apply(started, how)
    return _follow_or_print_id(started, detach, as_json, store, commands)


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--batch", "cancels_batches", is_flag=True, help="Cancel batches of its judges at their endpoints, too.")
@store_option
def cancel(run_id: int, *, cancels_batches: bool, store: Path) -> None:
    """Cancel a run that is running. Its answers and grades are kept; `qtui resume` resumes it.

    Batches of its judges go on at their endpoints, and what they do is paid; a resumed run fetches it. With --batch they are
    cancelled there; what they have done by then is kept. With --batch the run need not be running.
    """
    if not cancels_batches:
        _request(store, run_id, "cancel", "cancelling")
        with closing(open_store(store, create=False, must_write=False)) as opened:
            for line in batch_words.after_cancel(runs.summaries(opened, [run_id])[0]):
                click.echo(safe(line), err=True)
        return
    from qtui.runner.batch_cancelling import cancel_batches

    with closing(open_store(store, create=False)) as opened:
        summaries = runs.summaries(opened, [run_id])
        if not summaries:
            raise UserError(f"{store}: has no run {run_id}. `qtui runs` lists the runs.")
        if summaries[0].active:
            runs.request(opened, run_id, "cancel")
            click.echo(f"cancelling run {run_id}", err=True)
        lines = cancel_batches(opened, run_id)
    for line in lines or [f"run {run_id} has no batch under way"]:
        click.echo(safe(line), err=True)


@click.command()
@click.argument("run_id", metavar="RUN", type=int)
@click.option("--off", is_flag=True, help="Continue a paused run.")
@store_option
def pause(run_id: int, off: bool, store: Path) -> None:
    """Pause a run; its models stay in memory. `qtui pause RUN --off` continues it."""
    _request(store, run_id, "" if off else "pause", "continuing" if off else "pausing")


@dataclass(frozen=True, slots=True)
class Started:
    """A run that has a runner."""

    run_id: int
    notice: str = ""
    """`Run 1 is already running (pid 812 on gpu-2)` if another command started the runner; else empty."""

    @property
    def is_ours(self) -> bool:
        return not self.notice


def start_or_attach(
    start: Callable[[bool], int], allows_cpu: bool = False, is_for_program: bool = False
) -> Started | None:
    """Start a runner by `start`, or attach to the run if it is already running.

    `start` takes whether the CPU is allowed while a GPU is idle, and returns the run's id. If it refuses the CPU, the user is asked
    at a terminal. With `is_for_program`, the reasons are printed as JSON instead, so that the calling program can ask, and None is
    returned. Without a terminal, CpuNotAllowedError is raised.
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
        confirm_cpu(error.reasons, "Run on the CPU anyway?")
        return start_or_attach(start, True)


def _say_what_does_not_apply(started: Started, how: "HowToGrade") -> None:
    """Say that a run which another command started goes about its judges as that command chose."""
    if options := how.arguments() if started.notice else []:
        click.echo(
            f"{' '.join(options)} does not apply: the command that started the run chose how its judges are asked.",
            err=True,
        )


def follow(store: Store, run_id: int) -> RunSummary:
    """Show on stderr the progress of a run that this command started, and return its last summary. Ctrl-C cancels the run."""
    return follow_started(store, Started(run_id))


def follow_started(store: Store, started: Started) -> RunSummary:
    """The same for any run. If another command started it, Ctrl-C ends this command and not the run."""
    run_id = started.run_id
    try:
        if started.notice:
            click.echo(f"{started.notice}; attaching to it.", err=True)
        _print_session_end(store, run_id)
        return _watch(store, started)
    except KeyboardInterrupt:
        if not started.is_ours:
            click.echo(f"\ndetached; run {run_id} is still running (`qtui cancel {run_id}` cancels it)", err=True)
            raise
        click.echo("\ncancelling; answers and grades are kept (Ctrl-C again: do not wait for the run to end)", err=True)
        runs.request(store, run_id, "cancel")
        return _watch(store, started)


def _print_session_end(store: Store, run_id: int) -> None:
    run = runs.summaries(store, [run_id])[0]
    if run.ends:
        click.echo(safe(f"run {run_id} {session_end.in_words(run.ends, run.ends_at)}"), err=True)


def _watch(store: Store, started: Started) -> RunSummary:
    from qtui.cli.progress import watch

    run = watch(store, started.run_id, from_start=started.is_ours)
    costs.say_spent(store, started.run_id)
    return run


def _check(file: Path, as_json: bool, store: Path, *, shows_resolution: bool) -> int:
    from qtui import config
    from qtui.experiment import roles as experiment_roles
    from qtui.experiment.experiment import load
    from qtui.runner import planned_costs
    from qtui.runner.prompt_check import prompt_notes
    from qtui.runner.start import idle_gpus
    from qtui.runner.weights_check import check_weights

    experiment = load(file)
    check_weights(experiment)
    notes = [*experiment.notes, *prompt_notes(experiment)]
    idle = idle_gpus(experiment)
    roles = {v: experiment_roles.in_words(v, experiment.sampling_for(v)) for v in experiment.variants}
    answers = len(experiment.variants) * len(experiment.task_set.tasks) * experiment.sampling.samples
    shown = _planned(experiment, store) if shows_resolution else ()
    planned = planned_costs.of_experiment(experiment, store, config.load().prices, notes.append)
    pairs = answers - len(experiment.models) * len(experiment.task_set.tasks) * experiment.sampling.samples
    notes += batch_words.notes(experiment.judges, answers, pairs)
    if as_json:
        plan = {
            "experiment": experiment.name,
            "tasks": len(experiment.task_set.tasks),
            "answers": answers,
            "variants": [
                {"model": v.model, "variant": v.name, "baseline": v.is_baseline, "role": v.role, "is": roles[v]}
                for v in experiment.variants
            ],
            "judges": [judge.label for judge in experiment.judges],
            "scorers": [scorer.label for scorer in experiment.scorers],
            "notes": notes,
            "costs": costs.planned_json(planned),
            "idle_gpus": idle,
            "resolution": to_json(shown),
        }
        print_json(plan)
        return 0
    click.echo(_line(f"{experiment.name}: {len(experiment.task_set.tasks)} tasks, {answers} answers"))
    for variant in experiment.variants:
        details = ", ".join(filter(None, (variant.engine, roles[variant])))
        click.echo(_line(f"  {variant.model} {variant.name} ({details})"))
    for judge in experiment.judges:
        compares = f", in both orders, margin 0.5 ± {judge.margin:g}" if judge.pairwise else ""
        click.echo(_line(f"  judge {judge.label}, {judge.takes} take{'s' if judge.takes > 1 else ''}{compares}"))
    for scorer in experiment.scorers:
        click.echo(_line(f"  scorer {scorer.label}, margin ±{100 * scorer.margin:g} points"))
    for each in shown:
        by = f"{each.judge}: " if len(shown) > 1 else ""
        click.echo(_line(f"  {by}{each.sentence}"))
    for line in costs.planned_lines(planned):
        click.echo(_line(f"  cost: {line}"))
    for note in (*notes, *idle):
        click.echo(_line(f"  note: {note}"))
    return 0


def _planned(experiment: "Experiment", store: Path) -> "tuple[PlannedResolution, ...]":
    """What the judges will be able to show; nothing without a candidate to compare."""
    from qtui import config
    from qtui.results.planned_resolution import planned_resolutions

    if not any(variant.role == "candidate" for variant in experiment.variants):
        return ()
    return planned_resolutions(
        store,
        experiment.judges,
        experiment.task_set,
        samples=experiment.sampling.samples,
        margin=config.load().margin,
    )


def _line(text: str) -> str:
    return safe(text).replace("\n", " ")


def end_notices(store_path: Path, run_id: int, commands: Commands) -> list[str]:
    """Sentences for the user at this terminal: what may end a run that was just started from it, and how to avoid that."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        run = runs.summaries(store, [run_id])[0]
    return [notice.text for notice in session_end.notices_here(run.ends, commands)]


def _follow_or_print_id(started: Started, detach: bool, as_json: bool, store_path: Path, commands: Commands) -> int:
    if detach:
        _print_id(started, as_json)
        for text in end_notices(store_path, started.run_id, commands):
            click.echo(safe(text), err=True)
        return 0
    store = open_store(store_path, create=False)
    try:
        run = follow_started(store, started)
    finally:
        store.close()
    if as_json:
        print_json(_as_json(run))
    return status(run)


def _print_id(started: Started, as_json: bool) -> None:
    if started.notice:
        click.echo(f"{started.notice}.", err=True)
    if as_json:
        print_json({"run": started.run_id, "started": started.is_ours, "notice": started.notice})
    else:
        click.echo(started.run_id)


def status(run: RunSummary) -> int:
    """The exit status for how a run ended. A run whose batches are left to a later command has ended as it should.

    One that a limit of the command stopped, such as a budget, has a status of its own: grades are missing.
    """
    if run.state == "done":
        return 0
    if run.state == "waiting" and run.started is not None:
        return 0
    return {"cancelled": CANCELLED_STATUS, "stopped": STOPPED_STATUS}.get(run.state, FAILED)


def _request(store_path: Path, run_id: int, request: str, progress: str) -> None:
    """Write a request to the runner into the store and print `progress`, such as `pausing`. Raises UserError unless it runs."""
    store = open_store(store_path, create=False)
    try:
        summaries = runs.summaries(store, [run_id])
        if not summaries:
            raise UserError(f"{store_path}: has no run {run_id}. `qtui runs` lists the runs.")
        if not summaries[0].active:
            raise UserError(f"run {run_id} is not running: it is {summaries[0].state}.")
        runs.request(store, run_id, request)
    finally:
        store.close()
    click.echo(f"{progress} run {run_id}", err=True)


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
                # Facts stored by an older qtui may contain a URL with its password.
                **{
                    name: url_secrets.mask(fact) if isinstance(fact, str) else fact
                    for name, fact in v.facts.values().items()
                },
            }
            for v in run.variants
        ],
    }
