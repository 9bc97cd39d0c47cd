"""Task sets: loading a checked, ordered list of tasks by name, from a file or from the hub."""

from qtui.tasks.load import load_task_set

__all__ = ["load_task_set"]
