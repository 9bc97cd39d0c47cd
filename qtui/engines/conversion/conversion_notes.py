"""What is known of a GGUF file before it is made or loaded: where it cannot be what its original is, as sentences for the user."""

from qtui.engines.conversion import unkept_settings
from qtui.engines.weights.weights import Weights


def tokenizer_notes(weights: Weights) -> tuple[str, ...]:
    """Return what is known of a converted folder's tokenizer before its prompts are compared."""
    if not (weights.is_folder and weights.prompt_format.is_unigram):
        return ()
    return (
        "llama.cpp splits texts by merges, and this model's tokenizer by its likeliest pieces: prompts may have other tokens than "
        "on transformers",
    )


def settings_notes(weights: Weights, original: Weights | None) -> tuple[str, ...]:
    """Return settings that llama.cpp does not compute with: a folder's, which may be converted, or a GGUF file's `original`'s."""
    if weights.is_folder:
        return unkept_settings.notes(weights.config)
    if original is None or not original.is_folder:
        return ()
    return tuple(
        f"by the settings of {original.name}: {found}; "
        + (f"it matters {found.only}" if found.only else "this file is another model than its original")
        for found in unkept_settings.unkept_settings(original.config)
    )
