"""Thoughts and answer of a model's text: how models mark their thoughts, and one function that tells the two apart."""

from qtui.thinking.splitting import Split, split
from qtui.thinking.tags import Tags

__all__ = ["Split", "Tags", "split"]
