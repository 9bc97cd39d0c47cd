"""Checkpoints that are quantized already (GPTQ, AWQ, bitsandbytes and others), for which transformers needs further packages.

Which ones is known here, so that a machine without them hears a name before gigabytes are read.
"""

import importlib.metadata
import json
from pathlib import Path

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


def method(folder: Path) -> str:
    """How its weights are quantized, as its config names it; empty where they are not. Raises UserError for a damaged config."""
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("quantization_config")
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"{folder / 'config.json'}: cannot be read as a model's settings ({error})") from None
    if not isinstance(settings, dict) or not settings:
        return ""
    by_bits = settings.get("load_in_4bit") or settings.get("load_in_8bit")
    return str(settings.get("quant_method") or ("bitsandbytes" if by_bits else "a method that is not named"))


def versions(folder: Path, name: str = "") -> list[str]:
    """What dequantizes it, such as `bitsandbytes 0.50.2`: another version may compute other numbers.

    Only its config is read. Raises UserError naming the packages that are missing, and the model by `name` or else by its folder.
    """
    known = method(folder)
    found, missing = [], []
    for package in _PACKAGES.get(known, ()):
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise UserError(
            f"{name or folder}: its weights are quantized by {known}, which needs {' and '.join(missing)}: "
            f"pip install {' '.join(missing)}"
        )
    return found
