"""Task sets: loading a checked, ordered list of tasks by name, from a file or from the hub."""

from qtui.tasks.columns import ColumnError, ColumnMap
from qtui.tasks.load import load_task_set

__all__ = ["ColumnError", "ColumnMap", "load_task_set"]
