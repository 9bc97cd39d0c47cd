"""`qtui judge`: grade stored answers, of runs and imports, by another judge, or remove such a judge."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from qtui.cli.options import chosen_runs, runs_options, store_option
from qtui.cli.run import CANCELLED_STATUS, follow, status
from qtui.errors import UserError
from qtui.files import input_file
from qtui.records import JudgeSpec
from qtui.run_progress import JudgeProgress, RunSummary
from qtui.store import open_store
from qtui.text import safe

if TYPE_CHECKING:
    from qtui.runner.added_judges import Removed

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def judge() -> None:
    """Grade stored answers by another judge.

    The judge grades all answers that it has not graded yet, of runs and imports. Ctrl-C cancels; grades are kept. A judge that
    fails before its first grade is not used again until you name it again.
    """


def _takes_option(command: Command) -> Command:
    return click.option("--takes", type=click.IntRange(1, 20), default=1, show_default=True, help="Grades per answer.")(
        command
    )


@judge.command()
@_takes_option
@runs_options
@store_option
def reference(takes: int, experiment: str | None, run_id: int | None, store: Path) -> int:
    """Grade by overlap with the task's reference answer. Needs no network."""
    return _grade(JudgeSpec("reference", takes=takes), chosen_runs(store, experiment, run_id), store)


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
@click.option(
    "--prompt", type=click.Path(path_type=Path), help="File with the prompt template; {pred} stands for the answer."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 512), default=8, show_default=True, help="Requests in flight at once."
)
@runs_options
@store_option
def openai(
    model: str,
    base_url: str | None,
    api_key_env: str,
    takes: int,
    prompt: Path | None,
    concurrency: int,
    experiment: str | None,
    run_id: int | None,
    store: Path,
) -> int:
    """Grade by a chat model behind an OpenAI-compatible endpoint."""
    spec = JudgeSpec(
        kind="openai",
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        takes=takes,
        prompt=_template(prompt),
        concurrency=concurrency,
    )
    return _grade(spec, chosen_runs(store, experiment, run_id), store)


@judge.command()
@click.argument("label")
@runs_options
@store_option
def remove(label: str, experiment: str | None, run_id: int | None, store: Path) -> None:
    """Remove an added judge from a run.

    LABEL is the judge's name in the panes, e.g. openai:my-model. Its grades stay in the store but are not shown; if you add the
    same judge again, they are used. A judge that the experiment's file names cannot be removed.
    """
    from qtui.runner import added_judges

    run_ids = chosen_runs(store, experiment, run_id)
    with closing(open_store(store, create=False)) as opened:
        removed = added_judges.remove(opened, run_ids, label)
    for each in removed:
        click.echo(safe(_removed(label, each)), err=True)


def _grade(spec: JudgeSpec, run_ids: tuple[int, ...], store: Path) -> int:
    from qtui.runner import start

    start.judge(run_ids, spec, store)
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
    grades = {
        0: "it had no grades",
        1: "its 1 grade is no longer shown",
    }.get(removed.grades, f"its {removed.grades} grades are no longer shown")
    stays = f"; the judge {label} that the experiment names stays" if removed.is_in_experiment else ""
    return f"removed judge {label} from run {removed.run_id}; {grades}{stays}"


def _template(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        decoded = input_file.read_any_text(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    for note in decoded.note(path):
        click.echo(safe(f"note: {note}"), err=True)
    return decoded.text
