"""What an experiment's prompts make of its settings, before a run starts: of the templates on this disk and of those it names.

A setting that a template does not read changes nothing. The worker finds that, too, but its turn may come hours later.
"""

from collections.abc import Iterator

from qtui.engines.prompts import chat_signs, thinking_settings
from qtui.engines.weights import finding
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment
from qtui.records import PromptSource, VariantSpec


def prompt_notes(experiment: Experiment) -> tuple[str, ...]:
    """Return sentences on settings that have no effect, each with the variants that it is about. Nothing is downloaded or loaded.

    Templates that are only on the hub are read by the worker, which says the same.
    """
    formats: dict[str, PromptFormat | None] = {}
    names: dict[tuple[str, str], list[str]] = {}
    for model in experiment.models:
        for variant in model.variants:
            for note in _notes(variant, model.prompt, formats):
                names.setdefault((model.name, note), []).append(variant.name)
    return tuple(f"{model} ({', '.join(variants)}): {note}" for (model, note), variants in names.items())


def _notes(variant: VariantSpec, prompt: PromptSource, formats: dict[str, PromptFormat | None]) -> Iterator[str]:
    if variant.engine == "openai" and variant.api == "chat":
        yield from thinking_settings.unknown_at_endpoint(variant)
        return
    prompt_format = _format(variant, prompt, formats)
    if prompt_format is None:
        return
    try:
        yield from thinking_settings.template_arguments(variant, prompt, prompt_format).ignored
    except UserError as error:
        yield str(error)
    if bare := chat_signs.why_asked_bare(variant, prompt, prompt_format):
        yield f"no chat template: the model gets the bare tasks, but {bare}"


def _format(variant: VariantSpec, prompt: PromptSource, formats: dict[str, PromptFormat | None]) -> PromptFormat | None:
    """Return the format that the prompt's weights define; None if they are not here or cannot be read."""
    written = prompt.weights or variant.weights
    if variant.engine == "openai" and prompt.weights in (None, variant.weights):
        return PromptFormat(source=variant.weights)
    if written not in formats:
        formats[written] = _read(written)
    return formats[written]


def _read(written: str) -> PromptFormat | None:
    try:
        path = finding.path_on_disk(written)
        return None if path is None else open_weights(path).prompt_format
    except (UserError, OSError):
        return None  # `weights_check` says why
