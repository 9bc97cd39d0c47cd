"""Change of length against change of score over models, one point per model, from the store."""

from pathlib import Path

from qtui.figures.over_models import OverModels
from qtui.results.published import published_rows


def over_models(store_path: Path, run_ids: tuple[int, ...], judge: str | None) -> OverModels:
    """The first candidate of every model under `judge`; None takes the first judge that graded it.

    If no judge graded both variants of any pair, the scores are those that the study published for models of the same name.
    """
    from qtui.analysis import over_models as models
    from qtui.analysis.tables import length_table, score_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids)
    flagged = flags(frames)
    lengths = length_table(frames.answers, frames.tasks, flags=flagged)
    scores = score_table(frames.answers, frames.tasks, frames.grades, frames.conditions, flags=flagged)
    return models.over_models(lengths, scores, judge=judge, published={row.model: row for row in published_rows()})
