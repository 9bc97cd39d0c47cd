"""Writes the checkpoint of one architecture of the zoo: random weights in float32, configuration, tokenizer, template."""

import json
from pathlib import Path
from typing import Any

from tests.zoo.kinds import SIZES, Kind, OwnCode
from tests.zoo.tokenizers import Tokens

SPREAD = 0.15
"""Standard deviation of the weights. transformers' 0.02 gives logits so flat that rounding decides which token is the likeliest."""


def write(kind: Kind, folder: Path) -> Tokens:
    """Write the folder, as the family's repositories have it, and return its tokenizer's facts."""
    tokens, config = write_settings(kind, folder)
    _write_model(config, folder)
    _write_ends(kind, folder, tokens)  # the library has written its own
    return tokens


def write_settings(kind: Kind, folder: Path) -> tuple[Tokens, Any]:
    """Write all but the weights. Return the tokenizer's facts and the configuration."""
    tokens = kind.tokenizer(folder, kind.words, kind.template)
    config = _config(kind, tokens)
    config.architectures = [_model_class(config)]
    config.save_pretrained(folder)
    _write_ends(kind, folder, tokens)
    return tokens, config


def _write_ends(kind: Kind, folder: Path, tokens: Tokens) -> None:
    ends = [tokens.ids[text] for text in (kind.words.ends or (kind.words.eos,))]
    named: dict[str, Any] = {"eos_token_id": ends[0] if len(ends) == 1 else ends}
    if kind.words.bos:
        named["bos_token_id"] = tokens.ids[kind.words.bos]
    (folder / "generation_config.json").write_text(json.dumps(named))


def _config(kind: Kind, tokens: Tokens) -> Any:
    import transformers

    settings = (SIZES if kind.sized else {}) | {
        "vocab_size": -(-tokens.size // kind.rows) * kind.rows,
        "initializer_range": SPREAD,
    }
    settings |= _special_ids(kind, tokens) | kind.settings | (kind.of_tokens(tokens) if kind.of_tokens else {})
    make: Any = getattr(transformers, kind.config)
    if kind.vision is None:
        return make(**settings)
    inner: Any = getattr(transformers, kind.text_config)
    return make(text_config=inner(**settings).to_dict(), vision_config=kind.vision)


def write_own_code(kind: OwnCode, folder: Path) -> None:
    """Write only the configuration of an architecture that brings its own code; nothing can run it here."""
    folder.mkdir(parents=True)
    name = f"modeling_{kind.model_type}.{kind.architecture}"
    config = {
        "architectures": [kind.architecture],
        "model_type": kind.model_type,
        "auto_map": {"AutoModelForCausalLM": name, "AutoConfig": f"modeling_{kind.model_type}.Config"},
    }
    (folder / "config.json").write_text(json.dumps(config))


def _special_ids(kind: Kind, tokens: Tokens) -> dict[str, Any]:
    return {f"{name}_token_id": tokens.ids.get(getattr(kind.words, name)) for name in ("bos", "eos", "pad")}


def _model_class(config: Any) -> str:
    """The name of the library's class of the architecture."""
    from transformers.models.auto import modeling_auto

    images: Any = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    texts: Any = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING
    return str((images if hasattr(config, "vision_config") else texts)[type(config)].__name__)


def _write_model(config: Any, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    torch.manual_seed(0)
    automatic: Any = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    model: Any = automatic.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1 and not tensor.any():
                tensor.normal_(0, SPREAD)  # what the library begins with zeros
            elif tensor.ndim == 1 and "norm" in name:
                tensor.add_(torch.randn_like(tensor) * 0.1)  # a norm of ones shows no wrong place
    model.save_pretrained(folder)
