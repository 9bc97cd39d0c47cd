"""Quantized checkpoints (GPTQ, AWQ, FP8, bitsandbytes and others): what runs them, and what is refused before gigabytes are read.

transformers needs additional packages or a GPU for most methods, skips a method that it does not know with a warning, and knows
none that config.json does not name. In the last two cases it would compute with stored numbers that are not the weights.
"""

import ast
import importlib.metadata
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any

from qtui.device import gpus
from qtui.engines.weights import library_source
from qtui.engines.weights.checkpoint.stored_format import StoredFormat
from qtui.errors import UserError

_PACKAGES = {
    "aqlm": ("aqlm", "accelerate"),
    "auto-round": ("auto-round",),
    "awq": ("gptqmodel", "accelerate"),
    "bitsandbytes": ("bitsandbytes", "accelerate"),
    "compressed-tensors": ("compressed-tensors",),
    "eetq": ("kernels", "accelerate"),
    "fbgemm_fp8": ("fbgemm-gpu", "accelerate"),
    "fouroversix": ("fouroversix",),
    "fp_quant": ("fp_quant",),
    "gptq": ("gptqmodel", "optimum"),
    "higgs": ("flute-kernel", "fast_hadamard_transform", "accelerate"),
    "hqq": ("hqq",),
    "quanto": ("optimum-quanto", "accelerate"),
    "quark": ("amd-quark",),
    "sinq": ("sinq",),
    "spqr": ("spqr_quant", "accelerate"),
    "torchao": ("torchao",),
    "vptq": ("vptq", "accelerate"),
}
"""The distributions that transformers 5 needs, by the `quant_method` of a config. Their versions are part of an answer's key."""

_LOADED_WITH = {"bitnet": ("accelerate",), "fp8": ("accelerate",), "mxfp4": ("accelerate",), "mxfp8": ("accelerate",)}
"""Distributions that only load the weights, so that their versions are not part of a key."""

_NEEDS_GPU = {
    "eetq": "an NVIDIA GPU",
    "fbgemm_fp8": "an NVIDIA GPU of compute capability 9.0 (H100)",
    "fp_quant": "an NVIDIA Blackwell GPU",
    "higgs": "an NVIDIA GPU",
    "nvfp4": "an NVIDIA Blackwell GPU, and transformers only quantizes to it and loads no such checkpoint",
    "spqr": "an NVIDIA GPU",
    "vptq": "an NVIDIA GPU",
}
"""The card without which transformers refuses a checkpoint of this method."""

_SERVER = "run it on a server that reads it (vLLM, SGLang or TensorRT-LLM) as an endpoint, or use the original weights"
_OTHER_CONFIGS = {
    "hf_quant_config.json": "ModelOpt",
    "quantize_config.json": "GPTQ",
    "quant_config.json": "AWQ",
    "quantization_config.json": "an exporter",
}
"""Files in which other programs note the quantization, which transformers does not read."""


def method(config: dict[str, Any]) -> str:
    """Return a checkpoint's quantization method, as named in its config.json; empty if it names none."""
    inner = config.get("text_config")
    places = (config, inner if isinstance(inner, dict) else {})
    settings: Any = next((place["quantization_config"] for place in places if place.get("quantization_config")), None)
    if not isinstance(settings, dict) or not settings:
        return ""
    by_bits = settings.get("load_in_4bit") or settings.get("load_in_8bit")
    return str(settings.get("quant_method") or ("bitsandbytes" if by_bits else "an unnamed method"))


def versions(method: str, name: str) -> list[str]:
    """Return the versions of the packages for this method, such as `bitsandbytes 0.50.2`: results may depend on them.

    `name` is the model's, for errors. Raises UserError with the missing packages.
    """
    installed, missing = [], []
    for package in (*_PACKAGES.get(method, ()), *_LOADED_WITH.get(method, ())):
        try:
            installed.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        raise UserError(
            f"{name}: its weights are quantized by {method}, which needs {' and '.join(missing)}: "
            f"pip install {' '.join(missing)}"
        )
    return installed if method in _PACKAGES else []


