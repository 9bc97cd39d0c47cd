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
    above = context.parent.params.get("store") if context.parent else None
    return above if isinstance(above, Path) else paths.default_store()


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
