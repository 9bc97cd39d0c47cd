"""Which folders qtui converts to GGUF itself, by their config.json. Planning uses this, so no tensor is read."""

import contextlib
from typing import Any

from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

CONVERSION = 1
"""Increased when `llama_folder` would convert the same folder to another file."""

USE_LLAMA_CPP = "convert it with llama.cpp's convert_hf_to_gguf.py and name the .gguf file as weights"

_ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")


def check_settings(weights: Weights) -> None:
    """Raises UserError if the config says that neither qtui nor llama.cpp's converter can convert the folder to GGUF."""
    with contextlib.suppress(NeedsConverterError):
        check_architecture(weights)


def check_architecture(weights: Weights) -> None:
    """Raises NeedsConverterError if only llama.cpp's converter may convert the model, UserError if nothing can."""
    folder, config = weights.path, weights.config
    architecture = (config.get("architectures") or ["?"])[0]
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
