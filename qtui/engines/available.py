"""Which engines are installed, in what versions and with what accelerator, without loading any of them.

Versions come from package metadata and devices from the system's listings. This takes milliseconds and imports nothing heavy.
"""

import importlib.metadata
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from qtui.device import gpus
from qtui.engines.device_choice import Compute
from qtui.errors import UserError
from qtui.records import EngineName

INSTALL = 'pip install "qtui[engines]"'
INSTALL_LLAMA_CPP = "qtui engines"

PACKAGES: dict[EngineName, tuple[str, ...]] = {
    "transformers": ("transformers", "torch"),
    "llama.cpp": ("llama-cpp-python",),
    "openai": ("openai",),
}
"""The distributions that an engine consists of. Their versions are part of every answer's key."""

_OPTIONAL: dict[EngineName, tuple[str, ...]] = {
    "transformers": ("accelerate", "sentencepiece", "protobuf", "huggingface_hub"),
    "llama.cpp": ("gguf", "huggingface_hub"),
    "openai": (),
}

_BUILD_FOR: dict[EngineName, dict[str, str]] = {
    "llama.cpp": {"nvidia": "CUDA", "amd": "ROCm", "apple": "Metal"},
    "transformers": {"nvidia": "CUDA", "amd": "ROCm"},
    "openai": {},
}
"""What an engine must be built with for the GPUs of a vendor, as far as qtui uses them."""

_LEAST_GPU_BYTES = 4 << 30
"""A GPU with less memory (a laptop's integrated graphics) is too small for a useful model."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine's installed versions by distribution. `missing` names required ones; if empty, the engine can run.

    `accelerator` and `idle_gpu`: see the functions of these names.
    """

    engine: EngineName
    versions: dict[str, str]
    missing: tuple[str, ...] = ()
    accelerator: str = "cpu"
    idle_gpu: str = ""

    @property
    def installed(self) -> bool:
        return not self.missing

    @property
    def remedy(self) -> str:
        return "" if self.installed else INSTALL_LLAMA_CPP if self.engine == "llama.cpp" else INSTALL


def engines() -> list[EngineState]:
    """Return the state of every engine."""
    return [_state(engine) for engine in PACKAGES]


def version_of(engine: EngineName) -> str:
    """Return an engine's version, for example `transformers 5.23.0, torch 2.13.0+cpu`.

    Raises UserError with the command that installs what is missing.
    """
    installed = versions(PACKAGES[engine])
    missing = [name for name in PACKAGES[engine] if name not in installed]
    if missing:
        remedy = INSTALL_LLAMA_CPP if engine == "llama.cpp" else INSTALL
        raise UserError(f"the engine {engine} needs {', '.join(missing)}, which is not installed: {remedy}")
    return ", ".join(f"{name} {version}" for name, version in installed.items())


def accelerator(engine: EngineName) -> str:
    """Return what the installed build of an engine computes on: `cuda`, `rocm`, `vulkan`, `metal` or `cpu`.

    Rounding differs between accelerators, so this is part of an answer's key.
    """
    if engine == "llama.cpp":
        return _llama_accelerator()
    return _torch_accelerator() if engine == "transformers" else "cpu"


def idle_gpu(engine: EngineName) -> str:
    """Return why an engine does not use a GPU of this machine, and the remedy; empty if no usable GPU is idle."""
    if engine == "openai" or accelerator(engine) != "cpu":
        return ""
    usable = [gpu for gpu in gpus.gpus(asks_tools=False) if _holds_models(gpu) and gpu.vendor in _BUILD_FOR[engine]]
    if not usable:
        return ""
    platform = _BUILD_FOR[engine][usable[0].vendor]
    if engine == "llama.cpp":
        card = usable[0].name
        return (
            f"llama.cpp is built without {platform}: `make engines` builds it for {card} (without make: `qtui engines`)"
        )
    version = versions(("torch",)).get("torch", "")
    return f"torch {version} is built without {platform}: install the build of torch for {usable[0].name} (see pytorch.org)"


def _holds_models(gpu: gpus.Gpu) -> bool:
    return not gpu.is_hidden and (gpu.memory_bytes is None or gpu.memory_bytes >= _LEAST_GPU_BYTES)


def _state(engine: EngineName) -> EngineState:
    installed = versions((*PACKAGES[engine], *_OPTIONAL[engine]))
    missing = tuple(name for name in PACKAGES[engine] if name not in installed)
    if missing:
        return EngineState(engine, installed, missing)
    return EngineState(engine, installed, missing, accelerator(engine), idle_gpu(engine))


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those of these distributions that are installed."""
    installed = {}
    for name in names:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def _llama_accelerator() -> str:
    """By the back-end files beside the library. Locating a top-level package does not import it."""
    names = " ".join(file.name for folder in package_folders("llama_cpp") for file in (folder / "lib").glob("*ggml*"))
    if "ggml-metal" in names and sys.platform == "darwin":
        return "metal"
    vendors = _vendors()
    for library, name, makers in (("ggml-cuda", "cuda", {"nvidia"}), ("ggml-hip", "rocm", {"amd"})):
        if library in names and vendors & makers:
            return name
    return "vulkan" if "ggml-vulkan" in names and vendors else "cpu"


def _torch_accelerator() -> str:
    """By the package's version file, which is read and not imported."""
    build = _torch_build()
    vendors = _vendors()
    if build.get("cuda") and "nvidia" in vendors:
        return "cuda"
    return "rocm" if build.get("hip") and "amd" in vendors else "cpu"


def _torch_build() -> dict[str, str]:
    """The versions of `cuda` and `hip` that torch was built for; absent if it was built without."""
    for folder in package_folders("torch"):
        try:
            text = (folder / "version.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return dict(re.findall(r"^(cuda|hip)\b[^=\n]*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE))
    return {}


def package_folders(name: str) -> list[Path]:
    """Return the folders of a package, none if it is not installed. The package is not imported."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        return []
    return [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]


def _vendors() -> set[str]:
    return {gpu.vendor for gpu in gpus.gpus(asks_tools=False) if not gpu.is_hidden}


def untested(engine: EngineName) -> Compute:
    """Return the installed build's default choice, without a self test."""
    return Compute(accelerator(engine))
