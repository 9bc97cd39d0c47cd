"""Stores: damaged ones, and those of every version, damaged or not, under every command that reads them and in the workbench."""

import asyncio
import json
import random as chance
import shutil
from pathlib import Path
from random import Random

from qtui.errors import UserError
from qtui.store.errors import SQLITE
from qtui.store.schema import MIGRATIONS
from tests.fuzz.arena import Kind, unused
from tests.fuzz.commands import call, set_homes
from tests.store import damaged, every_table, old_store

READING: tuple[tuple[str, ...], ...] = (
    ("runs",), ("runs", "--json"), ("scores",), ("scores", "--json"), ("scores", "--by", "category"), ("lengths",),
    ("lengths", "--json"), ("lengths", "--thinking"), ("agreement",), ("agreement", "1"), ("compare", "3"),
    ("compare", "1", "--run", "1", "--json"), ("check",), ("export", "answers", "--format", "jsonl"),
    ("export", "grades", "--format", "csv"), ("export", "scores", "--format", "markdown"), ("divergence", "--known"),
    ("score", "1", "--list"), ("logs", "1"), ("bugreport", "--print"),
)  # fmt: skip
KEEPING: tuple[tuple[str, ...], ...] = (
    ("verify",), ("verify", "--json"), ("repair", "--to", "{folder}/new.sqlite"), ("backup", "{folder}/copy.sqlite"),
    ("merge", "{folder}/s.sqlite", "--into", "{folder}/merged.sqlite"), ("pause", "1"),
    ("cancel", "1"), ("judge", "remove", "openai:strict"),
)  # fmt: skip
COMMANDS_OF_ONE = 3
VERSIONS = tuple(range(1, len(MIGRATIONS) + 1))


def _prepare(folder: Path) -> None:
    every_table.fill(folder / "newest.sqlite")
    for version in sorted({*VERSIONS[:-1:4], VERSIONS[-2]}):
        old_store.fill_old(folder / f"v{version}.sqlite", version)
    for left in folder.glob("*.newest*"):
        left.unlink()


def _make_store(random: Random, folder: Path) -> None:
    real = folder.parent / "real"
    source = real / "newest.sqlite" if random.random() < 0.6 else random.choice(sorted(real.glob("v*.sqlite")))
    store = folder / "s.sqlite"
    shutil.copyfile(source, store)
    damage = chance.Random(random.randrange(2**32))
    for _ in range(random.choice((0, 1, 1, 1, 2, 5))):
        try:
            damaged.damage(store, random.choice(damaged.KINDS), damage)
        except (*SQLITE, IndexError, ValueError, TypeError):
            continue  # it is damaged too much already for one more
    if random.random() < 0.1:
        _set_version(random, store)
    calls = [*random.sample(READING, COMMANDS_OF_ONE - 1), random.choice(KEEPING)]
    random.shuffle(calls)
    (folder / "calls.json").write_text(json.dumps(calls))


def _set_version(random: Random, store: Path) -> None:
    """`user_version` stands at 60, `application_id` at 68."""
    data = bytearray(store.read_bytes())
    place = random.choice((60, 60, 68))
    data[place : place + 4] = random.choice((0, 1, len(MIGRATIONS) + 1, 2**31, 2**32 - 1)).to_bytes(4, "big")
    store.write_bytes(data)


def _read_store(folder: Path) -> None:
    """Call some commands. What one says is expected; a repaired store must be whole."""
    set_homes(folder)
    said = []
    for call_ in json.loads((folder / "calls.json").read_text()):
        arguments = [part.replace("{folder}", str(folder)) for part in call_]
        try:
            printed = call(["--store", str(folder / "s.sqlite"), *arguments])
        except UserError as error:
            said.append(str(error))
        else:
            if call_[-1] == "--json":
                json.loads(printed)
    if said:
        raise UserError("\n".join(said))


def _make_bench(random: Random, folder: Path) -> None:
    _make_store(random, folder)
    (folder / "keys.json").write_text(json.dumps(random.sample(("1", "2", "3", "4", "5", "6"), 3)))


def _read_bench(folder: Path) -> None:
    """Open the workbench on the store, go through panes; damage is a sentence on the screen, never its end."""
    from qtui.ui import app as workbench

    set_homes(folder)
    settings, problems = workbench.settings()
    app = workbench.QtuiApp(folder / "s.sqlite", config=settings, notices=problems)

    async def look() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            for key in json.loads((folder / "keys.json").read_text()):
                await pilot.press(key)
                await pilot.pause(0.05)
            unused(app.export_screenshot())

    asyncio.run(look())


KINDS = (
    Kind("store", _make_store, _read_store, weight=6, prepare=_prepare, seconds=60.0),
    Kind("store workbench", _make_bench, _read_bench, prepare=_prepare, seconds=60.0),
)
