"""`qtui judge`: grade stored answers, of runs and imports, by another judge, or remove such a judge."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from qtui.cli import costs
from qtui.cli.options import chosen_runs, grading_options, json_option, runs_options, store_option
from qtui.cli.run import CANCELLED_STATUS, follow, status
from qtui.errors import UserError
from qtui.experiment import judge_scale
from qtui.experiment.judges import own_prompt
from qtui.files import input_file
from qtui.judge_prompts import OWN_PAIRWISE_PROMPTS, OWN_PROMPTS, PAIRWISE_SLOTS, SLOTS, TEXT, read_template
from qtui.records import FIVE_POINTS, PAIRWISE, WIN_RATE_MARGIN, JudgeSpec, Scale
from qtui.run_progress import JudgeProgress, RunSummary
from qtui.store import open_store, runs
from qtui.text import safe

if TYPE_CHECKING:
    from qtui.runner.added_judges import Removed
    from qtui.runner.how_to_grade import HowToGrade

Command = TypeVar("Command", bound=Callable[..., Any])
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@click.group(invoke_without_command=True)
@grading_options
@runs_options
@store_option
@click.pass_context
def judge(
    context: click.Context, *, how: "HowToGrade", experiment: str | None, run_id: int | None, store: Path
) -> int | None:
    """Grade stored answers by another judge.

    The judge grades all answers that it has not graded yet, of runs and imports. Ctrl-C cancels; grades are kept. A judge that
    fails before its first grade is not used again until you name it again.

    Without a command, --retry ungraded asks all judges of the runs again about what is ungraded; nothing else is asked again.
    """
    if context.invoked_subcommand is not None:
        options = [
            *how.arguments(),
            *(["--run"] if run_id is not None else []),
            *(["--experiment"] if experiment else []),
        ]
        if options:
            raise click.UsageError(f"Write {options[0]} after {context.invoked_subcommand}.")
        return None
    if not how.asks_again:
        raise click.exceptions.NoArgsIsHelpError(context)
    return _grade_again(chosen_runs(store, experiment, run_id), store, how)


def _takes_option(command: Command) -> Command:
    return click.option("--takes", type=click.IntRange(1, 20), default=1, show_default=True, help="Grades per answer.")(
        command
    )


def _read_scale(_context: click.Context, _option: click.Parameter, value: str | None) -> Scale:
    """The scale of `1-10`."""
    if value is None:
        return FIVE_POINTS
    ends = re.fullmatch(r"\s*(\d{1,6})\s*(?:-|–|\.\.)\s*(\d{1,6})\s*", value)
    if not ends:
        raise click.BadParameter(f"{value} is no scale. Write the lowest and the highest grade, e.g. 1-10.")
    problems: list[str] = []
    found = judge_scale.scale((int(ends[1]), int(ends[2])), problems.append)
    if problems:
        raise click.BadParameter(f"{value} {problems[0]}")
    return found


def _read_temperature(_context: click.Context, _option: click.Parameter, value: str) -> float | None:
    if value.casefold() in ("none", "false"):
        return None
    try:
        temperature = float(value)
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature <= 2:
        raise click.BadParameter(f"{value} is no temperature. Give a number from 0 to 2, or none to send none.")
    return temperature


def _scale_option(command: Command) -> Command:
    return click.option(
        "--scale",
        callback=_read_scale,
        metavar="LOW-HIGH",
        help="Grades that the judge gives, e.g. 1-10 (default: 1-5).",
    )(command)


@judge.command()
@_takes_option
@_scale_option
@runs_options
@store_option
def reference(takes: int, scale: Scale, experiment: str | None, run_id: int | None, store: Path) -> int:
    """Grade by overlap with the task's reference answer. Needs no network."""
    from qtui.runner.how_to_grade import AS_USUAL

    return _grade(
        JudgeSpec("reference", takes=takes, scale=scale), chosen_runs(store, experiment, run_id), store, AS_USUAL
    )


