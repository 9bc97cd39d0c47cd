"""The lengths of the answers of runs, for the panes and the command line alike; plain values, as in `score_figures`.

The curves that are drawn from them are in `length_densities`, because they depend on the axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qtui.analysis.tables import LengthTable


@dataclass(frozen=True, slots=True)
class Summary:
    """Lengths in characters (code points). `sd` has n−1 degrees of freedom; None where there are too few answers."""

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    q1: float | None
    q3: float | None
    iqr: float | None
    min: int | None
    max: int | None


@dataclass(frozen=True, slots=True)
class VariantRow:
    """`flags` counts answers: empty_strip, lt20_strip, loop, latin_new, truncated (None: the finish is unknown), …

    `shape` is no-clear-peak, slime, pot, flask, unclassified or None; `shape_stability` the share of bootstraps that agree.
    """

    run_id: int
    experiment: str
    model: str
    variant: str
    is_baseline: bool
    raw: Summary
    stripped: Summary
    flags: Mapping[str, int | None]
    shape: str | None
    shape_stability: float | None
    role: str = "candidate"
    """Of `records.Role`."""


@dataclass(frozen=True, slots=True)
class PairRow:
    """A candidate against its baseline; `raw` and `stripped` have the key names of the JSON (mean_diff, boot95, wilcoxon_p, …)."""

    run_id: int
    experiment: str
    model: str
    baseline: str
    candidate: str
    raw: Mapping[str, Any]
    stripped: Mapping[str, Any]
    mcnemar: Mapping[str, Mapping[str, Any]]
    identical: int
    shape_baseline: str | None
    shape_candidate: str | None
    behaviour: str | None
    behaviour_reasons: tuple[str, ...]
    role: str = "candidate"
    """The candidate's."""


@dataclass(frozen=True, slots=True)
class LengthRows:
    variants: tuple[VariantRow, ...]
    pairs: tuple[PairRow, ...]
    notes: tuple[str, ...]

    def of(self, run_id: int, model: str, variant: str) -> VariantRow | None:
        return next((v for v in self.variants if (v.run_id, v.model, v.variant) == (run_id, model, variant)), None)


def length_rows(store_path: Path, run_ids: tuple[int, ...]) -> LengthRows:
    """Every variant and every pair of the runs."""
    table, names = _table(store_path, run_ids)
    found = table.to_json()
    return LengthRows(
        variants=tuple(_variant(row, names) for row in found["variants"]),
        pairs=tuple(_pair(row, names) for row in found["pairs"]),
        notes=tuple(found["notes"]),
    )


def length_json(store_path: Path, run_ids: tuple[int, ...]) -> dict[str, Any]:
    """The same as JSON: {"variants": [...], "pairs": [...], "notes"}."""
    table, names = _table(store_path, run_ids)
    found = table.to_json()
    for kind in ("variants", "pairs"):
        found[kind] = [
            {"run": int(r["experiment"]), **r, "experiment": names[int(r["experiment"])]} for r in found[kind]
        ]
    return found


def _table(store_path: Path, run_ids: tuple[int, ...]) -> "tuple[LengthTable, dict[int, str]]":
    from qtui.analysis.tables import length_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids, with_grades=False)
    return length_table(frames.answers, frames.tasks, flags=flags(frames)), frames.experiments


def _variant(row: dict[str, Any], names: dict[int, str]) -> VariantRow:
    run_id = int(row["experiment"])
    return VariantRow(
        run_id=run_id,
        experiment=names[run_id],
        model=row["model"],
        variant=row["variant"],
        is_baseline=row["is_baseline"],
        raw=Summary(**row["raw"]),
        stripped=Summary(**row["stripped"]),
        flags=row["flags"],
        shape=row["shape"],
        shape_stability=row["shape_stability"],
        role=row["role"],
    )


def _pair(row: dict[str, Any], names: dict[int, str]) -> PairRow:
    run_id = int(row["experiment"])
    return PairRow(
        run_id=run_id,
        experiment=names[run_id],
        model=row["model"],
        baseline=row["baseline"],
        candidate=row["candidate"],
        raw=row["raw"],
        stripped=row["stripped"],
        mcnemar=row["mcnemar"],
        identical=row["identical"],
        shape_baseline=row["shape_baseline"],
        shape_candidate=row["shape_candidate"],
        behaviour=row["behaviour"],
        behaviour_reasons=tuple(row["behaviour_reasons"]),
        role=row["role"],
    )
