"""Whether a checkpoint's config.json describes the tensors that its files have, as far as names, shapes and sizes show.

transformers leaves out the layers that a config does not count, with a warning, and makes random ones where a config counts more; a
config with 100,000 layers, or with rows of a billion numbers, keeps it busy for hours and takes memory without end. All this is
known before anything is built.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor
from qtui.errors import UserError, shortened

_LAYER = re.compile(r"^(?:model\.|language_model\.model\.|model\.language_model\.)?layers\.(\d+)\.")
_PREDICTORS = re.compile("nextn|mtp|eagle|medusa", re.IGNORECASE)
"""Keys of models with further layers, which guess tokens ahead and are not used here."""
_LAYERS = re.compile(r"(?:^|_)(?:n_)?(?:layers?|num_layers|blocks?|depth)$")
_SIZE = re.compile(
    r"(?:^|_)(?:size|dim|heads?|experts?|embd?|inner|rank|d_model|d_ff|d_kv|hidden|channels|groups|state|conv|kernel|width|filters)$"
    r"|^n_(?:embd|head|inner|positions|ctx)$|^max_position_embeddings$"
)
"""Keys of sizes. A model of such a size has at least as many weights; those of images and of the context may be larger."""
_OTHERS = re.compile(
    r"image|video|audio|patch|window|chunk|position|n_ctx|token_id|grid|spatial|temporal|group_size|block_size"
)
MOST_CONTEXT = 2**31 - 1
MOST_LAYERS = 2000
"""Layers of a model whose tensors are not known by name, such as a .bin file's. The deepest models have 130."""
HARMLESS = 2**20
"""A size up to this one is left to the library, which compares it with the tensors before it takes memory."""
DEEPEST = 16


def check(file: Path, config: Mapping[str, Any], tensors: Collection[StoredTensor], bits: int | None) -> None:
    """Raise UserError, with `file` (the config.json) and the key, if a number cannot be that of the weight files.

    `bits` is the size of the weight files; None if they are not here. A model with code of its own may count layers otherwise.
    """
    if "auto_map" not in config:
        _check_layers(file, config, tensors)
    for key, value in _numbers(config):
        _check_number(file, key, value, tensors, bits)


def _check_layers(file: Path, config: Mapping[str, Any], tensors: Collection[StoredTensor]) -> None:
    inner = config.get("text_config")
    settings = {**config, **inner} if isinstance(inner, dict) else config
    stored = max((int(layer[1]) + 1 for layer in (_LAYER.match(tensor.name) for tensor in tensors) if layer), default=0)
    said = settings.get("num_hidden_layers")
    if not stored or not isinstance(said, int):
        return
    has_predictors = any(_PREDICTORS.search(key) and value for key, value in settings.items())
    if said > stored or (said < stored and not has_predictors):
        raise UserError(
            f'{file}: "num_hidden_layers" is {said:,}, but the weight files have {stored:,} layers; take config.json and '
            "weights from the same model"
        )


def _numbers(config: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of every number of a config and of the configs inside it; of a list each of its numbers."""
    for key, value in config.items():
        if isinstance(value, Mapping) and depth < DEEPEST and not key.endswith(("2id", "id2label", "_map")):
            yield from _numbers(value, depth + 1)
        for each in value if isinstance(value, list) else (value,):
            if isinstance(each, int | float) and not isinstance(each, bool):
                yield key, each


def _check_number(file: Path, key: str, value: float, tensors: Collection[StoredTensor], bits: int | None) -> None:
    if _LAYERS.search(key):
        _check_bounds(
            file, key, value, len(tensors) or MOST_LAYERS, "at most {:,} layers are possible with these weights"
        )
    elif key in ("max_position_embeddings", "n_positions", "n_ctx"):
        _check_bounds(file, key, value, MOST_CONTEXT, "more than {:,} tokens are not possible")
    elif _SIZE.search(key) and not _OTHERS.search(key) and bits is not None:
        _check_bounds(file, key, value, max(bits, HARMLESS), "the weight files have {:,} bits")


def _check_bounds(file: Path, key: str, value: float, most: int, why: str) -> None:
    # Numbers below 0 stand for a default or count from the end (`vision_feature_layer`: -2): only absurd ones are refused.
    if not -most <= value <= most:
        raise UserError(
            f'{file}: "{shortened(key, 60)}" is {shortened(repr(value), 60)}, but {why.format(most)}; take config.json and weights '
            "from the same model"
        )
