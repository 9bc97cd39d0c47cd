"""Grading by batches: the questions of a run are sent as files, worked on within a day, and fetched.

A batch is submitted when all answers of the run are there, so that equal answers of all variants are asked once. The first question
to an endpoint that is not known yet is asked directly: it shows which settings the endpoint takes, and its grade counts. Results of
a batch that expired, failed or was cancelled are kept, and its other questions go into the next batch, a few times; then they are
*ungraded*. See `batch_submission` for how nothing is submitted twice.

Another runner of the same store may handle a batch with questions of this run; it is then only waited for.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qtui.endpoints import endpoint
from qtui.endpoints.allowance import SpentError
from qtui.endpoints.batches import BatchEndpoint, BatchRefusedError, Seen, UnreachableError
from qtui.errors import UserError
from qtui.judges import Reply, create_judge, fingerprint
from qtui.judges.openai import OpenAIJudge
from qtui.records import Grade, JudgeSpec
from qtui.run_progress import JudgeState
from qtui.runner import added_judges, batch_failure, batch_questions, batch_submission
from qtui.runner.batch_allowance import BatchAllowance
from qtui.runner.batch_budget import BatchBudget
from qtui.runner.batch_failure import Refusal
from qtui.runner.batch_results import Grading, Over, Results, results, without_lines
from qtui.runner.control import Control, first_of
from qtui.runner.how_to_wait import WAITS, HowToWait
from qtui.runner.question_queue import Closed
from qtui.runner.questions import question_of
from qtui.store import Store, batches, grades, judges, leases, runs
from qtui.store.batches import Planned, StoredBatch
from qtui.store.errors import StoreError
from qtui.store.judges import StoredJudge

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
MOST_UNSEEN = 60
"""Looks in a row at a batch without a reply of its endpoint, about an hour, after which the judge is given up; the batch stays."""
MOST_FAILED = 3
"""Batches in a row that fail as a whole, after which the judge is given up."""
MOST_FULL = 30
"""The same for batches that are refused because too many tokens are waiting at the endpoint."""


@dataclass(frozen=True, slots=True)
class BatchesEnd:
    """How the grading by batches ended."""

    failed: tuple[str, ...] = ()
    """One text for each judge whose failure fails the run."""
    left: tuple[str, ...] = ()
    """One text for each judge whose batches a later runner fetches."""


async def grade_in_batches(
    store: Store,
    run_id: int,
    specs: Sequence[JudgeSpec],
    control: Control,
    *,
    finished: asyncio.Event,
    how: HowToWait = WAITS,
) -> BatchesEnd:
    """Once `finished` is set, grade the run's answers by judges that ask in batches, and fetch what is under way for others."""
    stored = {(judge.label, judge.fingerprint): judge for judge in judges.of_run(store, run_id)}
    graders = [
        _BatchGrader(store, stored[spec.label, fingerprint(spec)], spec, control, how)
        for spec in specs
        if spec.batch or batches.open_of_judge(store, spec.label, fingerprint(spec))
    ]
    await asyncio.gather(*(grader.grade(finished) for grader in graders))
    return BatchesEnd(
        tuple(f"{grader.label}: {grader.failure}" for grader in graders if grader.fails_the_run),
        tuple(f"{grader.label}: {grader.left}" for grader in graders if grader.left),
    )


