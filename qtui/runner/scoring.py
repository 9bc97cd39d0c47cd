"""Scoring while variants answer: every scorer of the run scores answers as they arrive, in a process beside the runner.

A scorer may hang (a regular expression that backtracks): then the process is killed, the answer is *unscored* with that
reason, and a new process goes on. What is in the store is not computed again.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from qtui.records import Score
from qtui.run_progress import ScorerState
from qtui.runner.control import Control
from qtui.runner.scorer_process import SECONDS_PER_ANSWER, ScorerFailedError, ScorerProcess
from qtui.scorers import Question
from qtui.store import Store, scores
from qtui.store.scores import PendingScore, StoredScorer

COMMIT_SECONDS = 1.0


async def score_run(
    store: Store,
    run_id: int,
    control: Control,
    *,
    answered: asyncio.Event,
    finished: asyncio.Event,
    seconds_per_answer: float = SECONDS_PER_ANSWER,
    on_score: Callable[[], None] = lambda: None,
) -> list[str]:
    """Score until every answer of the run is scored. Returns one text for each scorer that failed."""
    async with ScorerProcess(seconds_per_answer) as process:
        scorings = [_Scoring(store, each, control, process, on_score) for each in scores.current(store, [run_id])]
        while scorings:
            # Read before scoring: if answers arrive meanwhile, another round scores them.
            is_last_round = finished.is_set()
            answered.clear()
            await asyncio.gather(*(scoring.score_missing() for scoring in scorings))
            if control.cancelled.is_set() or is_last_round:
                break
            await answered.wait()
    for scoring in scorings:
        scoring.close()
    return [f"{scoring.label}: {scoring.failure}" for scoring in scorings if scoring.failure]


class _Scoring:
    """One scorer of one run."""

    def __init__(
        self,
        store: Store,
        scorer: StoredScorer,
        control: Control,
        process: ScorerProcess,
        on_score: Callable[[], None],
    ) -> None:
        self.label = scorer.label
        self.failure = ""
        self._store, self._scorer, self._control, self._process = store, scorer, control, process
        self._on_score = on_score
        self._found: list[tuple[PendingScore, Score]] = []
        self._committed = time.monotonic()
        scores.set_state(store, scorer, "waiting")

    async def score_missing(self) -> None:
        """Score the answers that are in the store now. After a failure nothing more is scored. Raises StoreError."""
        missing = [] if self.failure else scores.pending(self._store, self._scorer)
        if not missing:
            return
        scores.set_state(self._store, self._scorer, "scoring")
        try:
            await self._score(missing)
        except ScorerFailedError as error:
            self.failure = str(error)
            scores.set_state(self._store, self._scorer, "failed", self.failure)
        finally:
            self._commit()

    def close(self) -> None:
        """Record that the scorer is done or cancelled, unless it has failed."""
        if not self.failure:
            state: ScorerState = "cancelled" if self._control.cancelled.is_set() else "done"
            scores.set_state(self._store, self._scorer, state)

    async def _score(self, missing: Sequence[PendingScore]) -> None:
        for place in missing:
            await self._control.running.wait()
            found = await self._score_or_cancel(Question(place.task, place.text, place.choice_scores))
            if found is None:
                return
            self._found.append((place, found))
            if time.monotonic() - self._committed > COMMIT_SECONDS:
                self._commit()
            self._on_score()

    async def _score_or_cancel(self, question: Question) -> Score | None:
        """Return the score; None if the run is cancelled meanwhile, which does not wait for a slow scorer."""
        scoring = asyncio.create_task(self._process.score(self._scorer.spec, question))
        cancelled = asyncio.create_task(self._control.cancelled.wait())
        try:
            await asyncio.wait((scoring, cancelled), return_when=asyncio.FIRST_COMPLETED)
            return await scoring if scoring.done() else None
        finally:
            for task in (scoring, cancelled):
                task.cancel()
            await asyncio.gather(scoring, cancelled, return_exceptions=True)

    def _commit(self) -> None:
        if self._found:
            scores.commit(self._store, self._scorer, self._found)
        self._found, self._committed = [], time.monotonic()
