"""`qtui export answers|grades|scores|lengths|divergence`: what is in the store, for other programs."""

import os
import sys
import tempfile
from pathlib import Path

import click

from qtui.cli.options import chosen_runs, runs_options, store_option
from qtui.errors import UserError
from qtui.exchange.export import FORMATS, SUBJECTS, Format, encode
from qtui.format import count
from qtui.text import safe


@click.command()
@click.argument("subject", metavar="SUBJECT", type=click.Choice(list(SUBJECTS)))
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the suffix of --output, else csv.")
@click.option("--output", "-o", metavar="FILE", type=click.Path(path_type=Path), help="Instead of standard output.")
@click.option("--exact", is_flag=True, help="CSV without apostrophes before texts that a spreadsheet would compute.")
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
    """Write SUBJECT (answers, grades, scores, lengths or divergence) as CSV, JSON lines, Parquet or Markdown.

    By default the latest run of every experiment. The column `experiment` is there only if it is more than one. A task's number
    begins at 1, a sample's at 0.

    In CSV a text that begins with = + - @ (to a spreadsheet a formula) or with an apostrophe has an apostrophe in front; --exact,
    JSON lines and Parquet have every text as it is.
    """
    chosen = form or _by_suffix(output) or "csv"
    if output is None and chosen == "parquet" and sys.stdout.isatty():
        raise UserError("Parquet is not for a terminal: name a file with --output FILE, or use a pipe.")
    table = SUBJECTS[subject](store, chosen_runs(store, experiment, run_id))
    content = encode(table, chosen, exact=exact)
    if output is not None:
        _write(output, content)
        click.echo(f"{output}: {count(len(table.rows), 'row')}", err=True)
    elif sys.stdout.isatty():
        # To the eye, not to a program: what a model wrote must not drive the terminal.
        click.echo(safe(content.decode()), nl=False)
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _by_suffix(output: Path | None) -> Format | None:
    suffix = output.suffix.lower().removeprefix(".") if output else ""
    return next((form for form in FORMATS if form == suffix), None)


def _write(output: Path, content: bytes) -> None:
    """Whole or not at all: a full disk leaves the file that was there."""
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
