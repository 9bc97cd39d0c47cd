"""The prompts of judges: qtui's own, and how templates with other placeholders are read."""

from qtui.judge_prompts.own import OWN_PAIRWISE_PROMPTS, OWN_PROMPTS, own_pairwise_template, own_template
from qtui.judge_prompts.placeholders import PAIRWISE_SLOTS, SLOTS, TEXT, find_slots, read_template

__all__ = [
    "OWN_PAIRWISE_PROMPTS",
    "OWN_PROMPTS",
    "PAIRWISE_SLOTS",
    "SLOTS",
    "TEXT",
    "find_slots",
    "own_pairwise_template",
    "own_template",
    "read_template",
]
