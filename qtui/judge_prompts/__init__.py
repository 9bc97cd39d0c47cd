"""The prompts of judges: qtui's own, and how templates with other placeholders are read."""

from qtui.judge_prompts.own import OWN_PROMPTS, own_template
from qtui.judge_prompts.placeholders import SLOTS, TEXT, find_slots, read_template

__all__ = ["OWN_PROMPTS", "SLOTS", "TEXT", "find_slots", "own_template", "read_template"]
