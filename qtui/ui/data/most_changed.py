"""Which candidate of a model to look at unasked: the one whose answers differ most from the baseline's.

The first of an experiment is often one that changes nothing (the same numbers on another engine), and two columns of equal
answers show nobody what quantization does.
"""

from collections.abc import Sequence
from functools import partial

from qtui.errors import UserError
from qtui.records import RunSummary, VariantProgress
from qtui.store import Store, task_answers
from qtui.ui.data.reader import StoreReader
from qtui.ui.data.scope import Pair, Scope, candidates_of, resolve


class MostChanged:
    """`names` is what is known so far. Asked of the store per model when it comes into view, and again as its variants finish."""

    def __init__(self) -> None:
        self.names: dict[Pair, str] = {}
        self._finished: dict[Pair, tuple[str, ...]] = {}

    async def learn(
        self, reader: StoreReader, scope: Scope, runs: Sequence[RunSummary], *, settled: bool = False
    ) -> None:
        """Find out about the model that the scope will be on. `settled`: what is known already stays as it is."""
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
            # Whoever shows the answers says it.
            return
        self._finished[pair] = finished
        candidates = [name for name in candidates_of(variants, scope.baseline) if differing.get(name)]
        if candidates:
            self.names[pair] = max(candidates, key=lambda name: differing[name])


def _differing(run_id: int, model: str, baseline: str, store: Store) -> dict[str, int]:
    return task_answers.differing_answers(store, run_id, model, baseline)


def _is_finished(variant: VariantProgress) -> bool:
    return variant.answered >= variant.expected or variant.state in ("done", "failed", "cancelled")
