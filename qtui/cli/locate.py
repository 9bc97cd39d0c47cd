"""`qtui locate`: where things are."""

from collections.abc import Callable
from pathlib import Path

import click

from qtui import paths
from qtui.cli.options import json_option, store_option
from qtui.cli.page import Column, Page, print_json
from qtui.text import safe

PLACES: dict[str, Callable[[], Path]] = {
    "config": paths.config_file,
    "catalog": paths.user_catalog,
    "themes": paths.user_themes,
    "cache": paths.cache,
    "logs": paths.logs,
    "data": paths.data,
    "shipped-themes": paths.themes,
}


@click.command()
@click.argument("what", required=False, type=click.Choice(["store", *PLACES]))
@json_option
@store_option
def locate(*, what: str | None, as_json: bool, store: Path) -> None:
    """Print where WHAT is, or where everything is. A file or folder that is not there yet has its place all the same."""
    found = {"store": store.absolute()} | {name: place() for name, place in PLACES.items()}
    if as_json:
        print_json({name: str(path) for name, path in found.items() if what in (None, name)})
    elif what:
        click.echo(safe(str(found[what])))
    else:
        rows = [[name, safe(str(path)), "" if path.exists() else "not there yet"] for name, path in found.items()]
        Page().table((Column("What"), Column("Where"), Column("")), rows)
