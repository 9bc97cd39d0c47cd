"""The prompt templates that come with qtui: in each language for 1–5, for other scales, and for two answers."""

from qtui import paths
from qtui.records import FIVE_POINTS, Scale

OWN_PROMPTS = ("grade-ja", "grade-en")
"""Names by which an experiment chooses them; the first is the default."""
OWN_PAIRWISE_PROMPTS = ("compare-ja", "compare-en")
"""The same for judges that compare two answers."""


def own_template(scale: Scale, name: str = OWN_PROMPTS[0]) -> str:
    """Return the text of qtui's prompt of this name for a scale."""
    file = f"{name}.txt" if scale == FIVE_POINTS else f"{name}-scale.txt"
    return (paths.data() / "prompts" / file).read_text(encoding="utf-8")


def own_pairwise_template(name: str = OWN_PAIRWISE_PROMPTS[0]) -> str:
    """Return the text of qtui's prompt of this name that shows two answers."""
    return (paths.data() / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
