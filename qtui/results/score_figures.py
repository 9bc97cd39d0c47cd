"""The scores of runs, for the panes and the command line alike.

What comes back is plain: the interface unpickles it without pandas, numpy or scipy, which are imported where the work is done.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtui.analysis.tables import ScoreTable

MARGIN = 0.2
"""The margin Δ that counts as no loss, fixed before anything is graded."""

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class ScoreCause:
    """A kind of answer and its part of the difference; the parts of a row add up to it."""

    kind: str
    baseline: int
    candidate: int
    contribution: float


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A baseline and a candidate under one judge. `judge` is None, `n` 0 and every score None where nobody graded both.

    Scores are grades of 1–5; `difference` is candidate − baseline; `verdict` is one of equivalent, higher, not_worse, worse,
    lower, inconclusive, guarded, ungraded; `behaviour` is `changed`, `no change found` or None.
    """

    run_id: int
    experiment: str
    model: str
    baseline: str
    candidate: str
    judge: str | None
    n: int
    answered: int
    ungraded: int
    takes: int
    baseline_mean: float | None
    candidate_mean: float | None
    difference: float | None
    sd: float | None
    interval90: Interval | None
    interval95: Interval | None
    wins: int | None
    ties: int | None
    losses: int | None
    flips_down: int | None
    flips_up: int | None
    big_down: int | None
    big_up: int | None
    noise_flips: float | None
    mde80: float | None
    tasks_needed: int | None
    verdict: str
    verdict_text: str
    rule: str | None
    behaviour: str | None
    behaviour_reasons: tuple[str, ...]
    guards: tuple[str, ...]
    notes: tuple[str, ...]
    histogram_baseline: tuple[int, ...]
    """How many grades of 1, 2, 3, 4, 5 there are."""
    histogram_candidate: tuple[int, ...]
    causes: tuple[ScoreCause, ...]
    claim_p_holm: float | None
    comparisons: int
    role: str = "candidate"
    """Of `records.Role`."""
    differing: int = 0
    """Answers that are not the baseline's."""
    beside: tuple[str, ...] = ()
    """How that and the difference compare with the control arm and the noise floor of the model, where there are."""


@dataclass(frozen=True, slots=True)
class ScoreRows:
    rows: tuple[ScoreRow, ...]
    margin: float
    notes: tuple[str, ...]

    def of(self, run_id: int, model: str, candidate: str) -> tuple[ScoreRow, ...]:
        """The rows of one pair, one for each judge."""
        return tuple(r for r in self.rows if (r.run_id, r.model, r.candidate) == (run_id, model, candidate))


def score_rows(store_path: Path, run_ids: tuple[int, ...], margin: float = MARGIN) -> ScoreRows:
    """Every pair of the runs under every judge; pairs that nobody graded too, since behaviour needs no judge."""
    table, names = _table(store_path, run_ids, margin)
    rows = tuple(_row(row.to_json(), int(row.experiment), names) for row in table.pairs)
    return ScoreRows(rows, margin, table.notes)


def score_json(store_path: Path, run_ids: tuple[int, ...], margin: float = MARGIN) -> dict[str, Any]:
    """The same as JSON: {"pairs": [...], "margin", "notes"}."""
    table, names = _table(store_path, run_ids, margin)
    found = table.to_json()
    found["pairs"] = [
        {"run": int(p["experiment"]), **p, "experiment": names[int(p["experiment"])]} for p in found["pairs"]
    ]
    return found


def _table(store_path: Path, run_ids: tuple[int, ...], margin: float) -> "tuple[ScoreTable, dict[int, str]]":
    from qtui.analysis.tables import score_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids)
    table = score_table(
        frames.answers, frames.tasks, frames.grades, frames.conditions, margin=margin, flags=flags(frames)
    )
    return table, frames.experiments


def _row(values: dict[str, Any], run_id: int, names: dict[int, str]) -> ScoreRow:
    """The JSON form is the one place that knows every figure; here it gets types."""
    given = {field.name: values[field.name] for field in fields(ScoreRow) if field.name in values}
    for name in ("interval90", "interval95", "behaviour_reasons", "guards", "notes", "beside"):
        given[name] = tuple(given[name]) if given[name] is not None else None
    for name in ("histogram_baseline", "histogram_candidate"):
        given[name] = tuple(given[name].values())
    given["causes"] = tuple(ScoreCause(**cause) for cause in given["causes"])
    return ScoreRow(**(given | {"run_id": run_id, "experiment": names[run_id]}))
