"""Divergence of candidates from their baselines, from measurements in the store.

`qtui.runner.divergence` runs the models and stores the measurements; this module only reads them.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.figures.divergence import Divergence, PairDivergence, SampleDivergence, TaskDivergence
from qtui.records import NOISE_FLOOR, UNKNOWN
from qtui.results.answers import PairName
from qtui.run_progress import RunSummary, VariantProgress
from qtui.store import Store, divergences, open_store, runs

if TYPE_CHECKING:
    from qtui.analysis.divergence import TokenFigures

LEAST_AS_ANSWERED = 0.98
"""If a smaller share of a greedy baseline's tokens are its most likely ones, a note is added."""


def pairs(store: Store, run_ids: Sequence[int], *, floor: bool = False) -> list[PairName]:
    """Every candidate of every model with a baseline; with `floor` the baseline against itself goes first."""
    return [
        PairName(run.id, baseline.model, baseline.name, candidate.name)
        for run, baseline, candidate in _sides(store, run_ids, floor)
    ]


def divergence_rows(store_path: Path, run_ids: tuple[int, ...], *, floor: bool = False) -> tuple[PairDivergence, ...]:
    """The divergence of every pair of the runs that has measurements; with `floor` also of each baseline from itself."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        rows = [_row(store, run, *sides) for run, *sides in _sides(store, run_ids, floor)]
    return tuple(row for row in rows if row.tasks)


def _sides(
    store: Store, run_ids: Sequence[int], floor: bool
) -> Iterator[tuple[RunSummary, VariantProgress, VariantProgress]]:
    by_id = {run.id: run for run in runs.summaries(store, run_ids)}
    for run_id in run_ids:
        run = by_id[run_id]
        for model in run.models:
            variants = [variant for variant in run.variants if variant.model == model]
            baseline = next((variant for variant in variants if variant.is_baseline), None)
            if baseline is not None:
                # A noise floor has the baseline's weights; `floor` already compares these with themselves.
                others = [variant for variant in variants if variant.role not in ("baseline", NOISE_FLOOR)]
                yield from ((run, baseline, other) for other in ([baseline] if floor else []) + others)


def _row(store: Store, run: RunSummary, baseline: VariantProgress, candidate: VariantProgress) -> PairDivergence:
    from qtui.analysis.divergence import by_task, figures, joined

    pair = divergences.Pair(baseline.id, candidate.id)
    rows = divergences.rows(store, pair)
    tokens = joined([_tokens(row) for row in rows])
    answers: dict[int, list[SampleDivergence]] = {}
    for row in rows:
        parted = SampleDivergence(row["sample"], len(row["flags"]), divergences.first_difference(store, row["parting"]))
        answers.setdefault(row["task"], []).append(parted)
    figures_by_task = dict(by_task(tokens))
    whole = figures(tokens)
    return PairDivergence(
        run_id=run.id,
        experiment=run.experiment,
        model=baseline.model,
        baseline=baseline.name,
        candidate=candidate.name,
        tasks=len(figures_by_task),
        figures=whole,
        per_task=tuple(TaskDivergence(task, figures_by_task[task], tuple(answers[task])) for task in figures_by_task),
        missing=len(divergences.missing(store, pair)),
        notes=_notes(store, baseline, whole),
    )


def _tokens(row: Any) -> "TokenFigures":
    import numpy as np

    from qtui.analysis.divergence import TokenFigures

    kl, baseline, candidate = (
        np.frombuffer(row[name], "<f4").astype(np.float64) for name in ("kl", "baseline_logp", "candidate_logp")
    )
    flags = np.frombuffer(row["flags"], np.uint8)
    task = np.full(len(flags), row["task"], np.int64)
    return TokenFigures(task, kl, baseline, candidate, (flags & 1) != 0, (flags & 2) != 0)


def _notes(store: Store, baseline: VariantProgress, whole: Divergence) -> tuple[str, ...]:
    sampling = runs.conditions_of(store, baseline.id).get("sampling", "{}")
    greedy = sampling != UNKNOWN and json.loads(sampling).get("temperature") == 0
    if greedy and whole.as_answered is not None and whole.as_answered < LEAST_AS_ANSWERED:
        return (
            f"only {whole.as_answered:.1%} of the tokens are the most likely ones of {baseline.name}, although it answered "
            "greedily: tokenizing its texts again gives partly other tokens than it generated",
        )
    return ()
