"""Grading while variants answer: every judge grades answers as they arrive. Identical answers to a task are graded once per take.

A judge that cannot be reached leaves no grades. Grades that need no request (of empty answers) are held back until the judge has
returned a grade. So a judge without any grade never worked; if a user added it, its failure does not fail the run.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from qtui.errors import UserError
from qtui.judges import EMPTY_REASON, Judge, Question, Reply, create_judge, fingerprint
from qtui.records import Grade, JudgeSpec, Task
from qtui.runner import added_judges
from qtui.runner.control import Control
from qtui.store import Store, answers, grades, judges, runs
from qtui.store.errors import StoreError
from qtui.store.judges import StoredJudge

Same = list[answers.PendingAnswer]
"""Answers to one task with the same text, which share one grade."""
_Row = tuple[grades.Place, Grade]


async def grade_run(
    store: Store,
    run_id: int,
    specs: Sequence[JudgeSpec],
    control: Control,
    *,
    answered: asyncio.Event,
    finished: asyncio.Event,
) -> list[str]:
    """Grade until every answer of the run is graded. Returns one text for each judge whose failure fails the run."""
    stored = {(judge.label, judge.fingerprint): judge for judge in judges.of_run(store, run_id)}
    graders = [_Grader(store, stored[spec.label, fingerprint(spec)], spec, control=control) for spec in specs]
    while graders:
        last = finished.is_set()
        answered.clear()
        await asyncio.gather(*(grader.grade_missing() for grader in graders))
        if control.cancelled.is_set() or last:
            break
        await answered.wait()
    await asyncio.gather(*(grader.close() for grader in graders))
    return [f"{grader.label}: {grader.failure}" for grader in graders if grader.fails_the_run]


class _Grader:
    """One judge grading one run."""

    def __init__(self, store: Store, stored: StoredJudge, spec: JudgeSpec, *, control: Control) -> None:
        self.label = spec.label
        self.failure = ""
        """Why the judge cannot continue; empty while it can."""
        self.fails_the_run = False
        self._store = store
        self._stored = stored
        self._spec = spec
        self._takes = max(spec.takes, stored.takes)
        self._control = control
        self._judge: Judge | None = None
        self._has_graded = judges.has_graded(store, stored)
        self._held_back: list[_Row] = []
        runs.set_judge(store, stored.id, "waiting")

    async def grade_missing(self) -> None:
        """Grade the answers that are in the store now. After a failure the judge is not asked again. Raises StoreError."""
        if self.failure:
            return
        try:
            for take in range(1, self._takes + 1):
                await self._grade_take(take)
        except StoreError:
            raise
        except UserError as error:
            self._fail(str(error))

    async def close(self) -> None:
        if self._judge:
            await self._judge.close()
        if not self.failure:
            runs.set_judge(self._store, self._stored.id, "cancelled" if self._control.cancelled.is_set() else "done")

    def _fail(self, reason: str) -> None:
        self.failure = reason
        if self._stored.settings.get(judges.ADDED):
            advice = f"{added_judges.removal_command(self.label)} removes it from the run."
            if not self._has_graded:
                advice = f"It is not asked again unless you add it again with `qtui judge`; {advice}"
            self.failure = f"{reason.removesuffix('.')}. {advice}"
        self.fails_the_run = self._has_graded or not self._stored.settings.get(judges.ADDED)
        runs.set_judge(self._store, self._stored.id, "failed", self.failure)

    async def _grade_take(self, take: int) -> None:
        missing = answers.pending(self._store, self._stored.run_id, self.label, self._stored.fingerprint, take)
        if not missing:
            return
        # Created only when grades are missing: otherwise the judge needs neither its key nor its server.
        judge = self._judge = self._judge or create_judge(self._spec)
        runs.set_judge(self._store, self._stored.id, "grading")
        questions = _same_text(missing)
        connections = min(judge.concurrency, len(questions))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(connections):
                    group.create_task(self._grade_from(judge, take, questions))
        except* UserError as errors:
            raise _worst(errors) from None
        if self._held_back and not self._control.cancelled.is_set():
            self._commit([])

    async def _grade_from(self, judge: Judge, take: int, questions: list[Same]) -> None:
        """Take questions off the shared list until it is empty. Each grade is committed before the next question."""
        while questions and not self._control.cancelled.is_set():
            await self._control.running.wait()
            if not questions:
                return
            same = questions.pop(0)
            first = same[0]
            reply = await judge.grade(Question(first.input, first.reference, first.criteria, first.text), take)
            self._store_reply(judge, take, same, reply)

    def _store_reply(self, judge: Judge, take: int, same: Same, reply: Reply) -> None:
        rows = self._rows(judge, take, same, reply)
        if reply.reason == EMPTY_REASON and not self._has_graded:
            self._held_back += rows
        elif reply.grade is None:
            grades.commit(self._store, rows)
        else:
            self._has_graded = True
            self._commit(rows)

    def _commit(self, rows: "list[_Row]") -> None:
        """Write grades together with the held-back ones."""
        grades.commit(self._store, [*self._held_back, *rows])
        self._held_back = []

    def _rows(self, judge: Judge, take: int, same: Same, reply: Reply) -> "list[_Row]":
        rows = []
        for item in same:
            task_hash = Task(item.input, item.reference, item.criteria).hash
            key = grades.key(item.answer_key, task_hash, self.label, judge.fingerprint, take)
            grade = Grade(key, self.label, take, reply.grade, reply.reason, judge.fingerprint, reply.seconds)
            rows.append((grades.Place(item.answer_id, item.task_id), grade))
        return rows


def _worst(errors: ExceptionGroup[UserError]) -> Exception:
    """An error of the store before any of the judge: it ends the run, the other only the judge."""
    return next((error for error in errors.exceptions if isinstance(error, StoreError)), errors.exceptions[0])


def _same_text(missing: Sequence[answers.PendingAnswer]) -> list[Same]:
    def task_and_text(item: answers.PendingAnswer) -> tuple[int, str]:
        return item.task_id, item.text

    return [list(group) for _, group in groupby(sorted(missing, key=task_and_text), key=task_and_text)]
