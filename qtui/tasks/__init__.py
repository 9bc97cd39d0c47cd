"""Task sets: from a name, a file or the hub to a checked, ordered list of tasks."""

from qtui.tasks.load import load_task_set

__all__ = ["load_task_set"]