def check_method(method: str, name: str, accelerator: str) -> None:
    """Raise UserError if the installed transformers cannot run checkpoints of this method on this device.

    `accelerator` as in `available.accelerator`. An unknown method is one that the library would skip, and load the stored numbers.
    """
    known = library_methods()
    if method and known and method not in known:
        raise UserError(
            f"{name}: its weights are quantized by {method}, which the installed transformers does not know "
            f"(it would take the stored numbers for the weights); {_SERVER}"
        )
    if method == "nvfp4" or (method in _NEEDS_GPU and accelerator == "cpu"):
        raise UserError(f"{name}: its weights are quantized by {method}, which needs {_NEEDS_GPU[method]}; {_SERVER}")
    versions(method, name)


def check_declared(
    folder: Path, config: dict[str, Any], stored: StoredFormat | None, name: str, *, knows_tensors: bool
) -> None:
    """Raise UserError if files show a quantization that config.json does not name: its numbers would be taken for the weights.

    `knows_tensors`: whether `stored` is found in the tensors; else only files beside the weights can show it.
    """
    if method(config):
        return
    other = next((file for file in _OTHER_CONFIGS if (folder / file).is_file()), "")
    if stored is None and (knows_tensors or not other):
        return
    shown = (
        f"stored as {stored.name} ({stored.evidence})" if stored else f"quantized by {_OTHER_CONFIGS[other]} ({other})"
    )
    beside = f", only {other} does," if other and stored else ""
    needs = f"It needs {stored.needs}. " if stored else ""
    raise UserError(
        f"{name}: its weights are {shown}, but config.json has no quantization_config{beside} and without it the stored numbers "
        f"would be taken for the weights. {needs}Use a checkpoint whose config.json names it, or: {_SERVER}"
    )


def computed_as(method: str, accelerator: str) -> str:
    """Return `dequantized` if transformers computes this method's checkpoints with dequantized weights here; else empty.

    It does so where kernels for the stored numbers are missing. Loading compares this forecast with what the library did.
    """
    return "dequantized" if _is_dequantized(method, accelerator) else ""


def _is_dequantized(method: str, accelerator: str) -> bool:
    if method == "mxfp4":
        has_kernels = _is_installed("triton", (3, 4)) and _is_installed("kernels", (0,))
        return not (accelerator == "cuda" and has_kernels and _compute_capability() >= (7, 5))
    if method in ("fp8", "mxfp8"):
        return not (accelerator in ("cuda", "rocm") and _compute_capability() >= (8, 9))
    return method == "metal"


@lru_cache(maxsize=1)
def _compute_capability() -> tuple[int, ...]:
    """The compute capability of the first visible NVIDIA GPU; the highest imaginable where it is not known."""
    known = [gpu.compute_capability for gpu in gpus.gpus() if gpu.vendor == "nvidia" and not gpu.is_hidden]
    first = next((each for each in known if each), "99.0")
    return tuple(int(part) for part in first.split("."))


def may_be_dequantized(method: str) -> bool:
    """Return whether transformers dequantizes checkpoints of this method where it cannot compute them as stored."""
    return method in ("mxfp4", "fp8", "mxfp8", "metal")


def why_dequantized(method: str, accelerator: str) -> str:
    """Return why weights are dequantized, as words, and what would change it."""
    if method == "metal":
        return "only Apple's GPUs compute it"
    if accelerator == "cpu":
        return "a CPU has no kernels for it"
    if method == "mxfp4":
        return "it needs triton 3.4, kernels and compute capability 7.5: pip install triton kernels"
    return "it needs a GPU of compute capability 8.9"


@lru_cache(maxsize=1)
def library_methods() -> frozenset[str]:
    """Return the methods that the installed transformers loads; empty if that cannot be read.

    They are read from its source, because importing the library takes seconds.
    """
    try:
        spec = importlib.util.find_spec("transformers")
    except (ImportError, ValueError):
        return frozenset()
    for folder in (spec.submodule_search_locations if spec else None) or ():
        value = library_source.assigned_value(
            Path(folder) / "quantizers" / "auto.py", "AUTO_QUANTIZATION_CONFIG_MAPPING"
        )
        keys = value.keys if isinstance(value, ast.Dict) else []
        names = {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
        # bitsandbytes has two names there, one per number of bits.
        return frozenset(names | ({"bitsandbytes"} if names else set()))
    return frozenset()


def _is_installed(package: str, least: tuple[int, ...]) -> bool:
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    numbers = tuple(int(part) for part in version.split("+")[0].split(".")[: len(least)] if part.isdigit())
    return numbers >= least
