"""Over models: change of length against change of score, one point per model, with what so few of them prove.

Where no judge graded both sides of anything in view, the scores are those that the study published for models of the same name, and
`scores_by` says so.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qtui.results.published import CANDIDATE, SOURCE, PublishedRow, published_rows

if TYPE_CHECKING:
    from qtui.analysis.over_models import OverModels as Found


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """`length_before` in characters (mean), `length_change` a share of it, `score_change` in grades or None."""

    run_id: int
    model: str
    candidate: str
    length_before: float
    length_change: float
    score_change: float | None


@dataclass(frozen=True, slots=True)
class OverModels:
    points: tuple[ModelPoint, ...]
    scores_by: str
    """The judge, or the study; empty where there are no scores at all."""
    sentences: tuple[str, ...]


def over_models(store_path: Path, run_ids: tuple[int, ...], judge: str | None) -> OverModels:
    """The first candidate of every model in view under `judge`, or under the first judge that graded it where that is None."""
    from qtui.analysis import over_models as models
    from qtui.analysis.tables import length_table, score_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids)
    flagged = flags(frames)
    lengths = length_table(frames.answers, frames.tasks, flags=flagged)
    scores = score_table(frames.answers, frames.tasks, frames.grades, frames.conditions, flags=flagged)
    published = {row.model: row for row in published_rows()}
    found = models.over_models(lengths, scores, judge=judge, families={m: row.family for m, row in published.items()})
    own = tuple(
        ModelPoint(int(p.experiment), p.model, p.candidate, p.length_before, p.relative_change, p.score_difference)
        for p in found.points
    )
    if any(p.score_change is not None for p in own):
        return OverModels(
            own, judge or "the first judge of each", (found.length_and_change_text, found.change_and_score_text)
        )
    return _with_published(own, found, published)


def _with_published(own: tuple[ModelPoint, ...], found: "Found", published: dict[str, PublishedRow]) -> OverModels:
    from qtui.analysis import over_models as models

    points = tuple(replace(p, score_change=_difference(p, published)) for p in own)
    graded = [p for p in points if p.score_change is not None]
    if not graded:
        return OverModels(own, "", (found.length_and_change_text, found.change_and_score_text))
    correlation = models.rank_correlation([p.length_change for p in graded], [p.score_change for p in graded])
    families = {published[p.model].family for p in graded}
    said = models.sentence("change of length and change of published score", correlation, len(families))
    return OverModels(points, SOURCE, (found.length_and_change_text, said))


def _difference(point: ModelPoint, published: dict[str, PublishedRow]) -> float | None:
    row = published.get(point.model)
    return row.difference if row is not None and point.candidate == CANDIDATE else None
