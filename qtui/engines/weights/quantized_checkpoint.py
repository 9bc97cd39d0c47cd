"""Quantized checkpoints (GPTQ, AWQ, bitsandbytes and others), for which transformers needs additional packages.

The packages are listed here, so that missing ones are reported before gigabytes are read.
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
"""The distributions that transformers 5 needs, by the `quant_method` of a config."""


def method(config: dict[str, Any]) -> str:
    """Return a checkpoint's quantization method, as named in its config.json; empty if it is not quantized."""
    settings = config.get("quantization_config")
    if not isinstance(settings, dict) or not settings:
        return ""
    by_bits = settings.get("load_in_4bit") or settings.get("load_in_8bit")
    return str(settings.get("quant_method") or ("bitsandbytes" if by_bits else "an unnamed method"))


def versions(method: str, name: str) -> list[str]:
    """Return the versions of the packages for this method, such as `bitsandbytes 0.50.2`: results may depend on them.

    `name` is the model's, for errors. Raises UserError with the missing packages.
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
