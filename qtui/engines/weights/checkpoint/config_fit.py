"""Whether a checkpoint's config.json describes the tensors that its files have, as far as names and shapes show.

transformers leaves out the layers that a config does not count, with a warning, and makes random ones where a config counts more; a
config with 100,000 layers keeps it busy for hours. All this is known before anything is loaded.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor
from qtui.errors import UserError

_LAYER = re.compile(r"^(?:model\.|language_model\.model\.|model\.language_model\.)?layers\.(\d+)\.")
_PREDICTORS = re.compile("nextn|mtp|eagle|medusa", re.IGNORECASE)
"""Keys of models with further layers, which guess tokens ahead and are not used here."""


def check(file: Path, config: dict[str, Any], tensors: Iterable[StoredTensor]) -> None:
    """Raise UserError, with `file` (the config.json) and the key, if the number of layers is not that of the weight files.

    A model with code of its own may count otherwise and is not checked.
    """
    if "auto_map" in config:
        return
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
