"""Settings of config.json that a GGUF file does not keep: llama.cpp fixes them in its code, or its converter does not write them.

Another value in a checkpoint is then another model on llama.cpp, and nothing says so. The tables were found by trials: each setting
of each family in `tests/zoo` was changed, and both engines were asked again (llama.cpp of llama-cpp-python 0.3.36). A type of model
that no table names is not judged.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qtui.errors import UserError

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unkept:
    """A setting whose value llama.cpp does not compute with."""

    key: str
    value: object
    computed: str
    """What llama.cpp does in its place, as a clause."""
    only: str = ""
    """Where alone that matters; empty if the file would be another model for every text."""

    def __str__(self) -> str:
        return f'"{self.key}" is {_written(self.value)} in config.json, and llama.cpp {self.computed}'


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A key for which llama.cpp has one value."""

    types: Sequence[str]
    """Types of models, as config.json names them."""
    key: str
    kept: Sequence[object]
    absent: object
    """What transformers takes where the key is not written."""
    computed: str


_SILU, _GELU, _RELU2 = ("silu", "swish"), ("gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh"), ("relu2",)
_GATED = (
    "llama", "llama4_text", "mistral", "mixtral", "mistral3", "ministral3", "qwen2", "qwen3", "qwen3_moe", "qwen3_next",
    "qwen3_5_text", "phi3", "deepseek_v3", "glm4", "glm4_moe", "glm_moe_dsa", "mamba", "mamba2", "falcon_mamba", "cohere",
    "cohere2", "olmo2", "olmo3", "exaone4", "hunyuan_v1_dense", "seed_oss", "smollm3", "minicpm3", "stablelm",
)  # fmt: skip
_GEMMAS = ("gemma2", "gemma3_text", "gemma3n_text", "gemma4_text")

_FIXED = (
    _Fixed(_GATED, "hidden_act", _SILU, "silu", "always computes SiLU"),
    _Fixed(_GEMMAS, "hidden_activation", _GELU, "gelu_pytorch_tanh", "always computes GELU"),
    _Fixed(("nemotron_h",), "mlp_hidden_act", _RELU2, "relu2", "always computes squared ReLU"),
    _Fixed(("nemotron_h",), "mamba_hidden_act", _SILU, "silu", "always computes SiLU"),
    _Fixed(("qwen3_moe", "qwen3_vl_moe_text"), "norm_topk_prob", (True,), False, "always scales the experts' weights to the sum 1"),
    _Fixed(("qwen3_next", "lfm2_moe"), "norm_topk_prob", (True,), True, "always scales the experts' weights to the sum 1"),
    _Fixed(("qwen2_moe", "olmoe"), "norm_topk_prob", (False,), False, "never scales the experts' weights to the sum 1"),
    _Fixed(("gpt_oss",), "swiglu_alpha", (1.702,), 1.702, "always computes with 1.702"),
    _Fixed(("gpt_oss",), "swiglu_limit", (7.0,), 7.0, "always limits at 7"),
    _Fixed(("gemma3n_text",), "altup_active_idx", (0,), 0, "always takes the first"),
    _Fixed(("gemma3n_text",), "altup_correct_scale", (True,), True, "always scales"),
    _Fixed(("gemma3_text", "gemma4_text"), "use_bidirectional_attention", (False, None, "vision"), False, "attends backwards only"),
    _Fixed(("deepseek_v3",), "rope_interleave", (True,), True, "always turns neighbouring pairs"),
    _Fixed(("minicpm3",), "scale_emb", (12,), 12, "always computes with 12"),
    _Fixed(("minicpm3",), "scale_depth", (1.4,), 1.4, "always computes with 1.4"),
    _Fixed(("minicpm3",), "dim_model_base", (256,), 256, "always computes with 256"),
    _Fixed(("stablelm",), "use_parallel_residual", (False,), False, "computes it as false with these tensors"),
)  # fmt: skip

_SCALED_SIZES = {"gemma2": 46, "gemma3_text": 62}
"""Layers of the sizes whose attention is scaled by the width per head and not by `head_dim`."""

