"""Settings of config.json as llama.cpp's converter expects them, where transformers writes them otherwise.

transformers 5 leaves out what its own code takes for granted and renames kinds of layers when it saves a checkpoint, as every
fine-tuning does. The converter goes by the config.json of the original model; without the setting it makes a file that computes
something else. Where the converter cannot write that a setting is off, it gets a value that changes nothing.
"""

from collections.abc import Callable
from typing import Any

Settings = dict[str, Any]

_ROUTING_NAMES = (
    "score_function", "scoring_func", "score_func", "moe_router_activation", "moe_router_activation_func", "expert_selection_fn",
)  # fmt: skip
"""Names under which the converter looks for how experts are scored."""
_LAYERS = {"linear_attention": "mamba", "full_attention": "attention"}
_NO_CAP = 1e6
"""A soft cap far above every logit."""
_NEMOTRON = {"linear_attention": "M", "mamba": "M", "full_attention": "*", "attention": "*", "mlp": "-", "moe": "E"}
"""Kinds of layers, as Nemotron-H's own settings write them in one word."""
_OF_EXPERTS = ("n_group", "topk_group", "norm_topk_prob", "routed_scaling_factor", "mtp_layers_block_type")
"""Settings of experts whose names do not say so."""


def corrections(config: Settings) -> Settings:
    """Return the settings to change before llama.cpp's converter reads them; empty for most models. None: the setting is removed.

    Those of a nested text model are changed within it.
    """
    inner = config.get("text_config")
    if isinstance(inner, dict):
        changed = corrections(inner)
        return {"text_config": with_changes(inner, changed)} if changed else {}
    correct = _BY_MODEL_TYPE.get(str(config.get("model_type")))
    changed = correct(config) if correct else {}
    return {
        name: value
        for name, value in changed.items()
        if (name in config if value is None else config.get(name) != value)
    }


def with_changes(config: Settings, changes: Settings) -> Settings:
    """Return a config with changed settings, and without those that are None."""
    return {name: value for name, value in {**config, **changes}.items() if name not in changes or value is not None}


def _scored_by_sigmoid(config: Settings) -> Settings:
    """DeepSeek V3: transformers always takes the sigmoid, llama.cpp takes the softmax if nothing is said."""
    return {} if any(config.get(name) for name in _ROUTING_NAMES) else {"scoring_func": "sigmoid"}


def _granite_layers(config: Settings) -> Settings:
    return {"layer_types": _original_kinds(config.get("layer_types") or [])} if config.get("layer_types") else {}


def _original_kinds(layers: list[str]) -> list[str]:
    return [_LAYERS.get(kind, kind) for kind in layers]


def _without_caps(config: Settings) -> Settings:
    """The converter writes no cap as none or fails, and llama.cpp then takes the family's."""
    caps = [
        key for key in ("attn_logit_softcapping", "final_logit_softcapping") if key in config and config[key] is None
    ]
    return dict.fromkeys(caps, _NO_CAP)


def _without_final_cap(config: Settings) -> Settings:
    """Gemma 4, where a cap that is not written is none."""
    return {"final_logit_softcapping": _NO_CAP} if config.get("final_logit_softcapping") is None else {}


def _dense_nemotron(config: Settings) -> Settings:
    """Nemotron-H without experts: the converter reads the settings with transformers, whose defaults have experts.

    Under a name that transformers does not know it reads them as they are written.
    """
    layers = config.get("layers_block_type")
    pattern = config.get("hybrid_override_pattern") or "".join(_NEMOTRON.get(kind, "?") for kind in layers or ())
    if not pattern or "E" in pattern or "?" in pattern:
        return {}
    of_experts = {key: None for key in config if "moe" in key or "expert" in key or key in _OF_EXPERTS}
    names = {"model_type": "nemotron_h_dense", "hybrid_override_pattern": pattern, "num_hidden_layers": len(pattern)}
    return {**of_experts, "layers_block_type": None, **names}


_BY_MODEL_TYPE: dict[str, Callable[[Settings], Settings]] = {
    "deepseek_v3": _scored_by_sigmoid,
    "gemma2": _without_caps,
    "gemma3n_text": _without_caps,
    "gemma4_text": _without_final_cap,
    "granitemoehybrid": _granite_layers,
    "nemotron_h": _dense_nemotron,
}
