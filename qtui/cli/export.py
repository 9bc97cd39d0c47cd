"""`qtui export SUBJECT`: contents of the store as tables for other programs."""

import os
import sys
import tempfile
from pathlib import Path

import click

from qtui.cli.options import chosen_runs, runs_options, store_option
from qtui.errors import UserError
from qtui.exchange.export import FORMATS, SUBJECTS, Format, encode
from qtui.format import count
from qtui.text import has_controls, safe


@click.command()
@click.argument("subject", metavar="SUBJECT", type=click.Choice(list(SUBJECTS)))
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="The format (default: by the suffix of --output, else csv)."
)
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(path_type=Path), help="Write to FILE instead of standard output."
)
@click.option(
    "--exact", is_flag=True, help="Write CSV without apostrophes before texts that a spreadsheet takes for formulas."
)
@runs_options
@store_option
def export(
    *,
    subject: str,
    form: Format | None,
    output: Path | None,
    exact: bool,
    experiment: str | None,
    run_id: int | None,
    store: Path,
) -> None:
    """Write SUBJECT as CSV, JSON lines, Parquet or Markdown.

    SUBJECT is answers, grades, scores (of judges), preferences and win-rates (of judges that compare), answer-scores, scorers,
    lengths or divergence.

    By default it writes the latest run of every experiment. The column `experiment` exists only for more than one run. Tasks are
    numbered from 1, samples from 0.

    In CSV, an apostrophe is put before texts that begin with = + - @ (formulas to a spreadsheet), also after spaces, or with an
    apostrophe. With --exact, and in JSON lines and Parquet, every text is written unchanged; JSON lines escape what a terminal
    would obey.
    """
    chosen = form or _by_suffix(output) or "csv"
    if output is None and chosen == "parquet" and sys.stdout.isatty():
        raise UserError(
            "Parquet is binary and cannot be shown in a terminal. Name a file with --output FILE, or use a pipe."
        )
    table = SUBJECTS[subject](store, chosen_runs(store, experiment, run_id))
    content = encode(table, chosen, exact=exact)
    if output is not None:
        _write(output, content)
        click.echo(safe(f"{output}: {count(len(table.rows), 'row')}"), err=True)
    elif sys.stdout.isatty():
        # A terminal would obey control characters in a model's answer.
        click.echo(safe(content.decode()), nl=False)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        if chosen == "csv" and has_controls(content.decode()):
            click.echo(f"note: {_CONTROLS_IN_CSV}", err=True)


_CONTROLS_IN_CSV = (
    "some texts have control characters, which a terminal behind the pipe would obey; CSV has no escapes for them, "
    "--format jsonl has."
)


def _by_suffix(output: Path | None) -> Format | None:
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    return next((form for form in FORMATS if form == suffix), None)


def _write(output: Path, content: bytes) -> None:
    """Write the file as a whole or not at all: if the disk is full, an existing file stays as it was."""
    try:
        if output.exists() and not output.is_file():
            output.write_bytes(content)  # a device or a pipe, such as /dev/stdout
            return
        handle, name = tempfile.mkstemp(dir=output.absolute().parent, prefix=f".{output.name}.")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(output)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"{output}: cannot be written: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
