"""Grading while variants answer: every judge grades answers as they arrive. Identical answers to a task are graded once per take.

An empty answer is graded without a request to the judge. Such a grade is held back until the judge has returned a grade, or
until a take ends without a failure. So a judge that cannot be reached has no grades in the store. If a user added such a judge,
its failure does not fail the run. A refusal whose cause is not clear is held back in the same way: if it was the judge's fault, the
answer is not *ungraded*, but is asked about again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from qtui.errors import UserError
from qtui.judges import Judge, Reply, create_judge, fingerprint
from qtui.records import NOTHING_USED, Grade, JudgeSpec
from qtui.runner import added_judges
from qtui.runner.control import Control
from qtui.runner.questions import Pending, group_same_answers, key_of, pending, place_of, question_of
from qtui.store import Store, grades, judges, runs
from qtui.store.errors import StoreError
from qtui.store.judges import StoredJudge

Same = list[Pending]
"""Answers to one task with the same text, and the same turns before, which share one grade; or such pairs of answers."""
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
    stored_judges = {(judge.label, judge.fingerprint): judge for judge in judges.of_run(store, run_id)}
    graders = [_Grader(store, stored_judges[spec.label, fingerprint(spec)], spec, control=control) for spec in specs]
    while graders:
        # Read before grading: if answers arrive meanwhile, another round grades them.
        is_last_round = finished.is_set()
        answered.clear()
        await asyncio.gather(*(grader.grade_missing() for grader in graders))
        if control.cancelled.is_set() or is_last_round:
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
        self._facts = judges.facts(store, stored)
        if self._has_graded and self._facts.reply_form is None:
            # An older qtui asked for text alone. The rest of the run is asked in the same way.
            self._facts = replace(self._facts, reply_form="text")
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
            self._record_failure(str(error))

    async def close(self) -> None:
        """Close the judge, and record that it is done or cancelled, unless it has failed."""
        if self._judge:
            await self._judge.close()
        if not self.failure:
            runs.set_judge(self._store, self._stored.id, "cancelled" if self._control.cancelled.is_set() else "done")

    def _record_failure(self, reason: str) -> None:
        """Record the failure, with advice if a user added the judge, and whether it fails the run."""
        self.failure = added_judges.with_advice(self._stored, reason, has_graded=self._has_graded)
        self.fails_the_run = self._has_graded or not self._stored.settings.get(judges.ADDED)
        runs.set_judge(self._store, self._stored.id, "failed", self.failure)

    async def _grade_take(self, take: int) -> None:
        missing = pending(self._store, self._stored, take)
        if not missing:
            return
        # The judge is created only when grades are missing: otherwise its API key and its server are not needed.
        judge = self._judge = self._judge or create_judge(self._spec, self._facts)
        runs.set_judge(self._store, self._stored.id, "grading")
        questions = group_same_answers(missing)
        connections = min(judge.concurrency, len(questions))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(connections):
                    group.create_task(self._grade_questions(judge, take, questions))
        except* UserError as errors:
            raise _most_severe(errors) from None
        # No request failed, so grades of empty answers count even if the judge has returned no other grade.
        if self._held_back and not self._control.cancelled.is_set():
            self._commit_with_held_back([])

    async def _grade_questions(self, judge: Judge, take: int, questions: list[Same]) -> None:
        """Grade questions from the list, which several connections share, until it is empty. Each grade is committed at once."""
        while questions and not self._control.cancelled.is_set():
            await self._control.running.wait()
            if not questions:
                return
            same_answers = questions.pop(0)
            first = same_answers[0]
            reply = await judge.grade(question_of(first), take)
            self._store_facts(judge)
            self._store_reply(judge, take, same_answers, reply)

    def _store_facts(self, judge: Judge) -> None:
        """Write how the judge is asked, if that has changed."""
        if judge.facts != self._facts:
            self._facts = judge.facts
            judges.set_facts(self._store, self._stored, self._facts)

    def _store_reply(self, judge: Judge, take: int, same_answers: Same, reply: Reply) -> None:
        """Commit a reply, or hold it back if it needed no request and the judge has returned no grade yet."""
        rows = self._grade_rows(judge, take, same_answers, reply)
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

    def _grade_rows(self, judge: Judge, take: int, same_answers: Same, reply: Reply) -> "list[_Row]":
        """Return a row for each of these answers, all with the grade of the reply. The first one has what its requests used."""
        rows: list[_Row] = []
        for item in same_answers:
            usage = NOTHING_USED if rows else reply.usage
            grade = Grade(
                key_of(item, self._stored, take),
                self.label,
                take,
                reply.grade,
                reply.reason,
                judge.fingerprint,
                reply.seconds,
                usage,
                reply.left_out,
            )
            rows.append((place_of(item), grade))
        return rows


def _most_severe(errors: ExceptionGroup[UserError]) -> Exception:
    """Return an error of the store, which ends the run, if there is one; else an error of the judge, which ends only the judge."""
    return next((error for error in errors.exceptions if isinstance(error, StoreError)), errors.exceptions[0])
