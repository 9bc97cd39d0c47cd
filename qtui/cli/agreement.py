"""`qtui agreement`: judges, their takes and people against each other."""

from pathlib import Path

import click
from rich.text import Text

from qtui.charts.agreement_words import agreement_lines
from qtui.charts.lines import Line, wrap_line
from qtui.cli.lengths import ROLES
from qtui.cli.options import chosen_runs, json_option, runs_options, store_option
from qtui.cli.page import Page, print_json
from qtui.results.agreement import agreement_table


@click.command()
@click.argument("which", metavar="[RUN|EXPERIMENT]", required=False)
@runs_options
@json_option
@store_option
def agreement(*, which: str | None, experiment: str | None, run_id: int | None, as_json: bool, store: Path) -> None:
    """Show how far judges, their takes and people agree, each figure with its interval.

    RUN is an id (`qtui runs` lists them), EXPERIMENT a name; without one, the latest run of every experiment is shown.
    """
    if which is not None and (experiment is not None or run_id is not None):
        raise click.UsageError("name the run once: as an argument, by --run or by --experiment")
    if which is not None:
        experiment, run_id = (None, int(which)) if which.isascii() and which.isdigit() else (which, None)
    table = agreement_table(store, chosen_runs(store, experiment, run_id))
    if as_json:
        print_json(table.to_json())
        return
    page = Page()
    for line in agreement_lines(table):
        for part in wrap_line(line, page.columns) if page.columns else [line]:
            page.text(_text(part))


def _text(line: Line) -> Text:
    return Text.assemble(*((piece, ROLES.get(role, "")) for piece, role in line))
