"""Grading while variants answer: every judge has a queue of questions, which is filled as answers arrive (see `question_queue`).

There is no barrier between takes, tasks or variants: up to `concurrency` questions of a judge are under way at any time. Equal
answers to a task are graded once per take.

An empty answer is graded without a request to the judge. Such a grade is held back until the judge has returned a grade, or
until everything was asked without a failure. So a judge that cannot be reached has no grades in the store. If a user added such a
judge, its failure does not fail the run. A refusal whose cause is not clear is held back in the same way: if it was the judge's
fault, the answer is not *ungraded*, but is asked about again by the next runner.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qtui.endpoints import allowance, budget
from qtui.endpoints.allowance import SpentError
from qtui.errors import UserError
from qtui.judges import Judge, Reply, create_judge, fingerprint
from qtui.records import NOTHING_USED, Grade, JudgeSpec
from qtui.run_progress import JudgeState
from qtui.runner import added_judges
from qtui.runner.control import Control, first_of
from qtui.runner.question_queue import QuestionQueue
from qtui.runner.questions import grade_key, place_of, question_of, shared_rows
from qtui.runner.queues import Asked, queue_of
from qtui.store import Store, grades, judges, runs
from qtui.store.answers import PendingAnswer
from qtui.store.errors import StoreError
from qtui.store.judges import StoredJudge
from qtui.store.preferences import Pending

if TYPE_CHECKING:
    from qtui.runner.deciding import Deciding

_Row = tuple[grades.Place, Grade]


async def grade_run(
    store: Store,
    run_id: int,
    specs: Sequence[JudgeSpec],
    control: Control,
    *,
    answered: asyncio.Event,
    finished: asyncio.Event,
    again: bool = False,
    until_margin: float | None = None,
) -> list[str]:
    """Grade until every answer of the run is graded. Returns one text for each judge whose failure fails the run.

    `answered` is set after every new answer, and `finished` when there will be no other. With `again`, what is *ungraded* is asked
    again, once. With `until_margin` (in grades of 1–5), a pair is graded until its verdict at that margin is reached. Then, and if
    requests are limited (`endpoints.allowance`), nothing is asked before `finished` is set.
    """
    stored_judges = {(judge.label, judge.fingerprint): judge for judge in judges.of_run(store, run_id)}
    graders = [
        _Grader(store, stored_judges[spec.label, fingerprint(spec)], spec, control=control, again=again)
        for spec in specs
    ]
    for grader in graders:
        grader.until_margin = until_margin
    passing_on = asyncio.create_task(_pass_on(answered, [grader.arrived for grader in graders]))
    grading = [asyncio.create_task(grader.grade(finished)) for grader in graders]
    try:
        await asyncio.gather(*grading)
    finally:
        for task in (passing_on, *grading):
            task.cancel()
        await asyncio.gather(passing_on, *grading, return_exceptions=True)
    return [f"{grader.label}: {grader.failure}" for grader in graders if grader.fails_the_run]


async def _pass_on(answered: asyncio.Event, arrivals: Sequence[asyncio.Event]) -> None:
    """Set an event of every grader whenever an answer has arrived: each clears its own when it has read the answer."""
    while True:
        await answered.wait()
        answered.clear()
        for arrived in arrivals:
            arrived.set()


class _Grader:
    """One judge grading one run."""

    def __init__(self, store: Store, stored: StoredJudge, spec: JudgeSpec, *, control: Control, again: bool) -> None:
        self.label = spec.label
        self.failure = ""
        """Why the judge cannot continue; empty while it can."""
        self.fails_the_run = False
        self.is_stopped = False
        """Whether nothing more may be asked: see `endpoints.allowance`."""
        self.until_margin: float | None = None
        """The margin of the verdicts that are enough; None grades everything."""
        self.arrived = asyncio.Event()
        self.arrived.set()
        self._store = store
        self._stored = stored
        self._spec = spec
        self._control = control
        self._judge: Judge | None = None
        self._takes = max(spec.takes, stored.takes)
        self._queue = queue_of(store, stored, self._takes, again=again)
        self._deciding: Deciding | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._has_graded = judges.has_graded(store, stored)
        self._facts = judges.facts(store, stored)
        if self._has_graded and self._facts.reply_form is None:
            # An older qtui asked for text alone. The rest of the run is asked in the same way.
            self._facts = replace(self._facts, reply_form="text")
        self._held_back: list[_Row] = []
        runs.set_judge(store, stored.id, "waiting")

    async def grade(self, finished: asyncio.Event) -> None:
        """Grade what the store has and what arrives, until `finished` is set and everything is asked. Raises StoreError."""
        try:
            await self._grade(finished)
        except StoreError:
            raise
        except UserError as error:
            self._record_failure(str(error))
        finally:
            await self._stop()
        if not self.failure:
            state: JudgeState = (
                "cancelled" if self._control.cancelled.is_set() else "stopped" if self.is_stopped else "done"
            )
            early = self._deciding.in_words if self._deciding else ""
            runs.set_judge(self._store, self._stored.id, state, early)

    async def _grade(self, finished: asyncio.Event) -> None:
        if allowance.current() or budget.current() or self.until_margin is not None:
            # Else all of it might go to answers of the baseline: a pair counts only whole.
            await first_of(finished, self._control.cancelled)
        if self.until_margin is not None and not self._ends and isinstance(self._queue, QuestionQueue):
            from qtui.runner.deciding import Deciding  # loads numpy and scipy, which other runs do not need

            judges.set_may_stop_early(self._store, self._stored)
            self._deciding = Deciding(self._store, self._stored, self._takes, self.until_margin)
            self._queue.deciding = self._deciding
        has_read_all = False
        while not self._ends:
            if self.arrived.is_set() or (finished.is_set() and not has_read_all):
                # Cleared before reading: what arrives meanwhile is read in another round.
                self.arrived.clear()
                has_read_all = finished.is_set()
                self._read(whole=has_read_all)
            await self._control.running.wait()
            self._ask_next()
            if has_read_all and not self._under_way:
                break
            await self._wait(() if has_read_all else (self.arrived, finished))
        while self._under_way:  # what was asked is paid, so its grades are taken
            await self._wait(())
        # No request failed, so grades of empty answers count even if the judge has returned no other grade.
        if self._held_back and not self._ends:
            self._commit_with_held_back([])

    @property
    def _ends(self) -> bool:
        """Whether nothing more is asked."""
        return self._control.cancelled.is_set() or self.is_stopped

    def _read(self, *, whole: bool) -> None:
        """Read answers that have arrived; those equal to a graded one have its grade."""
        shared = self._queue.refill(whole=whole)
        if shared:
            rows = shared_rows(self._store, self._stored, shared)
            grades.commit(self._store, rows)
            values = {(place.answer_id, place.task_id, grade.take): grade.grade for place, grade in rows}
            for each in shared if self._deciding else ():
                first = place_of(each.answers[0])
                self._note(each.answers, each.take, values.get((first.answer_id, first.task_id, each.take)))

    def _note(self, answers: Sequence[Pending], take: int, grade: int | None) -> None:
        if self._deciding:
            self._deciding.note([item for item in answers if isinstance(item, PendingAnswer)], take, grade)

    def _ask_next(self) -> None:
        """Ask questions until as many are under way as the judge takes at once."""
        while not self._ends and (self._judge is None or len(self._under_way) < self._judge.concurrency):
            asked = self._queue.pop()
            if asked is None:
                return
            if self._judge is None:
                # Created only when grades are missing: otherwise its API key and its server are not needed.
                self._judge = create_judge(self._spec, self._facts)
                runs.set_judge(self._store, self._stored.id, "grading")
            self._under_way.add(asyncio.create_task(self._ask(self._judge, asked)))

    async def _wait(self, events: Iterable[asyncio.Event]) -> None:
        """Wait until a question is replied to, one of the events is set, or the run is cancelled. Raises a question's error."""
        is_cancelled = self._control.cancelled.is_set()
        waits = [
            asyncio.create_task(event.wait())
            for event in (*events, *([] if is_cancelled else [self._control.cancelled]))
        ]
        try:
            await asyncio.wait([*self._under_way, *waits], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        over = {task for task in self._under_way if task.done()}
        self._under_way -= over
        errors = [error for task in over if (error := task.exception())]
        if errors:
            raise _most_severe(errors)

    async def _stop(self) -> None:
        """End what is under way after a failure, and close the judge."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._judge:
            await self._judge.close()

    async def _ask(self, judge: Judge, asked: Asked) -> None:
        """Ask one question. Its grade is committed at once."""
        try:
            reply = await judge.grade(question_of(asked.answers[0]), asked.take)
        except SpentError:
            self.is_stopped = True
            return
        self._store_facts(judge)
        self._store_reply(judge, asked, reply)
        self._note(asked.answers, asked.take, reply.grade)
        self._queue.close(asked, has_grade=reply.grade is not None and not self._held_back)

    def _record_failure(self, reason: str) -> None:
        """Record the failure, with advice if a user added the judge, and whether it fails the run."""
        self.failure = added_judges.with_advice(self._stored, reason, has_graded=self._has_graded)
        self.fails_the_run = self._has_graded or not self._stored.settings.get(judges.ADDED)
        runs.set_judge(self._store, self._stored.id, "failed", self.failure)

    def _store_facts(self, judge: Judge) -> None:
        """Write how the judge is asked, if that has changed."""
        if judge.facts != self._facts:
            self._facts = judge.facts
            judges.set_facts(self._store, self._stored, self._facts)

    def _store_reply(self, judge: Judge, asked: Asked, reply: Reply) -> None:
        """Commit a reply, or hold it back if it needed no request and the judge has returned no grade yet."""
        rows = self._grade_rows(judge, asked, reply)
        is_unproven = not self._has_graded and (reply.grade is None or reply.is_unasked)
        if reply.is_refused or is_unproven:
            self._held_back += rows
        elif reply.grade is None:
            grades.commit(self._store, rows)
        else:
            self._has_graded = True
            self._commit_with_held_back(rows)

    def _commit_with_held_back(self, rows: "list[_Row]") -> None:
        """Commit the held-back grades and these."""
        grades.commit(self._store, [*self._held_back, *rows])
        self._held_back = []

    def _grade_rows(self, judge: Judge, asked: Asked, reply: Reply) -> "list[_Row]":
        """Return a row for each of these answers, all with the grade of the reply. The first one has what its requests used."""
        rows: list[_Row] = []
        for item in asked.answers:
            usage = NOTHING_USED if rows else reply.usage
            grade = Grade(
                grade_key(self._stored, item, asked.take),
                self.label,
                asked.take,
                reply.grade,
                reply.reason,
                judge.fingerprint,
                reply.seconds,
                usage,
                reply.left_out,
            )
            rows.append((place_of(item), grade))
        return rows


def _most_severe(errors: Sequence[BaseException]) -> BaseException:
    """Return an error of the store, which ends the run, if there is one; else an error of the judge, which ends only the judge."""
    return next((error for error in errors if isinstance(error, StoreError)), errors[0])
