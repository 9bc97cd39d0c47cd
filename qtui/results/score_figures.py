"""The scores of runs, for panes and commands.

pandas, numpy and scipy are imported inside the function, so that a process that only unpickles the figures does not load them.
"""

from pathlib import Path

from qtui.figures.rounding import rounded
from qtui.figures.scores import MARGIN, ScoreTable


def score_rows(store_path: Path, run_ids: tuple[int, ...], margin: float = MARGIN) -> ScoreTable:
    """Every pair of the runs under every judge. Ungraded pairs are included, since behaviour needs no judge."""
    from qtui.analysis.tables import score_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids)
    return rounded(
        score_table(
            frames.answers, frames.tasks, frames.grades, frames.conditions, margin=margin, flags=flags(frames),
            experiments=frames.experiments,
        )
    )  # fmt: skip
