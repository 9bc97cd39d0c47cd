"""`qtui bugreport`: an archive for a report on a fault, shown before it is written, without answers, tasks, prompts or secrets."""

import io
import sys
import tarfile
import time
from pathlib import Path

import click

from qtui.cli.options import store_option
from qtui.cli.page import Column, Page
from qtui.errors import UserError
from qtui.files import named_path, private_files
from qtui.format import count
from qtui.text import safe


@click.command()
@click.option(
    "--output", "-o", metavar="FILE", type=click.Path(path_type=Path), help="The archive to write (a .tar.gz)."
)
@click.option("--print", "prints", is_flag=True, help="Print all that would be in it, and write nothing.")
@click.option("--yes", "-y", is_flag=True, help="Write it without asking.")
@store_option
def bugreport(*, output: Path | None, prints: bool, yes: bool, store: Path) -> None:
    """Write an archive for a bug report: versions, what `qtui doctor` finds, settings, states of runs, sizes of tables, logs.

    It has no answers, tasks, prompts, keys, or names of people, models and folders: words that qtui does not use itself are
    replaced. What is in it is shown first. It is sent nowhere.
    """
    from qtui.cli.report_parts import parts

    files = parts(store)
    if prints:
        for name, text in files.items():
            click.echo(safe(f"==> {name}\n{text}"))
        return
    target = named_path.expanded(output or time.strftime("qtui-bugreport-%Y%m%d-%H%M%S.tar.gz"))
    _show(files)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UserError("nobody can be asked here. Look at all of it with --print, and write it with --yes.")
        click.confirm(safe(f"Write {target}? (--print shows all of it)"), default=False, abort=True, err=True)
    _write(target, files)
    click.echo(safe(f"written: {target}. It was sent nowhere."), err=True)


def _show(files: dict[str, str]) -> None:
    rows = [[safe(name), count(len(text.splitlines()), "line")] for name, text in files.items()]
    Page().table((Column("In the archive", flex=True), Column("", "right")), rows)


def _write(target: Path, files: dict[str, str]) -> None:
    content = _packed(files)
    try:
        with private_files.create_private(target) as file:
            try:
                file.write(content)
                file.flush()
            except BaseException:
                target.unlink(missing_ok=True)  # half an archive
                raise
    except FileExistsError:
        raise UserError(f"{target}: exists. Name another file with --output.") from None
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}. Name another file with --output.") from error


def _packed(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            data = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"qtui-bugreport/{name}")
            entry.size, entry.mode, entry.mtime = len(data), private_files.FILE_MODE, int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()