@judge.command()
@click.option("--model", required=True, help="The judge's model, by the name that the endpoint uses.")
@click.option(
    "--base-url",
    help="URL of the endpoint, e.g. http://localhost:8000/v1 (default: OpenAI's). Write a password in it as the name of an "
    "environment variable, in single quotes: 'https://user:${JUDGE_PASSWORD}@host/v1'.",
)
@click.option(
    "--api-key-env", default="OPENAI_API_KEY", show_default=True, help="Environment variable that holds the API key."
)
@_takes_option
@_scale_option
@click.option(
    "--prompt",
    metavar="NAME|FILE",
    help=f"{' or '.join(OWN_PROMPTS)}, or a file with the prompt template; {{pred}} or {{answer}} stands for the answer. With"
    f" --pairwise {' or '.join(OWN_PAIRWISE_PROMPTS)}, or a file with {{answer_a}} and {{answer_b}}.",
)
@click.option(
    "--slot",
    "slots",
    metavar="SLOT=NAME",
    multiple=True,
    help=f"What a placeholder of the file stands for, e.g. answer=output. Slots: {', '.join(SLOTS)} (with --pairwise answer_a and"
    " answer_b for answer and scale); text=NAME is none.",
)
@click.option(
    "--pairwise",
    is_flag=True,
    help="Compare the baseline's answers with those of the other variants, in both orders, instead of grading each.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    help=f"With --pairwise: how far below 0.5 a win rate may be (default: {WIN_RATE_MARGIN:g}).",
)
@click.option("--system", help="Text of a system message before the prompt.")
@click.option(
    "--temperature",
    default="0",
    show_default=True,
    callback=_read_temperature,
    metavar="NUMBER|none",
    help="Temperature of the judge; none sends none.",
)
@click.option("--reasoning-effort", type=click.Choice(EFFORTS), help="How hard a judge thinks that can.")
@click.option(
    "--batch", is_flag=True, help="Ask in batches, which are replied to within a day (OpenAI: for half the price)."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 512), default=8, show_default=True, help="Requests in flight at once."
)
@grading_options
@click.option("--check", is_flag=True, help="Only show what would be asked, and what it would cost.")
@runs_options
@json_option
@store_option
def openai(
    *,
    prompt: str | None,
    slots: tuple[str, ...],
    experiment: str | None,
    run_id: int | None,
    store: Path,
    how: "HowToGrade",
    check: bool,
    as_json: bool,
    margin: float | None,
    **settings: Any,
) -> int:
    """Grade, or compare, by a chat model behind an OpenAI-compatible endpoint."""
    _check_pairwise(margin, is_pairwise=settings["pairwise"])
    template = _template(prompt, slots, settings["scale"], is_pairwise=settings["pairwise"])
    spec = JudgeSpec(kind="openai", prompt=template, margin=WIN_RATE_MARGIN if margin is None else margin, **settings)
    run_ids = chosen_runs(store, experiment, run_id)
    if check:
        costs.print_planned_judge(store, run_ids, spec, as_json=as_json)
        return 0
    if as_json:
        raise UserError(
            "--json is for --check: grading prints nothing. `qtui scores --json` prints the grades' figures."
        )
    return _grade(spec, run_ids, store, how)


@judge.command()
@click.argument("label")
@runs_options
@store_option
def remove(label: str, experiment: str | None, run_id: int | None, store: Path) -> None:
    """Remove an added judge from a run.

    LABEL is the judge's name in the panes, e.g. openai:my-model, or "openai:my-model pairwise" for one that compares. Its grades
    stay in the store but are not shown; if you add the same judge again, they are used. A judge that the experiment's file names
    cannot be removed.
    """
    from qtui.runner import added_judges

    run_ids = chosen_runs(store, experiment, run_id)
    with closing(open_store(store, create=False)) as opened:
        removed = added_judges.remove(opened, run_ids, label)
    for each in removed:
        click.echo(safe(_removed(label, each)), err=True)


def _grade_again(run_ids: tuple[int, ...], store: Path, how: "HowToGrade") -> int:
    """Ask the judges of runs again about what is ungraded."""
    from qtui.runner import start

    with closing(open_store(store, create=False)) as opened:
        found = [run for run in runs.summaries(opened, run_ids) if any(judge.ungraded for judge in run.judges)]
    if not found:
        click.echo("Nothing is ungraded.", err=True)
        return 0
    _check_one_run([run.id for run in found], how)
    for run in found:
        start.resume(run.id, store, how=how, on_costs=costs.say_planned)
    with closing(open_store(store, create=False)) as opened:
        return max(status(follow(opened, run.id)) for run in found)


