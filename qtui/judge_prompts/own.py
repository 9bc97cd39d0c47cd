"""The prompt templates that come with qtui: in each language one for 1–5, with the meaning of each number, and one for others."""

from qtui import paths
from qtui.records import FIVE_POINTS, Scale

OWN_PROMPTS = ("grade-ja", "grade-en")
"""Names by which an experiment chooses them; the first is the default."""


def own_template(scale: Scale, name: str = OWN_PROMPTS[0]) -> str:
    """Return the text of qtui's prompt of this name for a scale."""
    file = f"{name}.txt" if scale == FIVE_POINTS else f"{name}-scale.txt"
    return (paths.data() / "prompts" / file).read_text(encoding="utf-8")
