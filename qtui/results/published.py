"""What the 2024 study published, plain, to be shown beside one's own figures."""

from dataclasses import dataclass

from qtui import paths

BASELINE, CANDIDATE = "FP16", "Q4_K_M"
"""The only variants that the study has figures of."""
SOURCE = "2024 study, GPT-4"


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One model of the study: mean grades of 100 tasks, None where a variant was not graded; `interval90` is unpaired."""

    model: str
    family: str
    baseline_mean: float | None
    candidate_mean: float | None
    difference: float | None
    interval90: tuple[float, float] | None


def published_rows() -> tuple[PublishedRow, ...]:
    """In the order of the file that comes with qtui."""
    from qtui.analysis import published

    return tuple(
        PublishedRow(
            model=row.model,
            family=row.family,
            baseline_mean=row.baseline_mean,
            candidate_mean=row.candidate_mean,
            difference=row.difference,
            interval90=row.unpaired_interval(0.90),
        )
        for row in published.load(paths.data() / "published" / "elyza-tasks-100.csv")
    )
