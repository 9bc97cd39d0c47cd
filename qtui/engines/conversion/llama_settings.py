"""Which folders qtui converts to GGUF itself, by their config alone. Light enough for planning: no tensor is read."""

import contextlib
from typing import Any

from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

CONVERSION = 1
"""Goes up when `llama_folder` would make another file of the same folder."""
USE_LLAMA_CPP = "convert it with llama.cpp's convert_hf_to_gguf.py and name the .gguf file as weights"

_ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")


def check_settings(weights: Weights) -> None:
    """Raises UserError where the config alone says that no GGUF file can be made of a folder, here or by llama.cpp's converter."""
    with contextlib.suppress(NeedsConverterError):
        check_architecture(weights)


def check_architecture(weights: Weights) -> None:
    """Raises NeedsConverterError where qtui does not convert such a model itself, UserError where nothing does."""
    folder, config = weights.path, weights.config
    architecture = (config.get("architectures") or ["?"])[0]
    if architecture not in _ARCHITECTURES:
        raise NeedsConverterError(
            f"{folder}: qtui converts Llama models to GGUF itself, and this is {architecture}; {USE_LLAMA_CPP}"
        )
    if config.get("quantization_config"):
        raise UserError(f"{folder}: its weights are quantized already; make GGUF files from the original model")
    rope = rope_settings(config).get("rope_type", "default")
    if rope not in ("default", "linear"):
        raise NeedsConverterError(
            f"{folder}: positions are scaled by {rope}, which qtui does not convert; {USE_LLAMA_CPP}"
        )


def rope_settings(config: dict[str, Any]) -> dict[str, Any]:
    """transformers 5 writes `rope_parameters`, 4 wrote `rope_scaling` (with `type`) and `rope_theta`."""
    found = dict(config.get("rope_parameters") or config.get("rope_scaling") or {})
    found.setdefault("rope_type", found.get("type") or "default")
    found.setdefault("rope_theta", config.get("rope_theta") or 10000.0)
    return found
