"""Which loss an experiment will be able to show, from what earlier runs say of its judge, or from an assumed spread.

The spread of one task's difference has three parts: how much the variants differ from task to task, how much the samples of a task
differ, and the judge's noise. Takes average the last, samples the last two. A part that no earlier run tells is kept as measured.

The assumption, for a judge that the store does not know, on a scale of 1–5: noise of SD 0.5 per grade (0.51 in the three regradings
of the 2024 study's answers by Command R+), and as much spread again from task to task as one take's noise makes in a difference.
With one take, the difference of a task then has SD 1, and 100 tasks show a loss of 0.25. On another scale it is as much wider.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from qtui.analysis.instrument.resolution import Spread, smallest_loss
from qtui.analysis.scores import tasks_needed
from qtui.figures.planned import PlannedResolution
from qtui.figures.scores import ScoreRow
from qtui.format import count, number

ASSUMED_NOISE = 0.5
ASSUMED_CHANGE = 2**0.5 * ASSUMED_NOISE
FIVE_POINTS = 4
"""Steps of the scale of 1–5."""
FEWEST_TASKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be graded by one judge. `steps` is the highest minus the lowest grade; `is_exact`: the judge has no noise."""

    judge: str
    tasks: int
    units: int
    takes: int
    samples: int
    margin: float
    steps: int = FIVE_POINTS
    is_exact: bool = False


def planned(plan: Plan, known: Sequence[ScoreRow], *, same_tasks: bool) -> PlannedResolution:
    """Return what `plan` will show. `known` are rows of earlier runs by the same judge, on the same tasks or on others."""
    measured = [(row, spread) for row in known if (spread := spread_of(row)) is not None]
    if measured:
        weights = np.asarray([row.n - 1 for row, _ in measured], dtype=np.float64)
        variances = np.asarray([spread.planned(plan.takes, plan.samples) ** 2 for _, spread in measured])
        sd = float(np.sqrt((weights * variances).sum() / weights.sum()))
        noise = _noise([row for row, _ in measured])
    else:
        noise = 0.0 if plan.is_exact else ASSUMED_NOISE * plan.steps / FIVE_POINTS
        change = ASSUMED_CHANGE * plan.steps / FIVE_POINTS
        sd = float(np.sqrt(change**2 + 2 * noise**2 / plan.takes / plan.samples))
    # Turns of a conversation are no further tasks, unless the measured spread already says how much they add.
    tasks = plan.tasks if measured and same_tasks else plan.units
    shown = smallest_loss(sd / tasks**0.5, plan.units - 1) if plan.units > 1 else None
    needed = tasks_needed(sd, plan.margin)
    decides = shown is not None and needed is not None and tasks >= needed
    rows = [row for row, _ in measured]
    return PlannedResolution(
        judge=plan.judge,
        tasks=plan.tasks,
        units=plan.units,
        takes=plan.takes,
        samples=plan.samples,
        margin=plan.margin,
        sd=sd,
        judge_noise=noise,
        shown=shown,
        always_decides=decides,
        pairs=len(rows),
        runs=tuple(sorted({row.run_id for row in rows})),
        same_tasks=bool(rows) and same_tasks,
        sentence=f"{_size(plan)}: {_shows(shown, plan.margin, decides=decides)}. {_source(plan, rows, sd, noise, same_tasks)}",
    )


def spread_of(row: ScoreRow) -> Spread | None:
    """Return the spread of one row's differences; None with too few tasks, or if the variants differ in none."""
    if row.n < FEWEST_TASKS or row.units < 2 or row.interval90 is None or row.interval90[0] == row.interval90[1]:
        return None
    half = (row.interval90[1] - row.interval90[0]) / 2
    sd = half / float(stats.t.ppf(0.95, row.units - 1)) * row.n**0.5
    between = row.sample_spread
    variances = [] if between is None else [between.sd_baseline, between.sd_candidate]
    return Spread(
        sd=sd,
        takes=row.takes,
        samples=between.samples if between else 1,
        noise_share=row.resolution.noise_share if row.resolution else None,
        sample_variance=sum(v**2 for v in variances if v is not None) if variances and None not in variances else None,
    )


def _noise(rows: Sequence[ScoreRow]) -> float | None:
    known = [row.resolution.judge_noise for row in rows if row.resolution and row.resolution.judge_noise is not None]
    return float(np.sqrt(np.mean(np.square(known)))) if known else None


def _size(plan: Plan) -> str:
    turns = f" in {count(plan.units, 'conversation')}" if plan.units < plan.tasks else ""
    samples = f", {count(plan.samples, 'sample')}" if plan.samples > 1 else ""
    return f"{count(plan.tasks, 'task')}{turns}{samples}, {count(plan.takes, 'take')}"


def _shows(shown: float | None, margin: float, *, decides: bool) -> str:
    if shown is None:
        return "one independent task shows nothing"
    if decides:
        return f"every result will be decided at a margin of {margin:g}; a loss of {number(shown, 2)} is shown 4 times of 5"
    return (
        f"differences under about {number(shown, 2)} can stay inconclusive at a margin of {margin:g}; "
        "a larger loss is shown 4 times of 5"
    )


def _source(plan: Plan, rows: Sequence[ScoreRow], sd: float, noise: float | None, same_tasks: bool) -> str:
    noise_words = "judge's noise unknown" if noise is None else f"judge's noise {number(noise, 2)}"
    spread = f"SD of a task's difference {number(sd, 2)}, {noise_words}"
    if not rows:
        return f"Nothing is known of {plan.judge} here, so this is assumed: {spread}"
    runs = sorted({row.run_id for row in rows})
    where = f"{'run' if len(runs) == 1 else 'runs'} {', '.join(map(str, runs))}"
    tasks = "the same tasks" if same_tasks else "other tasks"
    return f"From {count(len(rows), 'pair')} that {plan.judge} graded on {tasks} ({where}): {spread}{_kept(plan, rows)}"


def _kept(plan: Plan, rows: Sequence[ScoreRow]) -> str:
    """Return which part was kept as measured although takes or samples will be others."""
    spreads = [spread for row in rows if (spread := spread_of(row)) is not None]
    kept = []
    if not plan.is_exact and any(spread.takes != plan.takes and spread.noise_share is None for spread in spreads):
        kept.append("takes")
    if any(spread.samples != plan.samples and spread.sample_variance is None for spread in spreads):
        kept.append("samples")
    return f", measured with other {' and '.join(kept)}" if kept else ""
