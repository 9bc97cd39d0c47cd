"""`qtui verify`, `repair`, `backup` and `merge`: what keeps the store's file whole, in one place, and safe."""

from collections.abc import Mapping
from pathlib import Path

import click

from qtui.cli.options import json_option, store_option
from qtui.cli.page import Page, print_json
from qtui.errors import UserError
from qtui.files import named_path
from qtui.format import count
from qtui.text import safe

FAILED = 1


def _named(file: Path | None, store: Path) -> Path:
    """The store that a command's argument names, else that of --store."""
    return named_path.expanded(file) if file is not None else store


def _counted(keys: Mapping[str, int]) -> str:
    """Return numbers of keys, fingerprints and plans with what they are of."""
    words = {of: of if of.endswith(("fingerprint", "plan")) else f"{of} key" for of in keys}
    return ", ".join(count(number, words[of]) for of, number in keys.items() if number)


@click.command()
@click.argument("file", metavar="[STORE]", required=False, type=click.Path(path_type=Path))
@json_option
@store_option
def verify(file: Path | None, *, as_json: bool, store: Path) -> int:
    """Check a store: its pages, tables, references, rows, and all keys and fingerprints that its content gives.

    Exit 1 if something is wrong. Nothing is changed. Rows that no run shows (of a run that was deleted) are not wrong.
    """
    from qtui.runner import stored_fingerprints
    from qtui.store import verifying
    from qtui.store.recomputing import Recompute

    recompute = Recompute(stored_fingerprints.of_judge, stored_fingerprints.of_scorer, stored_fingerprints.of_endpoint)
    found = verifying.verify(_named(file, store), recompute)
    if as_json:
        print_json(verifying.as_json(found))
        return 0 if found.is_whole else FAILED
    page = Page()
    for problem in found.problems:
        page.line(safe(str(problem)))
    if found.unlisted:
        page.line(f"… and {count(found.unlisted, 'problem')} more")
    rows = sum(found.rows.values())
    keys = _counted(found.keys)
    if found.is_whole:
        page.line(
            f"{safe(str(found.path))}: whole. {count(rows, 'row')} read"
            + (f"; computed again: {keys}" if keys else "")
            + "."
        )
    else:
        page.line(f"{safe(str(found.path))}: damaged. `qtui repair` saves what is whole into a new store.")
    for table, number in found.unused.items():
        page.line(f"{count(number, 'row')} of {table} belong to no run: kept for later runs, no damage")
    if unproven := _counted(found.unproven):
        page.line(f"cannot be computed from the content alone, or was made by another version: {unproven}")
    return 0 if found.is_whole else FAILED


@click.command()
@click.argument("file", metavar="[STORE]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--to", metavar="FILE", type=click.Path(path_type=Path), help="The new store (default: STORE with .repaired)."
)
@json_option
@store_option
def repair(file: Path | None, *, to: Path | None, as_json: bool, store: Path) -> int:
    """Save what is whole in a damaged store into a new store. The damaged file stays as it is.

    Says per table what was saved and what was not. Exit 1 if something is lost.
    """
    from dataclasses import asdict

    from qtui.store import repairing

    source = _named(file, store)
    done = repairing.repair(source, to or source.with_name(f"{source.name}.repaired"))
    tables = {
        name: table for name, table in done.tables.items() if table.saved or table.lost or table.is_partly_unreadable
    }
    if as_json:
        print_json(
            {
                "store": str(done.source),
                "to": str(done.target),
                "complete": done.is_complete,
                "tables": {name: asdict(table) for name, table in tables.items()},
            }
        )
        return 0 if done.is_complete else FAILED
    page = Page()
    for name, table in tables.items():
        parts = [f"{table.saved} saved"]
        parts += [f"{table.changed} of them in part"] if table.changed else []
        parts += [f"{table.lost} lost"] if table.lost else []
        parts += ["pages that nothing could be read from, or that nothing led to"] if table.is_partly_unreadable else []
        page.line(f"{name}: {', '.join(parts)}")
        for example in table.examples:
            page.line(safe(example), indent=2)
    page.line(f"Saved into {safe(str(done.target))}. {safe(str(done.source))} is unchanged.")
    if not done.is_complete:
        page.line("What is lost is computed again: run the same experiments with --store of the new file.")
    return 0 if done.is_complete else FAILED


@click.command()
@click.argument("to", metavar="[TO]", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@store_option
def backup(to: Path | None, *, force: bool, store: Path) -> None:
    """Copy the store while it is in use, as it is at one moment. TO is a file or folder (default: beside the store, with the date).

    The copy is one file that only you can read. It never replaces a file unless --force is given.
    """
    import time

    from qtui.store import backups
    from qtui.store.connection import named_store

    source = named_store(store)
    if not source.exists():
        raise UserError(f"{source}: no store there.")
    name = f"{source.name}.backup-{time.strftime('%Y-%m-%d-%H%M%S')}"
    target = source.with_name(name) if to is None else named_path.expanded(to)
    target = target / name if target.is_dir() else target
    if target.absolute() == source or (target.exists() and target.samefile(source)):
        raise UserError(f"{target}: is the store itself. Name another file.")
    backups.save(source, target, replaces=force)
    click.echo(safe(str(target)))


@click.command()
@click.argument("sources", metavar="FROM...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--into",
    "target",
    metavar="STORE",
    type=click.Path(path_type=Path),
    help="The store that gets all (default: --store).",
)
@json_option
@store_option
def merge(sources: tuple[Path, ...], *, target: Path | None, as_json: bool, store: Path) -> int:
    """Add everything in other stores to one: runs, answers, grades, notes, batches, scores, divergences.

    What is in both is one: answers and grades by their keys, runs by experiment and plan. Where two stores differ about the same
    thing, the target keeps its own, and the command says so. The sources stay as they are; merging again changes nothing.
    """
    from dataclasses import asdict

    from qtui.store import merging

    into = _named(target, store)
    merged = [merging.merge(named_path.expanded(source), into) for source in sources]
    if as_json:
        print_json({"into": str(into), "merged": [{**asdict(each), "source": str(each.source)} for each in merged]})
        return 0
    page = Page()
    for each in merged:
        added = ", ".join(f"{number} {table}" for table, number in each.added.items() if number)
        page.line(f"{safe(str(each.source))}: added {added or 'nothing'}")
        for line in each.conflicts:
            page.line(safe(line), indent=2)
    return 0
