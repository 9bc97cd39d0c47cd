"""Cutting the power while a store is written: what the disk then has, by what the program had written and synced.

`power_cut.c` is preloaded into a program that writes as the runner does, and writes down every write, length, sync and removal of
the store's files. From this record any moment can be made again: what was synced before it is on the disk; of the rest each write
is there, missing, or cut at any byte, as disks do it. Then the store is opened, as after the machine's restart.

    python -m tests.store.power_cut --cuts 1000 --seed 1
"""

import argparse
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from qtui.records import Answer, Grade, Task, TaskSet
from qtui.store import answers, grades, open_store, runs
from tests import stores

SOURCE = Path(__file__).with_suffix(".c")
ANSWERS = 60
ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True)
class Step:
    kind: str
    """W write, T length, S sync, U removal."""
    file: str
    place: int
    data: bytes


@dataclass(slots=True)
class Disk:
    """Files as they are on the disk for sure, and the steps since then that may be there or not."""

    durable: dict[str, bytes] = field(default_factory=dict)
    pending: dict[str, list[Step]] = field(default_factory=dict)

    def do(self, step: Step) -> None:
        self.pending.setdefault(step.file, []).append(step)
        if step.kind == "S":
            self.durable[step.file] = _apply(self.durable.get(step.file, b""), self.pending.pop(step.file))
        elif step.kind == "U":  # SQLite removes a journal when nothing needs it: both states are right
            self.durable.pop(step.file, None)
            self.pending.pop(step.file, None)

    def after_cut(self, chance: random.Random) -> dict[str, bytes]:
        """Return the files after a power cut now."""
        files = dict(self.durable)
        for name, steps in self.pending.items():
            kept = [cut for step in steps for cut in _cut(step, chance)]
            if kept or name in files:
                files[name] = _apply(files.get(name, b""), kept)
        return files


def _cut(step: Step, chance: random.Random) -> Iterator[Step]:
    fate = chance.random()
    if fate < 0.4:
        yield step
    elif fate < 0.7 and step.kind == "W":
        yield Step("W", step.file, step.place, step.data[: chance.randrange(len(step.data) + 1)])


def _apply(content: bytes, steps: list[Step]) -> bytes:
    found = bytearray(content)
    for step in steps:
        if step.kind == "T":
            found = found[: step.place].ljust(step.place, b"\0")
        elif step.kind == "W":
            found = found.ljust(step.place, b"\0")
            found[step.place : step.place + len(step.data)] = step.data
    return bytes(found)


def record(folder: Path) -> list[Step]:
    """Let a program write a store in `folder`, and return what it did to its files."""
    library, work, journal = folder / "power_cut.so", folder / "work", folder / "journal"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl", "-lpthread"], check=True)
    work.mkdir()
    environment = os.environ | {
        "LD_PRELOAD": str(library), "POWER_CUT_FOLDER": f"{work}/", "POWER_CUT_JOURNAL": str(journal),
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "tests.store.power_cut", "--write", str(work)], check=True, env=environment)
    return list(_steps(journal.read_bytes()))


def _steps(record_: bytes) -> Iterator[Step]:
    place = 0
    while place < len(record_):
        kind = chr(record_[place])
        (length,) = struct.unpack_from("=I", record_, place + 1)
        name = record_[place + 5 : place + 5 + length].decode()
        place += 5 + length
        where, size = struct.unpack_from("=qI", record_, place)
        data = record_[place + 12 : place + 12 + size]
        place += 12 + size
        yield Step(kind, Path(name).name, where, data)


def write(work: Path) -> None:
    """Write answers and grades as the runner does, and say of each when it was committed."""
    tasks = TaskSet("t", tuple(Task(f"問い{i}") for i in range(ANSWERS)))
    acknowledged = os.open(work / ACKNOWLEDGED, os.O_WRONLY | os.O_CREAT)
    with closing(open_store(work / "s.sqlite")) as store:
        run_id = stores.new_run(store, "e", tasks, stores.variants(tasks, ("FP16",)))
        [variant] = runs.summaries(store, [run_id])[0].variants
        for task_id, task in runs.tasks(store, run_id):
            key = f"answer {task_id}"
            answer_id = answers.commit(store, answers.Link(variant.id, task_id, 0), Answer(key, "答え" * 100, "stop"))
            os.write(acknowledged, f"{key}\n".encode())
            grade_key = grades.key(key, task.hash, "j", "f", 1)
            grades.commit(store, [(grades.Place(answer_id, task_id), Grade(grade_key, "j", 1, 4, fingerprint="f"))])
            os.write(acknowledged, f"{grade_key}\n".encode())
            if task_id % 7 == 0:
                store.empty_journal()


def cut(steps: list[Step], seed: str, folder: Path) -> str:
    """Cut the power at a moment that the seed decides, and open what is left. Return what is wrong; empty if nothing is."""
    chance = random.Random(seed)
    disk, promised, moment = Disk(), b"", chance.randrange(1, len(steps) + 1)
    for step in steps[:moment]:
        if step.file == ACKNOWLEDGED:
            promised += step.data
        elif not step.file.endswith("-shm"):
            disk.do(step)
    path = folder / "s.sqlite"
    for file in folder.glob("s.sqlite*"):
        file.unlink()
    for name, content in disk.after_cut(chance).items():
        (folder / name).write_bytes(content)
    keys = promised.decode().split("\n")[:-1]
    if not path.exists():
        return "the store is gone" if keys else ""
    with closing(open_store(path)) as store:
        wrong = [row[0] for row in store.execute("PRAGMA integrity_check") if row[0] != "ok"]
        found = {row[0] for row in store.execute("SELECT key FROM answer UNION ALL SELECT key FROM grade")}
    lost = [key for key in keys if key not in found]
    return "; ".join([*wrong, *(f"lost: {key}" for key in lost)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=1000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write)
        return 0
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        steps = record(Path(name))
        for number in range(arguments.cuts):
            seed = f"{arguments.seed} {number}"
            try:
                wrong = cut(steps, seed, Path(name))
            except Exception as error:  # the cut is named, and the others follow
                wrong = f"{type(error).__name__}: {error}"
            if wrong:
                failed += 1
                print(f"cut {seed!r}: {wrong}")
    print(f"{arguments.cuts - failed} of {arguments.cuts} power cuts left a whole store with all that was acknowledged")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
