"""Which folders qtui converts to GGUF itself, by their config.json. Planning uses this, so no tensor is read."""

import contextlib
from pathlib import Path
from typing import Any

from qtui.engines import architectures
from qtui.engines.conversion import converter, unkept_settings
from qtui.engines.conversion.converter import NeedsConverterError
from qtui.engines.weights.checkpoint.output_head import is_tied
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

CONVERSION = 1
"""Increased when `llama_folder` would convert the same folder to another file."""

USE_LLAMA_CPP = "convert it with llama.cpp's convert_hf_to_gguf.py and name the .gguf file as weights"

_ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM")


_COUNTS = (
    "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "max_position_embeddings",
)  # fmt: skip
"""Keys of config.json that must be whole numbers above 0."""
_EPSILON = "rms_norm_eps"


def conversion_values(weights: Weights) -> list[Any]:
    """Return what decides the content of a folder's GGUF file apart from the folder and its type, as values of a key.

    An output head that config.json denies is a value of its own: earlier versions made the file without it.
    """
    denied = is_tied(weights.config) and weights.output_head.state in ("differs", "embedding")
    return [CONVERSION, *(["output head of the files"] if denied else [])]


def check_settings(weights: Weights, name: str, named_converter: Path | None = None) -> None:
    """Raises UserError if the config says that neither qtui nor llama.cpp's converter can convert the folder to GGUF.

    Also raises it if the config lacks a key that the conversion needs, if its tensors are quantized without its saying so, and if
    it has a setting that llama.cpp does not compute with.
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
    weights.check_quantization(str(weights.path))
    weights.check_config()
    unkept_settings.check(weights.config, name)


def check_architecture(weights: Weights) -> None:
    """Raises NeedsConverterError if only llama.cpp's converter may convert the model, UserError if nothing can."""
    folder, config = weights.path, weights.config
    architecture = architecture_of(weights)
    if architecture not in _ARCHITECTURES:
        raise NeedsConverterError(
            f"{folder}: qtui converts Llama models to GGUF itself, and this is {architecture}; {USE_LLAMA_CPP}"
        )
    if weights.quantization:
        raise UserError(f"{folder}: its weights are already quantized; convert the original model instead")
    rope = rope_settings(config).get("rope_type", "default")
    if rope not in ("default", "linear"):
        raise NeedsConverterError(
            f"{folder}: positions are scaled by {rope}, which qtui does not convert; {USE_LLAMA_CPP}"
        )
    _check_keys(weights)


def rope_settings(config: dict[str, Any]) -> dict[str, Any]:
    """Return the rotary settings in the form of transformers 5 (`rope_parameters`); 4 had `rope_scaling` and `rope_theta`."""
    written = config.get("rope_parameters") or config.get("rope_scaling")
    settings = dict(written) if isinstance(written, dict) else {}
    settings.setdefault("rope_type", settings.get("type") or "default")
    settings.setdefault("rope_theta", config.get("rope_theta") or 10000.0)
    return settings


def architecture_of(weights: Weights) -> str:
    """Return the class that a folder's config.json names, such as `LlamaForCausalLM`. Raises UserError if it names none."""
    named = weights.config.get("architectures")
    if not isinstance(named, list) or not named:
        raise UserError(f'{weights.path / "config.json"}: has no "architectures", so the kind of model is not known')
    return str(named[0])


def _check_keys(weights: Weights) -> None:
    """Raise UserError with the first key that the conversion needs and that is missing or no such number.

    The conversion guesses none of them: with another value than the original's, the file would be another model.
    """
    config, file = weights.config, weights.path / "config.json"
    experts = ("num_local_experts", "num_experts_per_tok") if "num_local_experts" in config else ()
    optional = [key for key in ("num_key_value_heads", "head_dim", "sliding_window") if config.get(key) is not None]
    for key in (*_COUNTS, *experts, *optional):
        _check_number(file, config, key, is_whole=True)
    _check_number(file, config, _EPSILON, is_whole=False)
    rope = rope_settings(config)
    for key in ("rope_theta", *(["factor"] if rope["rope_type"] == "linear" else [])):
        _check_number(file, rope, key, is_whole=False)


def _check_number(file: Path, values: dict[str, Any], key: str, *, is_whole: bool) -> None:
    if values.get(key) is None:
        raise UserError(
            f'{file}: has no "{key}", which the conversion to GGUF needs; take it from the model\'s original config.json'
        )
    value = values[key]
    is_number = isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
    if not (is_number and value > 0):
        should_be = "a whole number above 0" if is_whole else "a number above 0"
        raise UserError(f'{file}: "{key}" is {value!r}, and must be {should_be}')
