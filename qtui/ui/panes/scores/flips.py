"""The table of flips in the pane Scores: tasks whose grade crossed the middle of the scale, as columns and cells."""

from qtui.format import number
from qtui.results.task_changes import TaskDelta
from qtui.ui.widgets.table import Column, Row

NO_FLIPS = "No task crossed the middle of the scale between baseline and candidate."
FLIP_COLUMNS = (
    Column("", width=1),
    Column("task", width=5, align="right"),
    Column("baseline", width=8, align="right"),
    Column("candidate", width=9, align="right"),
    Column("length", flex=1, least=12),
)


def flip_cells(delta: TaskDelta, grades: tuple[float, float]) -> Row:
    """Return the cells of `FLIP_COLUMNS`."""
    return [
        "↓" if grades[1] < grades[0] else "↑",
        str(delta.task),
        number(grades[0], 2),
        number(grades[1], 2),
        f"{delta.baseline_length} → {delta.candidate_length} characters",
    ]