def _check_one_run(run_ids: Sequence[int], how: "HowToGrade") -> None:
    """Raises UserError if requests or their cost are limited for several runs: each has a runner of its own, which counts."""
    limits = [
        name for name, limit in (("--requests", how.most_requests), ("--budget", how.budget)) if limit is not None
    ]
    if limits and len(run_ids) > 1:
        named = ", ".join(map(str, sorted(run_ids)))
        raise UserError(f"{limits[0]} is for one run, and these would be graded: {named}. Choose one with --run.")


def _grade(spec: JudgeSpec, run_ids: tuple[int, ...], store: Path, how: "HowToGrade") -> int:
    from qtui.runner import start

    _check_one_run(run_ids, how)
    start.judge(run_ids, spec, store, how=how, on_costs=costs.say_planned)
    with closing(open_store(store, create=False)) as opened:
        finished = [follow(opened, run_id) for run_id in run_ids]
    worst = max(map(status, finished))
    failures = [
        f"run {run.id}: {judge.reason}" for run in finished if run.state == "done" for judge in _failed(run, spec)
    ]
    if failures and worst != CANCELLED_STATUS:
        raise UserError("\n".join(failures))
    return worst


def _failed(run: RunSummary, spec: JudgeSpec) -> list[JudgeProgress]:
    """The run's judge with this specification if it failed, else an empty list."""
    from qtui.judges import fingerprint

    failed_judge = (spec.label, fingerprint(spec), "failed")
    return [judge for judge in run.judges if (judge.label, judge.fingerprint, judge.state) == failed_judge]


def _removed(label: str, removed: "Removed") -> str:
    noun = "preference" if label.endswith(PAIRWISE) else "grade"
    grades = {
        0: f"it had no {noun}s",
        1: f"its 1 {noun} is no longer shown",
    }.get(removed.grades, f"its {removed.grades} {noun}s are no longer shown")
    stays = f"; the judge {label} that the experiment names stays" if removed.is_in_experiment else ""
    return f"removed judge {label} from run {removed.run_id}; {grades}{stays}"


def _check_pairwise(margin: float | None, *, is_pairwise: bool) -> None:
    """Raises UserError for options that do not go with comparing, or that only go with it."""
    given = click.get_current_context().get_parameter_source("scale")
    if is_pairwise and given is not click.core.ParameterSource.DEFAULT:
        raise UserError("--scale: a judge that compares two answers gives no grades, so that it has no scale.")
    if not is_pairwise and margin is not None:
        raise UserError(
            "--margin is that of a win rate, with --pairwise. That of grades is an option of `qtui scores`."
        )


def _template(prompt: str | None, slots: tuple[str, ...], scale: Scale, *, is_pairwise: bool) -> str | None:
    if prompt is None or prompt in (*OWN_PROMPTS, *OWN_PAIRWISE_PROMPTS):
        if slots:
            raise UserError("--slot says what the placeholders of a file are, but --prompt names no file.")
        return None if prompt is None else own_prompt(prompt, scale, _refuse_prompt, is_pairwise=is_pairwise)
    path = Path(prompt)
    try:
        decoded = input_file.read_any_text(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    for note in decoded.note(path):
        click.echo(safe(f"note: {note}"), err=True)
    try:
        known = PAIRWISE_SLOTS if is_pairwise else SLOTS
        return read_template(decoded.text, _named_slots(slots, known), is_pairwise=is_pairwise)
    except UserError as error:
        said = str(error).replace("under [judges.slots]", "with --slot").replace("pairwise = true", "--pairwise")
        lines = said.splitlines()
        raise UserError("\n".join(f"{path}: {line}" for line in lines)) from None


def _refuse_prompt(message: str) -> None:
    raise UserError(f"--prompt: {message.replace('pairwise = true', '--pairwise')}")


def _named_slots(slots: tuple[str, ...], known: Mapping[str, str]) -> dict[str, list[str]]:
    named: dict[str, list[str]] = {}
    for each in slots:
        slot, separator, placeholder = each.partition("=")
        if slot not in (*known, TEXT) or not separator or not placeholder:
            raise UserError(f"--slot {each}: should be one of {', '.join((*known, TEXT))}, then = and a placeholder.")
        named.setdefault(slot, []).append(placeholder)
    return named
