"""Settings of config.json as llama.cpp's converter expects them, where transformers writes them otherwise.

transformers 5 leaves out what its own code takes for granted and renames kinds of layers when it saves a checkpoint, as every
fine-tuning does. The converter goes by the config.json of the original model; without the setting it makes a file that computes
something else.
"""

from collections.abc import Callable
from typing import Any

Settings = dict[str, Any]

_ROUTING_NAMES = (
    "score_function", "scoring_func", "score_func", "moe_router_activation", "moe_router_activation_func", "expert_selection_fn",
)  # fmt: skip
"""Names under which the converter looks for how experts are scored."""
_LAYERS = {"linear_attention": "mamba", "full_attention": "attention"}


def corrections(config: Settings) -> Settings:
    """Return the settings to change before llama.cpp's converter reads them; empty for most models."""
    correct = _BY_MODEL_TYPE.get(str(config.get("model_type")))
    changed = correct(config) if correct else {}
    return {name: value for name, value in changed.items() if config.get(name) != value}


def _scored_by_sigmoid(config: Settings) -> Settings:
    """DeepSeek V3: transformers always takes the sigmoid, llama.cpp takes the softmax if nothing is said."""
    return {} if any(config.get(name) for name in _ROUTING_NAMES) else {"scoring_func": "sigmoid"}


def _granite_layers(config: Settings) -> Settings:
    return {"layer_types": _original_kinds(config.get("layer_types") or [])} if config.get("layer_types") else {}


def _original_kinds(layers: list[str]) -> list[str]:
    return [_LAYERS.get(kind, kind) for kind in layers]


_BY_MODEL_TYPE: dict[str, Callable[[Settings], Settings]] = {
    "deepseek_v3": _scored_by_sigmoid,
    "granitemoehybrid": _granite_layers,
}
