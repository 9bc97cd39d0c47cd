"""`--until decided`: which questions a verdict still waits for.

Tasks are asked in an order drawn by lot, not the most informative first: the bound that allows to stop at any time holds for draws.
See `results.sequences` for what counts.
"""

from collections.abc import Iterable

from qtui.results.sequences import Sequences
from qtui.store import Store, judged_places, judges
from qtui.store.answers import PendingAnswer
from qtui.store.judges import StoredJudge


class Deciding:
    """The verdicts of one judge on the pairs of a run whose answers are all there. `margin` is in grades of 1–5."""

    def __init__(self, store: Store, judge: StoredJudge, takes: int, margin: float) -> None:
        places = judged_places.read(store, judge.run_id, judge.label, judge.fingerprint)
        self._sequences = Sequences(places, takes, judges.scale(judge))
        self._margin = margin
        self._open = self._undecided()

    def rank(self, position: int) -> int:
        """Return the place of a task, by its position, in the order in which tasks are asked."""
        return self._sequences.ranks[position]

    def is_wanted(self, sides: Iterable[tuple[str, str, bool]]) -> bool:
        """Return whether an answer of one of these (model, variant, is the baseline) is part of a pair without a verdict."""
        return any(
            model == open_model and (is_baseline or variant == candidate)
            for model, variant, is_baseline in sides
            for open_model, candidate in self._open
        )

    def note(self, answers: Iterable[PendingAnswer], take: int, grade: int | None) -> None:
        """Note the grade of equal answers; None is no readable reply."""
        self._sequences.note([(item.answer_id, item.task_id) for item in answers], take, grade)
        self._open = self._undecided()

    @property
    def in_words(self) -> str:
        """Which verdicts were reached early, as `stopped early: …`; empty if none was."""
        early = [
            f"{pair.candidate} after {pair.n} of {len(pair.units)}"
            for pair in self._sequences.pairs
            if pair.is_decided(self._margin) and pair.next < len(pair.units)
        ]
        return (
            f"stopped early, because the verdict is reached: {', '.join(early)} tasks in random order" if early else ""
        )

    def _undecided(self) -> set[tuple[str, str]]:
        pairs = self._sequences.pairs
        return {(pair.model, pair.candidate) for pair in pairs if not pair.is_decided(self._margin)}
