"""Divergence of candidates from their baselines, from what the store has of it; plain values, as in `score_figures`.

Nothing is computed with a model here: `qtui.runner.divergence` measures, this reads.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.records import NOISE_FLOOR, Parting, RunSummary, VariantProgress
from qtui.results.answers import PairName
from qtui.store import Store, divergences, open_store, runs

if TYPE_CHECKING:
    from qtui.analysis.divergence import DivergenceFigures, TokenFigures

LIKELY_OWN = 0.98
"""Of a greedy baseline fewer of its answers' tokens than this being its own choice wants a word."""


@dataclass(frozen=True, slots=True)
class Kl:
    """Nats. `se` takes tokens for independent, `se_tasks` is clustered by task; None where there is too little."""

    mean: float | None
    se: float | None
    se_tasks: float | None
    median: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    p999: float | None
    max: float | None


@dataclass(frozen=True, slots=True)
class SampleParting:
    """Where the candidate parts from one sample of the baseline's answers; `parting` is None where it does not."""

    sample: int
    tokens: int
    parting: Parting | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some tokens. `same_top` and `as_answered` are shares, Δp in shares of 1, `ratio` is candidate over baseline."""

    tokens: int
    kl: Kl
    delta_p_mean: float | None
    delta_p_rms: float | None
    same_top: float | None
    as_answered: float | None
    """The share of the answers' tokens that are the baseline's likeliest: near 1 for greedy answers."""
    perplexity_baseline: float | None
    perplexity_candidate: float | None
    ratio: float | None
    ln_ratio: float | None
    ln_ratio_se: float | None


@dataclass(frozen=True, slots=True)
class TaskRow:
    """`task` is 1-based."""

    task: int
    figures: Figures
    answers: tuple[SampleParting, ...]


@dataclass(frozen=True, slots=True)
class DivergenceRow:
    """A candidate against its baseline; `missing` counts the baseline's answers that it was not held against yet."""

    run_id: int
    experiment: str
    model: str
    baseline: str
    candidate: str
    figures: Figures
    per_task: tuple[TaskRow, ...]
    missing: int
    notes: tuple[str, ...]

    @property
    def tasks(self) -> int:
        return len(self.per_task)


def pairs(store: Store, run_ids: Sequence[int], *, floor: bool = False) -> list[PairName]:
    """Every candidate of every model with a baseline; with `floor` the baseline against itself goes first."""
    return [
        PairName(run.id, baseline.model, baseline.name, candidate.name)
        for run, baseline, candidate in _sides(store, run_ids, floor)
    ]


def divergence_rows(store_path: Path, run_ids: tuple[int, ...], *, floor: bool = False) -> tuple[DivergenceRow, ...]:
    """What is known of every pair of the runs, pairs of which nothing is known left out."""
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        found = [_row(store, run, *sides) for run, *sides in _sides(store, run_ids, floor)]
    return tuple(row for row in found if row.per_task)


def divergence_json(store_path: Path, run_ids: tuple[int, ...], *, floor: bool = False) -> dict[str, Any]:
    """The same as JSON: {"pairs": [...]}."""
    return {"pairs": [to_json(row) for row in divergence_rows(store_path, run_ids, floor=floor)]}


def to_json(row: DivergenceRow) -> dict[str, Any]:
    return {
        "run": row.run_id,
        "experiment": row.experiment,
        "model": row.model,
        "baseline": row.baseline,
        "candidate": row.candidate,
        "tasks": row.tasks,
        **_figures_json(row.figures),
        "missing": row.missing,
        "notes": list(row.notes),
        "per_task": [
            {"task": task.task, **_figures_json(task.figures), "answers": [asdict(answer) for answer in task.answers]}
            for task in row.per_task
        ],
    }


def _figures_json(figures: Figures) -> dict[str, Any]:
    return {
        "tokens": figures.tokens,
        "kl": asdict(figures.kl),
        "delta_p": {"mean": figures.delta_p_mean, "rms": figures.delta_p_rms},
        "same_top": figures.same_top,
        "as_answered": figures.as_answered,
        "perplexity": {
            "baseline": figures.perplexity_baseline,
            "candidate": figures.perplexity_candidate,
            "ratio": figures.ratio,
            "ln_ratio": figures.ln_ratio,
            "ln_ratio_se": figures.ln_ratio_se,
        },
    }


def _sides(
    store: Store, run_ids: Sequence[int], floor: bool
) -> Iterator[tuple[RunSummary, VariantProgress, VariantProgress]]:
    by_id = {run.id: run for run in runs.summaries(store, run_ids)}
    for run_id in run_ids:
        run = by_id[run_id]
        for model in run.models:
            own = [variant for variant in run.variants if variant.model == model]
            baseline = next((variant for variant in own if variant.is_baseline), None)
            if baseline is not None:
                # A noise floor is the baseline's own weights: what they come to against themselves is what `floor` asks for.
                others = [variant for variant in own if variant.role not in ("baseline", NOISE_FLOOR)]
                yield from ((run, baseline, other) for other in ([baseline] if floor else []) + others)


def _row(store: Store, run: RunSummary, baseline: VariantProgress, candidate: VariantProgress) -> DivergenceRow:
    from qtui.analysis.divergence import by_task, figures, joined

    pair = divergences.Pair(baseline.id, candidate.id)
    rows = divergences.rows(store, pair)
    tokens = joined([_tokens(row) for row in rows])
    answers: dict[int, list[SampleParting]] = {}
    for row in rows:
        parted = SampleParting(row["sample"], len(row["flags"]), divergences.parting(row["parting"]))
        answers.setdefault(row["task"], []).append(parted)
    of_task = dict(by_task(tokens))
    whole = _plain(figures(tokens))
    return DivergenceRow(
        run_id=run.id,
        experiment=run.experiment,
        model=baseline.model,
        baseline=baseline.name,
        candidate=candidate.name,
        figures=whole,
        per_task=tuple(TaskRow(task, _plain(of_task[task]), tuple(answers[task])) for task in of_task),
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


def _plain(found: "DivergenceFigures") -> Figures:
    return Figures(
        tokens=found.tokens,
        kl=Kl(**asdict(found.kl)),
        delta_p_mean=found.delta_p_mean,
        delta_p_rms=found.delta_p_rms,
        same_top=found.same_top,
        as_answered=found.as_answered,
        perplexity_baseline=found.perplexity.baseline,
        perplexity_candidate=found.perplexity.candidate,
        ratio=found.perplexity.ratio,
        ln_ratio=found.perplexity.ln_ratio,
        ln_ratio_se=found.perplexity.ln_ratio_se,
    )


def _notes(store: Store, baseline: VariantProgress, whole: Figures) -> tuple[str, ...]:
    sampling = runs.conditions_of(store, baseline.id).get("sampling", "{}")
    greedy = sampling != "unknown" and json.loads(sampling).get("temperature") == 0
    if greedy and whole.as_answered is not None and whole.as_answered < LIKELY_OWN:
        return (
            f"only {whole.as_answered:.1%} of the tokens are what {baseline.name} itself finds likeliest, though it answered "
            "greedily: its texts, taken apart anew, are partly other tokens than it wrote",
        )
    return ()
