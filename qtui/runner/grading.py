"""Grading beside the answering: every judge takes answers as they come; identical answers to a task are asked once per take.

A judge that cannot be asked leaves no grades behind: what it grades without being asked (an empty answer) is kept back until it has
given another grade. So a judge without a single grade never worked; if a person added it, it does not make the run failed.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from qtui.errors import UserError
from qtui.judges import EMPTY_REASON, Judge, Question, Reply, fingerprint, make
from qtui.records import Grade, JudgeSpec, Task
from qtui.runner import added_judges
from qtui.runner.control import Control
from qtui.store import Store, answers, grades, judges, runs
from qtui.store.errors import StoreError
from qtui.store.judges import StoredJudge

Same = list[answers.Ungraded]
"""Answers of one text to one task, which need one grade."""
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
    """Grade until all answers there will be are graded. Returns why the run failed, one text per judge."""
    stored = {(judge.label, judge.fingerprint): judge for judge in judges.of_run(store, run_id)}
    desks = [_Desk(store, stored[spec.label, fingerprint(spec)], spec, control=control) for spec in specs]
    while desks:
        last = finished.is_set()
        answered.clear()
        await asyncio.gather(*(desk.grade_missing() for desk in desks))
        if control.cancelled.is_set() or last:
            break
        await answered.wait()
    await asyncio.gather(*(desk.close() for desk in desks))
    return [f"{desk.label}: {desk.failed}" for desk in desks if desk.fails_the_run]


class _Desk:
    """One judge at work for one run."""

    def __init__(self, store: Store, stored: StoredJudge, spec: JudgeSpec, *, control: Control) -> None:
        self.label = spec.label
        self.failed = ""
        """Why the judge cannot go on; empty while it can."""
        self.fails_the_run = False
        self._store = store
        self._stored = stored
        self._spec = spec
        self._takes = max(spec.takes, stored.takes)
        self._control = control
        self._judge: Judge | None = None
        self._has_graded = judges.has_graded(store, stored)
        self._kept_back: list[_Row] = []
        runs.set_judge(store, stored.id, "waiting")

    async def grade_missing(self) -> None:
        """Grade what is there now. A judge that cannot go on says why, once, and is left alone. Raises StoreError."""
        if self.failed:
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
        if not self.failed:
            runs.set_judge(self._store, self._stored.id, "cancelled" if self._control.cancelled.is_set() else "done")

    def _fail(self, reason: str) -> None:
        self.failed = reason
        if self._stored.settings.get(judges.ADDED):
            advice = f"{added_judges.removal_command(self.label)} takes it from the run."
            if not self._has_graded:
                advice = f"It is not asked again unless `qtui judge` names it; {advice}"
            self.failed = f"{reason.removesuffix('.')}. {advice}"
        self.fails_the_run = self._has_graded or not self._stored.settings.get(judges.ADDED)
        runs.set_judge(self._store, self._stored.id, "failed", self.failed)

    async def _grade_take(self, take: int) -> None:
        missing = answers.to_grade(self._store, self._stored.run_id, self.label, self._stored.fingerprint, take)
        if not missing:
            return
        # Only now: a judge that has graded everything needs neither its key nor its server any more.
        judge = self._judge = self._judge or make(self._spec)
        runs.set_judge(self._store, self._stored.id, "grading")
        questions = _same_text(missing)
        lanes = min(judge.concurrency, len(questions))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._lane(judge, take, questions))
        except* UserError as errors:
            raise _worst(errors) from None
        if self._kept_back and not self._control.cancelled.is_set():
            self._commit([])

    async def _lane(self, judge: Judge, take: int, questions: list[Same]) -> None:
        """Take questions off the common list until it is empty; each grade is committed before the next question."""
        while questions and not self._control.cancelled.is_set():
            await self._control.going.wait()
            if not questions:
                return
            same = questions.pop(0)
            first = same[0]
            reply = await judge.grade(Question(first.input, first.reference, first.criteria, first.text), take)
            self._keep(judge, take, same, reply)

    def _keep(self, judge: Judge, take: int, same: Same, reply: Reply) -> None:
        rows = self._rows(judge, take, same, reply)
        if reply.reason == EMPTY_REASON and not self._has_graded:
            self._kept_back += rows
        elif reply.grade is None:
            grades.commit(self._store, rows)
        else:
            self._has_graded = True
            self._commit(rows)

    def _commit(self, rows: "list[_Row]") -> None:
        """Write grades together with those that were kept back."""
        grades.commit(self._store, [*self._kept_back, *rows])
        self._kept_back = []

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


def _same_text(missing: Sequence[answers.Ungraded]) -> list[Same]:
    def task_and_text(item: answers.Ungraded) -> tuple[int, str]:
        return item.task_id, item.text

    return [list(group) for _, group in groupby(sorted(missing, key=task_and_text), key=task_and_text)]