class _BatchGrader:
    """One judge grading one run by batches."""

    def __init__(self, store: Store, stored: StoredJudge, spec: JudgeSpec, control: Control, how: HowToWait) -> None:
        self.label = spec.label
        self.failure = ""
        """Why the judge cannot continue; empty while it can."""
        self.fails_the_run = False
        self.left = ""
        """What is left for a later runner; empty if nothing is."""
        self.is_stopped = False
        """Whether nothing more may be asked: see `endpoints.allowance`."""
        self._store = store
        self._stored = stored
        self._spec = spec
        self._takes = max(spec.takes, stored.takes)
        self._control = control
        self._how = how
        self._judge: OpenAIJudge | None = None
        self._endpoints: dict[tuple[str | None, str], BatchEndpoint] = {}
        self._budget = BatchBudget(spec.base_url)
        self._facts = judges.facts(store, stored)
        self._has_graded = judges.has_graded(store, stored)
        self._has_probed = False
        self._closed: set[Closed] = set()
        """What this runner has asked to the end: *ungraded* stays so then."""
        self._allowance = BatchAllowance(
            store, lambda question: self._get_judge().outgoing(question_of(question.same[0][1]))
        )
        self._fresh: set[int] = set()
        """Batches that were submitted just now and are not looked at yet."""
        self._most_requests = how.limits.requests
        self._one_at_a_time = False
        self._seconds = FIRST_PAUSE
        self._unseen: Counter[int] = Counter()
        """Looks in a row without a reply, by batch."""
        self._in_vain = self._full = 0
        runs.set_judge(store, stored.id, "waiting")

    async def grade(self, finished: asyncio.Event) -> None:
        """Grade when all answers are there. Raises StoreError."""
        await first_of(finished, self._control.cancelled)
        try:
            await self._grade()
        except StoreError:
            raise
        except UserError as error:
            self._record_failure(str(error))
        finally:
            await self._disconnect()
        if not self.failure:
            over: JudgeState = "stopped" if self.is_stopped else "done"
            state: JudgeState = "cancelled" if self._control.cancelled.is_set() else "waiting" if self.left else over
            runs.set_judge(self._store, self._stored.id, state)

    async def _disconnect(self) -> None:
        for at in self._endpoints.values():
            await at.close()
        if self._judge:
            await self._judge.close()

    async def _grade(self) -> None:
        while not self._control.cancelled.is_set():
            await self._control.running.wait()
            for batch in self._open():
                await self._submit(batch)
            for batch in self._open():
                await self._look(batch)
            missing = await self._plan()
            if missing:
                continue
            held = self._open()
            if not held and (self.is_stopped or not self._missing()):
                return
            if self._how.leaves and held:
                unsubmitted = [question for question in self._missing() if self._is_asked(question)]
                self.left = batch_questions.left(held, len(unsubmitted))
                return
            await self._wait()

    def _open(self) -> list[StoredBatch]:
        """The open batches with questions of this run."""
        found = batches.open_of_judge(self._store, self.label, self._stored.fingerprint)
        return [each for each in found if batches.concerns(self._store, each, self._stored.run_id)]

    def _is_ours(self, batch: StoredBatch) -> bool:
        """Whether this runner handles a batch; it takes over one that nobody handles."""
        run_id = self._stored.run_id
        if batch.run_id == run_id:
            return True
        if batch.run_id is not None and leases.holder(self._store, batch.run_id):
            return False
        return batches.take_over(self._store, batch, run_id)

    async def _submit(self, batch: StoredBatch) -> None:
        """Bring an open batch to its endpoint, if it is not there."""
        if batch.state == "submitted" or self._control.cancelled.is_set() or not self._is_ours(batch):
            return
        self._set_grading()
        is_wanted = self._spec.batch and not batch.is_cancelled and self._allowance.reserve(batch)
        at = self._endpoint(batch)
        if not is_wanted:
            seen = await batch_submission.find(batch, at, self._sleep) if batch.state == "submitting" else None
            if seen is None:
                batches.discard(self._store, batch, "not submitted: it was no longer wanted")
            else:
                batches.submitted(self._store, batch, seen.id)
            return
        try:
            submitted = await batch_submission.submit(self._store, batch, at, self._get_judge(), self._sleep)
        except BatchRefusedError as error:
            self._allowance.settle(batch, {})
            batches.discard(self._store, batches.one(self._store, batch), str(error))
            if batch_failure.is_full(error.failure.words):
                await self._wait_for_room(batch, str(error))
                return
            raise
        self._fresh.add(submitted.id)
        self._seconds = FIRST_PAUSE

    async def _look(self, batch: StoredBatch) -> None:
        """Ask the endpoint how a batch is, and fetch it if it is over."""
        if batch.id in self._fresh or batch.state != "submitted" or not self._is_ours(batch):
            return
        self._set_grading()
        at = self._endpoint(batch)
        try:
            seen = await at.look(batch.batch_id)
            batches.set_seen(self._store, batch, seen.status, seen.completed, seen.failed)
            if seen.is_over:
                await self._close(batch, seen, at)
                self._seconds = FIRST_PAUSE
            self._unseen[batch.id] = 0
        except UnreachableError:
            self._unseen[batch.id] += 1
            if self._unseen[batch.id] >= MOST_UNSEEN:
                raise

    async def _close(self, batch: StoredBatch, seen: Seen, at: BatchEndpoint) -> None:
        """Store what a batch that is over replied. Raises UserError if it shows that further questions are of no use."""
        files = [await at.content(file_id) for file_id in (seen.output_file, seen.error_file) if file_id]
        if seen.status == "failed" and not files:
            await self._close_failed(batch, seen)
            return
        self._in_vain = self._full = 0
        batch = batches.one(self._store, batch)
        grading = self._grading(batch)
        found = results(grading, Over(seen.status, tuple(files), batch.is_cancelled))
        self._store_results(batch, found, found.note)
        if found.stops:
            raise UserError(batch_failure.stopped(self._where(batch), found.stops, self._spec))

    def _grading(self, batch: StoredBatch) -> Grading:
        questions = batches.questions(self._store, batch)
        earlier = batches.earlier(self._store, [question.key for question in questions])
        return Grading(self._get_judge(), self.label, questions, earlier, self._has_graded)

    def _store_results(self, batch: StoredBatch, found: Results, note: str) -> None:
        self._store_facts()
        batches.fetched(self._store, batch, found.outcomes, found.grades, note)
        self._allowance.settle(batch, {each.key: each.usage for each in found.outcomes})
        self._budget.settle(found.outcomes)
        over = {each.key for each in found.outcomes if each.outcome in ("graded", "ungraded")}
        asked = [question for question in batches.questions(self._store, batch) if question.key in over]
        self._closed |= batch_questions.closed(asked)
        self._has_graded = self._has_graded or any(grade.grade is not None for _, grade in found.grades)

    async def _close_failed(self, batch: StoredBatch, seen: Seen) -> None:
        """Store that a batch failed as a whole. Raises UserError if the next one would fail, too."""
        grading = self._grading(batch)
        refusal = batch_failure.refusal(grading.judge, seen, len(grading.questions))
        found = without_lines(grading, refusal.lines)
        if refusal.lines:
            self._store_results(batch, found, refusal.words)
        else:
            batches.returned(self._store, batch, found.outcomes, refusal.words)
            self._allowance.settle(batch, {})
            self._budget.settle(found.outcomes)
        if refusal.kind == "full":
            await self._wait_for_room(batch, refusal.words)
            return
        self._in_vain += 1
        if refusal.kind == "stops" or self._in_vain >= MOST_FAILED:
            raise UserError(batch_failure.failed(self._where(batch), batch.batch_id, refusal, self._spec))

    async def _wait_for_room(self, batch: StoredBatch, words: str) -> None:
        """Wait after an endpoint said that too many tokens wait; the next batch is smaller, unless others of ours fill the room."""
        self._one_at_a_time = True
        self._full += 1
        if self._full >= MOST_FULL:
            raise UserError(
                batch_failure.failed(self._where(batch), batch.batch_id, Refusal("full", words), self._spec)
            )
        if not any(each.state == "submitted" for each in self._open()):
            self._most_requests = max(1, min(self._most_requests, batch.requests) // 2)
            await self._sleep(LONGEST_PAUSE)

    async def _plan(self) -> bool:
        """Write batches for the questions that nobody has asked. Return whether there is anything new to do."""
        if runs.requested(self._store, self._stored.run_id) == "cancel":
            return False  # the user may have cancelled the batches, too: their questions are not submitted again
        missing = self._missing()
        self.is_stopped = False
        asked = [question for question in missing if self._is_asked(question)]
        if self._has_graded or not (asked or self._open()):
            self._commit_unasked(missing)
        if not asked or (self._one_at_a_time and self._open()):
            return False
        asked = self._allowance.affordable(asked)
        self.is_stopped = not asked
        if self.is_stopped:
            return False
        self._set_grading()
        if self._facts.reply_form is None and not self._has_probed and self._allowance.has_room(asked[0], 2):
            self._has_probed = True
            await self._ask_directly(asked[0])
            return True
        limits = replace(self._how.limits, requests=self._most_requests)
        judge = self._get_judge()
        under_way = batches.open_keys(self._store, self.label, self._stored.fingerprint)
        try:
            asked = self._budget.affordable(judge, asked, under_way)
        except SpentError:
            self.is_stopped = True
            return False
        parts = batch_questions.parts(asked, limits, lambda each: batch_submission.question_line(judge, each))
        address = (self._spec.base_url, self._spec.api_key_env)
        name = (self.label, self._stored.fingerprint)
        planned = [
            batches.plan(self._store, self._stored.run_id, name, address, part, again=self._how.again)
            for part in (parts[:1] if self._one_at_a_time else parts)
        ]
        return any(planned)

    def _missing(self) -> list[Planned]:
        """The questions that a batch has to ask. A judge that is asked directly has none, also where it had batches before."""
        if not self._spec.batch:
            return []
        again = self._how.again
        return batch_questions.missing(self._store, self._stored, self._takes, again=again, closed=self._closed)

    async def _ask_directly(self, question: Planned) -> None:
        """Ask one question in a request of its own, to learn the endpoint's settings. If it fails, the batch says why."""
        try:
            reply = await self._get_judge().grade(question_of(question.same[0][1]), question.take)
        except UserError:  # also if nothing more may be sent: the next plan says so
            return
        self._store_facts()
        if reply.grade is not None:
            self._has_graded = True
            self._commit(question, reply)

    def _is_asked(self, question: Planned) -> bool:
        return batch_questions.unasked(question, self._spec) is None

    def _commit_unasked(self, questions: Sequence[Planned]) -> None:
        for each in questions:
            if reply := batch_questions.unasked(each, self._spec):
                self._commit(each, reply)

    def _commit(self, question: Planned, reply: Reply) -> None:
        grade = Grade(
            "",
            self.label,
            question.take,
            reply.grade,
            reply.reason,
            self._stored.fingerprint,
            reply.seconds,
            reply.usage,
        )
        grades.commit(self._store, batch_questions.rows(question, grade))

    async def _wait(self) -> None:
        """Wait before the next look: 2, 4, 8 … 60 seconds."""
        seconds, self._seconds = self._seconds, min(LONGEST_PAUSE, self._seconds * 2)
        await self._sleep(seconds)
        self._fresh.clear()

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than until the run is cancelled."""
        sleeping = asyncio.ensure_future(self._how.sleep(seconds))
        cancelled = asyncio.ensure_future(self._control.cancelled.wait())
        try:
            await asyncio.wait((sleeping, cancelled), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            cancelled.cancel()

    def _endpoint(self, batch: StoredBatch) -> BatchEndpoint:
        place = (batch.base_url, batch.api_key_env)
        if place not in self._endpoints:
            self._endpoints[place] = batch_submission.connect(batch, self._sleep)
        return self._endpoints[place]

    def _get_judge(self) -> OpenAIJudge:
        if self._judge is None:
            judge = create_judge(self._spec, self._facts)
            assert isinstance(judge, OpenAIJudge), "batches are for judges behind an endpoint"
            self._judge = judge
        return self._judge

    def _store_facts(self) -> None:
        facts = self._get_judge().facts
        if facts != self._facts:
            self._facts = facts
            judges.set_facts(self._store, self._stored, facts)

    def _set_grading(self) -> None:
        runs.set_judge(self._store, self._stored.id, "grading")

    def _where(self, batch: StoredBatch) -> str:
        return f"judge {self.label} at {endpoint.shown(batch.base_url)}"

    def _record_failure(self, reason: str) -> None:
        self.failure = added_judges.with_advice(self._stored, reason, has_graded=self._has_graded)
        self.fails_the_run = self._has_graded or not self._stored.settings.get(judges.ADDED)
        runs.set_judge(self._store, self._stored.id, "failed", self.failure)
