"""Checkpoints that are quantized already (GPTQ, AWQ, bitsandbytes and others), for which transformers needs further packages.

Which ones is known here, so that a machine without them hears a name before gigabytes are read.
"""

import importlib.metadata
from typing import Any

from qtui.errors import UserError

_PACKAGES = {
    "aqlm": ("aqlm", "accelerate"),
    "auto-round": ("auto-round",),
    "awq": ("gptqmodel", "accelerate"),
    "bitsandbytes": ("bitsandbytes", "accelerate"),
    "compressed-tensors": ("compressed-tensors",),
    "eetq": ("kernels", "accelerate"),
    "gptq": ("gptqmodel", "optimum"),
    "hqq": ("hqq",),
    "quanto": ("optimum-quanto", "accelerate"),
    "torchao": ("torchao",),
    "vptq": ("vptq", "accelerate"),
}
"""By the `quant_method` of a config, the distributions that transformers 5 needs for it."""


def method(config: dict[str, Any]) -> str:
    """How a checkpoint's weights are quantized, as its config.json names it; empty where they are not."""
    settings = config.get("quantization_config")
    if not isinstance(settings, dict) or not settings:
        return ""
    by_bits = settings.get("load_in_4bit") or settings.get("load_in_8bit")
    return str(settings.get("quant_method") or ("bitsandbytes" if by_bits else "a method that is not named"))


def versions(method: str, name: str) -> list[str]:
    """What dequantizes weights of this method, such as `bitsandbytes 0.50.2`: another version may compute other numbers.

    Raises UserError naming the packages that are missing, and the model by `name`.
    """
    installed, missing = [], []
    for package in _PACKAGES.get(method, ()):
        try:
            installed.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise UserError(
            f"{name}: its weights are quantized by {method}, which needs {' and '.join(missing)}: "
            f"pip install {' '.join(missing)}"
        )
    return installed
