"""What must be true after a round: everything is there once, as in an undisturbed run, and nothing else is left."""

import contextlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtui.store import Store, open_store
from qtui.store.errors import StoreError
from tests.torture import processes
from tests.torture.endpoints import Endpoints
from tests.torture.plan import Strike
from tests.torture.work import CONCURRENCY, GRADER, Folder

Place = tuple[Any, ...]
SECONDS_TO_END = 20.0
"""How long processes may take to end after the command that succeeded; they are waited for, not measured."""

_ANSWERS = (
    "SELECT variant.model, variant.name, task.position, va.sample, answer.key, answer.text, answer.finish_reason, answer.id,"
    " answer.created FROM variant_answer va JOIN answer ON answer.id = va.answer_id"
    " JOIN variant ON variant.id = va.variant_id JOIN task ON task.id = va.task_id"
)
_GRADES = (
    "SELECT answer.key, task.position, grade.judge, grade.take, grade.grade, grade.reason, grade.id, grade.created"
    " FROM grade JOIN answer ON answer.id = grade.answer_id JOIN task ON task.id = grade.task_id"
)
_SCORES = (
    "SELECT answer.key, task.position, score.scorer, score.score, score.reason, score.id, score.created"
    " FROM score JOIN answer ON answer.id = score.answer_id JOIN task ON task.id = score.task_id"
)


@dataclass(frozen=True)
class Row:
    """A row: `content` is the same in every run, `identity` (id, time, reply) is that of this one."""

    content: Place
    identity: Place


@dataclass(frozen=True)
class Rows:
    """The answers, grades and scores of a store by their places, and how many rows each table has."""

    answers: Mapping[Place, Row] = field(default_factory=dict)
    grades: Mapping[Place, Row] = field(default_factory=dict)
    scores: Mapping[Place, Row] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.answers) + len(self.grades) + len(self.scores)

    def kinds(self) -> Iterator[tuple[str, Mapping[Place, Row]]]:
        yield from (("answer", self.answers), ("grade", self.grades), ("score", self.scores))

    def lost_since(self, kept: "Rows") -> list[str]:
        """What was there before and is gone, or was made again."""
        return [
            f"the {kind} of {place} was {'made again' if place in now else 'lost'}"
            for (kind, before), (_, now) in zip(kept.kinds(), self.kinds(), strict=True)
            for place, row in before.items()
            if now.get(place) != row
        ]

    def replies(self) -> set[int]:
        """The numbers of the judges' replies that are stored as grades."""
        texts = [str(row.identity[0]) for row in self.grades.values()]
        return {int(match[1]) for text in texts if (match := re.fullmatch(r"reply (\d+)", text))}


def rows_of(store: Path) -> Rows:
    """The rows of a store; none of one that is not there or not made yet."""
    if not store.exists():
        return Rows()
    with contextlib.suppress(StoreError), contextlib.closing(open_store(store, create=False)) as opened:
        answers = {tuple(row)[:4]: Row(tuple(row)[4:7], tuple(row)[7:]) for row in opened.execute(_ANSWERS)}
        grades = {tuple(row)[:4]: Row(tuple(row)[4:5], tuple(row)[5:]) for row in opened.execute(_GRADES)}
        scores = {tuple(row)[:3]: Row(tuple(row)[3:5], tuple(row)[5:]) for row in opened.execute(_SCORES)}
        tables = ("answer", "variant_answer", "grade", "score")
        sizes = {each: opened.execute(f"SELECT count(*) FROM {each}").fetchone()[0] for each in tables}
        return Rows(answers, grades, scores, sizes)
    return Rows()


def problems(folder: Folder, whole: Rows, clean: Folder, served: Endpoints, landed: Sequence[Strike]) -> list[str]:
    """Everything that is not as it must be, one sentence each. `whole` and `clean` are of an undisturbed run."""
    rows = rows_of(folder.store)
    return [
        *_processes(folder),
        *differences(rows, whole),
        *asked_twice(rows, served.replies, landed),
        *_batches(served),
        *_store(folder.store),
        *_files(folder, clean),
    ]


