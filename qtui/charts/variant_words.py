"""What a person should know of a variant of a run, in sentences."""

from qtui.format import left_out_notes
from qtui.run_progress import VariantProgress
from qtui.thinking import following


def variant_notes(variant: VariantProgress) -> tuple[str, ...]:
    """Return problems that do not stop a variant, each with its remedy: of its weights, its prompts, its endpoint, its thoughts."""
    thinking = following.what_happened(
        variant.thinking, variant.thought, variant.answered, is_endpoint=variant.engine == "openai"
    )
    return (*variant.facts.notes, *left_out_notes(variant.left_out), *filter(None, [thinking]))