_THETA = {"gemma2": 10_000.0, "minicpm3": 10_000.0, "stablelm": 10_000.0}
"""The frequency base of families whose converter does not write it."""
_UNSCALED = ("gemma2", "glm_moe_dsa", "falcon_h1", "cohere", "cohere2", "minicpm3", "stablelm")
"""Families whose positions llama.cpp never scales."""
_YARN = (
    "qwen2", "qwen3", "qwen3_moe", "qwen3_next", "qwen3_5_text", "glm4", "glm4_moe", "lfm2", "olmo2", "seed_oss",
    "hunyuan_v1_dense",
)  # fmt: skip
_YARN_AND_LLAMA_3 = ("llama", "mistral", "mistral3", "exaone4", "smollm3")
_KINDS = {
    **dict.fromkeys(_UNSCALED, ("default",)),
    **dict.fromkeys(_YARN, ("default", "linear", "yarn", "mrope")),
    **dict.fromkeys(_YARN_AND_LLAMA_3, ("default", "linear", "yarn", "llama3")),
    "deepseek_v3": ("default", "yarn"),
    "gpt_oss": ("default", "yarn"),
}
"""Kinds of scaled positions that a family's GGUF file keeps."""
_IGNORES_WINDOW = ("mistral", "mixtral", "mistral3", "ministral3", "phi3")
_CUT_BY_QTUI = ("mistral", "mixtral")
"""Of these qtui itself makes a file, whose context ends with the window."""
_YARN_DEFAULTS = {"beta_fast": 32.0, "beta_slow": 1.0}
_READS_BETAS = ("mistral3", "deepseek_v3")
_LONG = "only in texts longer than that"


def unkept_settings(config: Settings) -> tuple[Unkept, ...]:
    """Return the settings of a config.json that its GGUF file does not keep. A nested text model is read in place of the whole."""
    nested = config.get("text_config")
    settings = {**config, **nested} if isinstance(nested, dict) else config
    kinds = (config.get("model_type"), settings.get("model_type"))
    kind = "mistral3" if kinds == ("mistral3", "mistral") else str(kinds[1])
    rules: Sequence[Callable[[str, Settings], Iterator[Unkept]]] = (
        _fixed,
        _attention_scale,
        _positions,
        _windows,
        _sparsity,
    )
    return tuple(found for rule in rules for found in rule(kind, settings))


def notes(config: Settings) -> tuple[str, ...]:
    """Return sentences on settings that are not kept and matter only somewhere."""
    return tuple(f"{found}; it matters {found.only}" for found in unkept_settings(config) if found.only)


def check(config: Settings, name: str) -> None:
    """Raise UserError if a GGUF file of this config.json would be another model. `name` is the model's."""
    lost = [str(found) for found in unkept_settings(config) if not found.only]
    if lost:
        raise UserError(
            f"{name}: a GGUF file of it would be another model: {'; '.join(lost)}. Run it on transformers, or on a server that "
            "computes it so (vLLM, SGLang) as an endpoint"
        )


def _fixed(kind: str, settings: Settings) -> Iterator[Unkept]:
    for rule in _FIXED:
        value = settings.get(rule.key, rule.absent)
        if kind in rule.types and value not in rule.kept:
            yield Unkept(rule.key, value, rule.computed)


def _attention_scale(kind: str, settings: Settings) -> Iterator[Unkept]:
    """Gemma: llama.cpp knows the scale by the size, and scales by `head_dim` otherwise."""
    scalar, width, heads = (
        settings.get(key) for key in ("query_pre_attn_scalar", "hidden_size", "num_attention_heads")
    )
    if kind not in _SCALED_SIZES or scalar is None or not width or not heads:
        return
    is_by_width = settings.get("num_hidden_layers") == _SCALED_SIZES[kind]
    expected = width / heads if is_by_width else settings.get("head_dim", 256)
    if scalar != expected:
        yield Unkept("query_pre_attn_scalar", scalar, f"always computes with {expected:g} for this size")


