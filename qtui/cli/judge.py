"""`qtui judge`: have answers that are there graded by another judge, whoever made them."""

from pathlib import Path
from typing import Literal

import click

from qtui import input_file
from qtui.cli.options import chosen_runs, runs_options, store_option
from qtui.cli.run import follow, status
from qtui.errors import UserError
from qtui.records import JudgeSpec
from qtui.store import open_store


@click.command()
@click.argument("kind", type=click.Choice(["reference", "openai"]))
@click.option("--model", default="", help="Name of the judge's model, as its endpoint knows it.")
@click.option(
    "--base-url",
    help="Address of the endpoint, e.g. http://localhost:8000/v1 (default: OpenAI's). A password in it is written as the name of "
    "an environment variable, in single quotes: 'https://user:${JUDGE_PASSWORD}@host/v1'.",
)
@click.option("--api-key-env", default="OPENAI_API_KEY", show_default=True, help="Environment variable with the key.")
@click.option("--takes", type=click.IntRange(1, 20), default=1, show_default=True, help="Gradings per answer.")
@click.option("--prompt", type=click.Path(path_type=Path), help="Prompt template with {pred} and its sisters (a file).")
@click.option("--concurrency", type=click.IntRange(1, 512), default=8, show_default=True, help="Questions at once.")
@runs_options
@store_option
def judge(
    kind: Literal["reference", "openai"],
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
    """Grade what is not graded yet by this judge: KIND is reference (offline overlap) or openai (a chat model).

    Imported answers can be graded like any others. Ctrl-C cancels; what is graded is kept.
    """
    from qtui.runner import start

    if kind == "openai" and not model:
        raise click.UsageError("--model names the judge's model.")
    spec = JudgeSpec(
        kind=kind,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        takes=takes,
        prompt=_template(prompt),
        concurrency=concurrency,
    )
    run_ids = chosen_runs(store, experiment, run_id)
    start.judge(run_ids, spec, store)
    opened = open_store(store, create=False)
    try:
        return max(status(follow(opened, run)) for run in run_ids)
    finally:
        opened.close()


def _template(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return input_file.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text: {error}") from None
