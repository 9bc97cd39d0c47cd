"""What the rest of the program asks of the analysis: the table of lengths, the table of scores, and the tasks behind them.

Frames in, by the columns that each function names; records of `qtui.figures` out, unrounded. `flag_answers` costs most:
whoever wants several tables of the same answers computes it once and hands it on.
"""

from typing import Any

import numpy as np
import pandas as pd

from qtui.analysis import pairing
from qtui.analysis.flags import flag_answers
from qtui.analysis.grades import by_variant, shared_judges, take_means
from qtui.analysis.length_table import length_table
from qtui.analysis.score_table import score_table

__all__ = [
    "DELTA_COLUMNS",
    "flag_answers",
    "length_table",
    "score_table",
    "task_deltas",
]

DELTA_COLUMNS = (
    "experiment", "model", "baseline", "candidate", "judge", "task", "baseline_grade", "candidate_grade", "d",
    "baseline_length", "candidate_length", "length_ratio",
)  # fmt: skip


def task_deltas(
    answers: pd.DataFrame, tasks: pd.DataFrame, grades: pd.DataFrame, *, flags: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One row per pair, judge and task that both sides answered, columns `DELTA_COLUMNS`.

    Grades are means over takes and samples, `d` is candidate − baseline, lengths are stripped, `length_ratio` is
    candidate / baseline (NaN where the baseline is empty). `judge` is None for a pair that no judge graded on both sides;
    grades are NaN where missing.
    """
    graded = by_variant(grades)
    found: list[pd.DataFrame] = []
    for pair in pairing.pairs(pairing.variants(answers, flag_answers(answers, tasks) if flags is None else flags)):
        of_b, of_c = graded.get(pair.baseline.key, {}), graded.get(pair.candidate.key, {})
        length_b, length_c = pair.by_task("length")
        judges: list[str | None] = [*shared_judges(of_b, of_c)] or [None]
        for judge in judges:
            rows: dict[str, Any] = {
                "experiment": pair.experiment,
                "model": pair.model,
                "baseline": pair.baseline.name,
                "candidate": pair.candidate.name,
                "judge": judge,
                "task": pair.tasks,
                "baseline_length": length_b,
                "candidate_length": length_c,
                "length_ratio": np.divide(length_c, length_b, out=np.full_like(length_b, np.nan), where=length_b > 0),
            }
            for side, of_side in (("baseline", of_b), ("candidate", of_c)):
                rows[f"{side}_grade"] = (
                    np.nan if judge is None else _task_means(pair, take_means(of_side[judge].at(pair.answers)))
                )
            frame = pd.DataFrame(rows)
            found.append(frame.assign(d=frame["candidate_grade"] - frame["baseline_grade"]))
    frames = [frame.astype({"judge": object}) for frame in found if len(frame)]
    if not frames:
        return pd.DataFrame(columns=list(DELTA_COLUMNS))
    return pd.concat(frames, ignore_index=True)[list(DELTA_COLUMNS)]


def _task_means(pair: pairing.Pair, values: Any) -> Any:
    """Mean over a task's graded samples, (answers,) → (tasks,), NaN where none is."""
    return pd.Series(values).groupby(pair.answers["task"].to_numpy()).mean().to_numpy()
