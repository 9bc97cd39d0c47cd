"""`qtui tasks`: the task sets that are known by name, and what the first prompts of one look like."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qtui.cli.options import json_option
from qtui.cli.page import Column, Page, print_json
from qtui.errors import UserError
from qtui.files import named_path
from qtui.text import safe

if TYPE_CHECKING:
    from qtui.records import Task
    from qtui.task_sets.definition import Definition

COLUMNS = (
    Column("Task set"),
    Column("Tasks", "right"),
    Column("Scorer"),
    Column("Here"),
    Column("Licence", spare=True),
    Column("From", flex=True),
)
LONGEST_SHOWN = 4000
"""Characters of a prompt that are shown."""


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def tasks(context: click.Context, *, as_json: bool) -> None:
    """List the task sets that are known by name: their size, licence, where they come from, and whether they are on this disk."""
    if context.invoked_subcommand is not None:
        return
    found, problems = _known()
    if as_json:
        print_json({"task_sets": [_as_json(each) for each in found], "problems": [str(each) for each in problems]})
        return
    page = Page()
    page.table(COLUMNS, [_cells(each) for each in found])
    for problem in problems:
        page.line(safe(str(problem)), style="red")


@tasks.command()
@click.argument("name")
@click.option("--number", type=click.IntRange(1, 100), default=2, show_default=True, help="Rows to show.")
@click.option("--path", "path", metavar="PATH", help="A file or folder with the rows, in place of the hub.")
@click.option("--examples", type=click.IntRange(0), help="Few-shot examples (default: those of the definition).")
@json_option
def show(*, name: str, number: int, path: str | None, examples: int | None, as_json: bool) -> None:
    """Show what is known of the task set NAME, and its first prompts as a model gets them."""
    from qtui.task_sets import SetRequest, known
    from qtui.task_sets.load import preview

    here = Path.cwd()
    definition = known.find(name, here)
    if definition is None:
        raise UserError(f"no task set is named {name!r}. `qtui tasks` lists them.")
    conversations, address = preview(definition, SetRequest(name, path=path, examples=examples), here, number)
    if as_json:
        rows = [[asdict(task) for task in conversation] for conversation in conversations]
        print_json({"task_set": _as_json(definition), "source": address, "rows": rows})
        return
    page = Page()
    _print_definition(page, definition, address)
    for row, conversation in enumerate(conversations, start=1):
        for turn, task in enumerate(conversation, start=1):
            page.line()
            page.line(f"Row {row}" + (f", turn {turn}" if len(conversation) > 1 else ""), style="bold")
            _print_task(page, task)


def _known() -> "tuple[list[Definition], list[UserError]]":
    from qtui.task_sets import known

    every = list(known.definitions(Path.cwd()))
    problems = [each for each in every if isinstance(each, UserError)]
    return [each for each in every if not isinstance(each, UserError)], problems


def _cells(definition: "Definition") -> list[str]:
    return [
        safe(definition.name),
        str(definition.size) if definition.size is not None else "–",
        safe(definition.scorer.kind) if definition.scorer else "judge",
        "yes" if _place(definition) else "no",
        safe(definition.licence or "unknown"),
        safe(_origin(definition)),
    ]


def _origin(definition: "Definition") -> str:
    source = definition.source
    if source.hub:
        return " ".join(filter(None, [f"hf:{source.hub}", source.config, source.split if not source.files else ""]))
    return source.path or source.page


def _place(definition: "Definition") -> str:
    """Where the rows are on this disk: a path, or `the hub's cache`; empty if they are not. Files are not read."""
    from qtui.task_sets import hub_rows, known

    own = known.own_files(definition.name)
    if own:
        return str(own)
    if definition.source.path:
        path = Path(definition.file).parent / named_path.expanded(definition.source.path)
        return str(path) if path.exists() else ""
    return "the hub's cache" if definition.source.hub and hub_rows.is_cached(definition, *known.hub_caches()) else ""


def _as_json(definition: "Definition") -> dict[str, Any]:
    return {
        "name": definition.name,
        "title": definition.title,
        "about": definition.about,
        "language": definition.language,
        "licence": definition.licence or None,
        "tasks": definition.size,
        "metric": definition.metric,
        "scorer": definition.scorer.kind if definition.scorer else None,
        "from": _origin(definition),
        "on_disk": _place(definition) or None,
        "definition": definition.file,
    }


def _print_definition(page: Page, definition: "Definition", address: str) -> None:
    page.line(safe(f"{definition.title or definition.name}: {definition.about}"), style="bold")
    facts = {
        "Licence": definition.licence or "unknown",
        "Metric": definition.metric,
        "Scorer": definition.scorer.kind if definition.scorer else "none: judges or people grade the answers",
        "Examples": str(definition.examples.number),
        "From": address,
        "Definition": definition.file,
    }
    for label, text in facts.items():
        if text:
            page.line(safe(text), label=f"{label:<11} ")


def _print_task(page: Page, task: "Task") -> None:
    text = safe(task.input)
    page.line(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…")
    for label, value in (
        ("Reference", task.reference),
        ("Also right", "; ".join(task.expected.references)),
        ("Right", "" if task.expected.right_choice is None else task.expected.choices[task.expected.right_choice]),
        ("Criteria", task.criteria),
        ("Category", task.category),
        ("Checks", task.expected.checks),
    ):
        if value:
            page.line(safe(value[:LONGEST_SHOWN]), label=f"  {label:<11} ", style="dim")
