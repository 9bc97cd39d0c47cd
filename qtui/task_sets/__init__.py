"""Task sets known by name: a few lines of TOML say where a set is, how its questions are asked and how answers are scored."""

from qtui.task_sets.load import SetRequest, joined, load_set

__all__ = ["SetRequest", "joined", "load_set"]
