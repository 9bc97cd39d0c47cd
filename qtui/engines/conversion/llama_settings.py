"""Which folders qtui converts to GGUF itself, by their config.json. Planning uses this, so no tensor is read."""

import contextlib
from pathlib import Path
from typing import Any

from qtui.engines import architectures
from qtui.engines.conversion import converter
from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

CONVERSION = 1
"""Increased when `llama_folder` would convert the same folder to another file."""

USE_LLAMA_CPP = "convert it with llama.cpp's convert_hf_to_gguf.py and name the .gguf file as weights"

_ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")


def check_settings(weights: Weights, name: str, named_converter: Path | None = None) -> None:
    """Raises UserError if the config says that neither qtui nor llama.cpp's converter can convert the folder to GGUF.

    `name` is the model's, for errors; `named_converter` a folder with llama.cpp's sources. If the folder has no weights yet, the
    converter is fetched before them, to ask it.
    """
    try:
        check_architecture(weights)
    except NeedsConverterError:
        script = converter.find_known_script(named_converter)
        if script is None and not any(weights.path.glob("*.safetensors")):
            # Without a connection the weights cannot be fetched either, and that is said then.
            with contextlib.suppress(UserError):
                script = converter.find_script(None, lambda _phase, _fraction: None)
        if script:
            architectures.check_converter(script, architecture_of(weights), name)


def architecture_of(weights: Weights) -> str:
    """Return the class that a folder's config.json names, such as `LlamaForCausalLM`; `?` if it names none."""
    return str((weights.config.get("architectures") or ["?"])[0])


def check_architecture(weights: Weights) -> None:
    """Raises NeedsConverterError if only llama.cpp's converter may convert the model, UserError if nothing can."""
    folder, config = weights.path, weights.config
    architecture = architecture_of(weights)
    if architecture not in _ARCHITECTURES:
        raise NeedsConverterError(
            f"{folder}: qtui converts Llama models to GGUF itself, and this is {architecture}; {USE_LLAMA_CPP}"
        )
    if config.get("quantization_config"):
        raise UserError(f"{folder}: its weights are already quantized; convert the original model instead")
    rope = rope_settings(config).get("rope_type", "default")
    if rope not in ("default", "linear"):
        raise NeedsConverterError(
            f"{folder}: positions are scaled by {rope}, which qtui does not convert; {USE_LLAMA_CPP}"
        )


def rope_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the rotary settings in the form of transformers 5 (`rope_parameters`); 4 had `rope_scaling` and `rope_theta`."""
    settings = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    settings.setdefault("rope_type", settings.get("type") or "default")
    settings.setdefault("rope_theta", config.get("rope_theta") or 10000.0)
    return settings
