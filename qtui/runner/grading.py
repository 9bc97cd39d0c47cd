"""Grading beside the answering: every judge takes answers as they come; identical answers to a task are asked once per take."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from qtui.errors import NoSpaceError, UserError
from qtui.judges import Judge, Question, Reply, fingerprint, make
from qtui.records import Grade, JudgeSpec, Task
from qtui.runner.control import Control
from qtui.store import Store, answers, grades, runs

Same = list[answers.Ungraded]
"""Answers of one text to one task, which need one grade."""


async def grade_run(
    store: Store,
    run_id: int,
    specs: Sequence[JudgeSpec],
    control: Control,
    *,
    answered: asyncio.Event,
    finished: asyncio.Event,
) -> list[str]:
    """Grade until all answers there will be are graded. Returns what failed, one text per judge."""
    desks = [
        _Desk(store, run_id, runs.judge_id(store, run_id, spec.label, fingerprint(spec)), spec, control=control)
        for spec in specs
    ]
    while desks:
        last = finished.is_set()
        answered.clear()
        await asyncio.gather(*(desk.grade_missing() for desk in desks))
        if control.cancelled.is_set() or last:
            break
        await answered.wait()
    await asyncio.gather(*(desk.close() for desk in desks))
    return [f"{desk.label}: {desk.failed}" for desk in desks if desk.failed]


class _Desk:
    """One judge at work for one run."""

    def __init__(self, store: Store, run_id: int, judge_id: int, spec: JudgeSpec, *, control: Control) -> None:
        self.label = spec.label
        self.failed = ""
        self._store = store
        self._run_id = run_id
        self._judge_id = judge_id
        self._spec = spec
        self._control = control
        self._judge: Judge | None = None
        runs.set_judge(store, judge_id, "waiting")

    async def grade_missing(self) -> None:
        """Grade what is there now. A judge that cannot go on says why, once, and is left alone. Raises NoSpaceError."""
        if self.failed:
            return
        try:
            self._judge = self._judge or make(self._spec)
            for take in range(1, self._spec.takes + 1):
                await self._grade_take(self._judge, take)
        except NoSpaceError:
            raise
        except UserError as error:
            self.failed = str(error)
            runs.set_judge(self._store, self._judge_id, "failed", self.failed)

    async def close(self) -> None:
        if self._judge:
            await self._judge.close()
        if not self.failed:
            runs.set_judge(self._store, self._judge_id, "cancelled" if self._control.cancelled.is_set() else "done")

    async def _grade_take(self, judge: Judge, take: int) -> None:
        missing = answers.to_grade(self._store, self._run_id, self.label, judge.fingerprint, take)
        if not missing:
            return
        runs.set_judge(self._store, self._judge_id, "grading")
        questions = _same_text(missing)
        lanes = min(judge.concurrency, len(questions))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(lanes):
                    group.create_task(self._lane(judge, take, questions))
        except* UserError as errors:
            raise errors.exceptions[0] from None

    async def _lane(self, judge: Judge, take: int, questions: list[Same]) -> None:
        """Take questions off the common list until it is empty; each grade is committed before the next question."""
        while questions and not self._control.cancelled.is_set():
            await self._control.going.wait()
            if not questions:
                return
            same = questions.pop(0)
            first = same[0]
            reply = await judge.grade(Question(first.input, first.reference, first.criteria, first.text), take)
            self._commit(judge, take, same, reply)

    def _commit(self, judge: Judge, take: int, same: Same, reply: Reply) -> None:
        rows = []
        for item in same:
            task_hash = Task(item.input, item.reference, item.criteria).hash
            key = grades.key(item.answer_key, task_hash, self.label, judge.fingerprint, take)
            grade = Grade(key, self.label, take, reply.grade, reply.reason, judge.fingerprint, reply.seconds)
            rows.append((grades.Place(item.answer_id, item.task_id), grade))
        grades.commit(self._store, rows)


def _same_text(missing: Sequence[answers.Ungraded]) -> list[Same]:
    def task_and_text(item: answers.Ungraded) -> tuple[int, str]:
        return item.task_id, item.text

    return [list(group) for _, group in groupby(sorted(missing, key=task_and_text), key=task_and_text)]