def _positions(kind: str, settings: Settings) -> Iterator[Unkept]:
    written = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    if not isinstance(written, dict):
        return
    by_layer = {name: inner for name, inner in written.items() if isinstance(inner, dict)}
    if "sliding_attention" in by_layer:
        scaled = _kind_of(by_layer["sliding_attention"])
        if kind in (*_GEMMAS, "olmo3") and scaled != "default":
            yield Unkept("rope_parameters.sliding_attention", scaled, "scales only the layers of full attention")
    rope = by_layer.get("full_attention", written)
    scaled = _kind_of(rope)
    theta = rope.get("rope_theta", settings.get("rope_theta", _THETA.get(kind)))
    if kind in _THETA and theta != _THETA[kind]:
        yield Unkept("rope_theta", theta, f"always computes with {_THETA[kind]:g} for this family")
    if scaled == "dynamic":
        longest = settings.get("max_position_embeddings")
        yield Unkept(
            "rope_type",
            "dynamic",
            "does not scale positions dynamically",
            f"only in texts longer than {longest} tokens",
        )
    elif scaled not in _KINDS.get(kind, (scaled,)):
        yield Unkept(
            "rope_type", scaled, f"does not scale this family's positions so ({', '.join(_KINDS[kind])} alone)"
        )
    elif scaled == "yarn":
        yield from _yarn(kind, rope)


def _yarn(kind: str, rope: Settings) -> Iterator[Unkept]:
    if kind in _KINDS and kind not in _READS_BETAS:
        for key, default in _YARN_DEFAULTS.items():
            if rope.get(key) not in (None, default):
                yield Unkept(key, rope[key], f"always computes with {default:g} for this family")
    if rope.get("truncate") is False:
        # Every gpt-oss has it; the two ranges lie within one dimension of each other.
        only = "a little, by which greedy answers may part" if kind == "gpt_oss" else ""
        yield Unkept("truncate", False, "always rounds the range of YaRN's dimensions", only)
    yield from _yarn_attention(kind, rope)


def _yarn_attention(kind: str, rope: Settings) -> Iterator[Unkept]:
    """The factor of attention that YaRN brings: llama.cpp takes the one that follows from the factor of positions."""
    factor, mscale, all_dim = (rope.get(key) for key in ("factor", "mscale", "mscale_all_dim"))
    if kind not in _KINDS or kind == "hunyuan_v1_dense" or not isinstance(factor, int | float):
        return
    if kind == "deepseek_v3":
        if not (mscale and mscale == all_dim):
            yield Unkept("mscale", mscale, "computes YaRN of this family only if mscale and mscale_all_dim are equal")
        return
    expected = _magnitude(factor, 1.0)
    given = rope.get("attention_factor")
    if given is None:
        given = _magnitude(factor, mscale) / _magnitude(factor, all_dim) if mscale and all_dim else expected
    if not math.isclose(given, expected, rel_tol=1e-3):
        yield Unkept(
            "attention_factor", round(given, 4), f"always computes with {expected:.4g}, which follows from the factor"
        )


def _magnitude(factor: float, scale: float) -> float:
    return 0.1 * scale * math.log(factor) + 1.0 if factor > 1 else 1.0


def _windows(kind: str, settings: Settings) -> Iterator[Unkept]:
    window, longest = settings.get("sliding_window"), settings.get("max_position_embeddings")
    if kind not in _IGNORES_WINDOW or not isinstance(window, int) or not isinstance(longest, int):
        return
    is_cut = kind in _CUT_BY_QTUI and _kind_of(settings.get("rope_parameters") or settings.get("rope_scaling") or {}) in (
        "default", "linear",
    )  # fmt: skip
    if window < longest and not is_cut:
        yield Unkept("sliding_window", window, "ignores the window of this family", _LONG)


def _sparsity(kind: str, settings: Settings) -> Iterator[Unkept]:
    """Gemma 3n: the ten first layers are sparse in llama.cpp's code."""
    pattern = settings.get("activation_sparsity_pattern")
    if kind == "gemma3n_text" and isinstance(pattern, list):
        expected = [0.95 if layer < 10 else 0.0 for layer in range(len(pattern))]
        if any(abs(given - fixed) > 1e-6 for given, fixed in zip(pattern, expected, strict=True)):
            yield Unkept("activation_sparsity_pattern", pattern, "always computes with 0.95 in the first ten layers")


def _kind_of(rope: Settings) -> str:
    return str(rope.get("rope_type") or rope.get("type") or "default")


def _written(value: object) -> str:
    return {"True": "true", "False": "false", "None": "null"}.get(str(value), str(value))