def differences(rows: Rows, whole: Rows) -> list[str]:
    """What is missing, different or too much, compared with the undisturbed run."""
    found = []
    for (kind, present), (_, right) in zip(rows.kinds(), whole.kinds(), strict=True):
        found += [f"the {kind} of {place} is missing" for place in right if place not in present]
        found += [f"the {kind} of {place} is too much" for place in present if place not in right]
        found += [
            f"the {kind} of {place} is {present[place].content} and not {row.content}"
            for place, row in right.items()
            if place in present and present[place].content != row.content
        ]
    found += [
        f"{rows.sizes.get(table)} rows of {table} and not {size}"
        for table, size in whole.sizes.items()
        if rows.sizes.get(table) != size
    ]
    return found


def asked_twice(rows: Rows, replies: Mapping[str, Mapping[str, Sequence[int]]], landed: Sequence[Strike]) -> list[str]:
    """Questions that were asked although their reply was stored, or more often than strikes can have lost replies.

    A grade is never replaced: a question that is asked although its grade is stored has a last reply that is not.
    """
    stored = rows.replies()
    found = []
    for name, questions in replies.items():
        found += [
            f"{name} was asked again about a question whose reply {numbers} was stored"
            for numbers in questions.values()
            if numbers[-1] not in stored
        ]
        lost = sum(number not in stored for numbers in questions.values() for number in numbers)
        at_once = CONCURRENCY if name == GRADER else 1
        losing = [strike for strike in landed if strike.victim in ("runner", "connection", "command")]
        if lost > at_once * len(losing):
            found.append(f"{lost} replies of {name} were lost by {len(losing)} strikes, {at_once} questions at once")
    return found


def _batches(served: Endpoints) -> list[str]:
    """A batch's questions are worked on once, and each of its files and batches is there once."""
    found = [f"the question {key} was worked on {n} times" for key, n in served.batcher.asked.items() if n != 1]
    marks = Counter(json_mark(batch) for batch in served.batcher.batches)
    found += [f"batch {mark} was submitted {n} times" for mark, n in marks.items() if n != 1]
    return found


def json_mark(batch: Mapping[str, Any]) -> str:
    """The file that a batch was made of: two batches of one file are one batch submitted twice."""
    return str(batch["input_file_id"])


def _store(path: Path) -> list[str]:
    with contextlib.closing(open_store(path, create=False)) as opened:
        return [*_integrity(opened), *_states(opened)]


def _integrity(opened: Store) -> list[str]:
    words = [str(row[0]) for row in opened.execute("PRAGMA integrity_check")]
    found = [] if words == ["ok"] else [f"integrity_check says {words[:3]}"]
    broken = opened.execute("PRAGMA foreign_key_check").fetchall()
    return found + [f"foreign_key_check finds {tuple(row)}" for row in broken[:3]]


def _states(opened: Store) -> list[str]:
    found = [f"a lease is left: {tuple(row)}" for row in opened.execute("SELECT * FROM lease")]
    states = opened.execute("SELECT state, reason FROM run").fetchall()
    found += [f"run is {tuple(row)}" for row in states if row["state"] != "done"]
    found += ["there is more than one run"] if len(states) != 1 else []
    open_attempts = opened.execute("SELECT count(*) FROM attempt WHERE ended IS NULL").fetchone()[0]
    return found + ([f"{open_attempts} attempts are open"] if open_attempts else [])


def _processes(folder: Folder) -> list[str]:
    _until(lambda: not processes.of_round(folder))
    return [f"process {processes.describe(each)} is left" for each in processes.of_round(folder)]


def _files(folder: Folder, clean: Folder) -> list[str]:
    """No file is left that an undisturbed run does not leave."""
    journals = {folder.store.with_name(folder.store.name + suffix) for suffix in ("", "-wal", "-shm")}
    found = [f"{path} is left" for path in folder.store.parent.iterdir() if path not in journals]
    pairs = ((folder.temporary, clean.temporary), (folder.cache, clean.cache))
    return found + [
        f"{here.name}/{name} is left" for here, right in pairs for name in sorted(_names(here) - _names(right))
    ]


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS_TO_END
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
