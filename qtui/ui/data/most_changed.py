"""The candidate to show until the user chooses one: the one whose answers differ most from the baseline's.

The first candidate of an experiment often changes nothing (the same numbers on another engine), and two equal answers do not show
what quantization does.
"""

from collections.abc import Sequence
from functools import partial

from qtui.errors import UserError
from qtui.run_progress import RunSummary, VariantProgress
from qtui.store import Store, kept_values, task_answers
from qtui.ui.data.reader import StoreReader
from qtui.ui.data.scope import Pair, Scope, candidates_of, resolve

KEPT_FROM = 0.1
"""Seconds of comparing texts from which the counts are kept for the next time: the runs are shown when they are known."""


class MostChanged:
    """`names` holds the candidates determined so far. A model is read when it is first shown, and again as its variants finish."""

    def __init__(self) -> None:
        self.names: dict[Pair, str] = {}
        self._finished: dict[Pair, tuple[str, ...]] = {}

    async def learn(
        self, reader: StoreReader, scope: Scope, runs: Sequence[RunSummary], *, settled: bool = False
    ) -> None:
        """Determine the candidate of the model that the scope will show. `settled`: keep a candidate that is already determined."""
        scope = resolve(scope, runs, self.names)
        if scope.run_id is None or scope.model is None or scope.baseline is None or scope.candidate_chosen:
            return
        pair = (scope.run_id, scope.model)
        variants = [v for run in runs if run.id == scope.run_id for v in run.variants if v.model == scope.model]
        finished = tuple(v.name for v in variants if _is_finished(v))
        if self._finished.get(pair) == finished or (settled and pair in self.names):
            return
        try:
            differing = await reader.read(partial(_differing, scope.run_id, scope.model, scope.baseline))
        except UserError:
            # The pane that shows the answers reports it.
            return
        self._finished[pair] = finished
        candidates = [name for name in candidates_of(variants, scope.baseline) if differing.get(name)]
        if candidates:
            self.names[pair] = max(candidates, key=lambda name: differing[name])


def _differing(run_id: int, model: str, baseline: str, store: Store) -> dict[str, int]:
    question = ("differing answers", str(run_id), model, baseline)

    def differing() -> dict[str, int]:
        return task_answers.differing_answers(store, run_id, model, baseline)

    return kept_values.of_store(store.path, question, dict[str, int], differing, least=KEPT_FROM)


def _is_finished(variant: VariantProgress) -> bool:
    return variant.answered >= variant.expected or variant.state in ("done", "failed", "cancelled")
