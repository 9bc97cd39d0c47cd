"""Thoughts and answer of a model's text: how models mark their thoughts, and functions that tell the two apart."""

from qtui.thinking.splitting import Split, split, split_reply
from qtui.thinking.tags import Tags

__all__ = ["Split", "Tags", "split", "split_reply"]
