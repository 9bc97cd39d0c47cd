"""`qtui locate`: where qtui keeps its files."""

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
@click.argument("place", required=False, type=click.Choice(["store", *PLACES]))
@json_option
@store_option
def locate(*, place: str | None, as_json: bool, store: Path) -> None:
    """Print the path of one place, or of all. Paths of files and folders that do not exist yet are printed too."""
    places = {"store": store.absolute()} | {name: find() for name, find in PLACES.items()}
    if as_json:
        print_json({name: str(path) for name, path in places.items() if place in (None, name)})
    elif place:
        click.echo(safe(str(places[place])))
    else:
        rows = [[name, safe(str(path)), "" if path.exists() else "not created yet"] for name, path in places.items()]
        Page().table((Column("Place"), Column("Path"), Column("")), rows)
