"""Which engines this machine has, in what versions and with what accelerator, without loading any of them here.

Versions come from package metadata and devices from the system's own listings: milliseconds, and nothing heavy enters
the process.
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
"""What an engine is made of, by the names of distributions; their versions are part of every answer's key."""

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
"""What an engine must be built with for the GPUs of a maker, as far as qtui uses them."""
_LEAST_GPU_BYTES = 4 << 30
"""A GPU with less memory (the graphics of a laptop's processor) holds no model that is worth a run."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """`missing` names what is not installed; empty means the engine can run. `idle_gpu` as the function of that
    name."""

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
    """The state of every engine."""
    return [_state(engine) for engine in PACKAGES]


def version_of(engine: EngineName) -> str:
    """e.g. `transformers 5.23.0, torch 2.13.0+cpu`. Raises UserError naming the command that installs what is
    missing."""
    installed = versions(PACKAGES[engine])
    missing = [name for name in PACKAGES[engine] if name not in installed]
    if missing:
        remedy = INSTALL_LLAMA_CPP if engine == "llama.cpp" else INSTALL
        raise UserError(f"the engine {engine} needs {', '.join(missing)}, which is not installed: {remedy}")
    return ", ".join(f"{name} {version}" for name, version in installed.items())


def accelerator(engine: EngineName) -> str:
    """What the installed build of an engine computes on here: `cuda`, `rocm`, `vulkan`, `metal` or `cpu`.

    Rounding differs between them, so it is part of an answer's key.
    """
    if engine == "llama.cpp":
        return _llama_accelerator()
    return _torch_accelerator() if engine == "transformers" else "cpu"


def idle_gpu(engine: EngineName) -> str:
    """What keeps a GPU of this machine from being used by an engine, with what to do; empty where none stands idle."""
    if engine == "openai" or accelerator(engine) != "cpu":
        return ""
    usable = [gpu for gpu in gpus.gpus(asks_tools=False) if _holds_models(gpu) and gpu.vendor in _BUILD_FOR[engine]]
    if not usable:
        return ""
    wanted = _BUILD_FOR[engine][usable[0].vendor]
    if engine == "llama.cpp":
        card = usable[0].name
        return (
            f"llama.cpp is built without {wanted}: `make engines` builds it for {card} (without make: `qtui engines`)"
        )
    version = versions(("torch",)).get("torch", "")
    return (
        f"torch {version} is built without {wanted}: install the build of torch for {usable[0].name} (see pytorch.org)"
    )


def _holds_models(gpu: gpus.Gpu) -> bool:
    return not gpu.is_hidden and (gpu.memory_bytes is None or gpu.memory_bytes >= _LEAST_GPU_BYTES)


def _state(engine: EngineName) -> EngineState:
    installed = versions((*PACKAGES[engine], *_OPTIONAL[engine]))
    missing = tuple(name for name in PACKAGES[engine] if name not in installed)
    if missing:
        return EngineState(engine, installed, missing)
    return EngineState(engine, installed, missing, accelerator(engine), idle_gpu(engine))


def versions(names: tuple[str, ...]) -> dict[str, str]:
    """The installed versions of these distributions, without those that are not installed."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _llama_accelerator() -> str:
    """By the back ends that lie beside the library; finding a top-level package does not run it."""
    names = " ".join(file.name for folder in package_folders("llama_cpp") for file in (folder / "lib").glob("*ggml*"))
    if "ggml-metal" in names and sys.platform == "darwin":
        return "metal"
    vendors = _vendors()
    for backend, name, wants in (("ggml-cuda", "cuda", {"nvidia"}), ("ggml-hip", "rocm", {"amd"})):
        if backend in names and vendors & wants:
            return name
    return "vulkan" if "ggml-vulkan" in names and vendors else "cpu"


def _torch_accelerator() -> str:
    """By what the package says of its build, in a file that is read and not run."""
    build = _torch_build()
    vendors = _vendors()
    if build.get("cuda") and "nvidia" in vendors:
        return "cuda"
    return "rocm" if build.get("hip") and "amd" in vendors else "cpu"


def _torch_build() -> dict[str, str]:
    """`cuda` and `hip`: the versions that torch was built for; absent where it was built for none."""
    for folder in package_folders("torch"):
        try:
            text = (folder / "version.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return dict(re.findall(r"^(cuda|hip)\b[^=\n]*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE))
    return {}


def package_folders(name: str) -> list[Path]:
    """Where a package lies, none if it is not installed. It is not imported."""
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        return []
    return [Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ()]


def _vendors() -> set[str]:
    return {gpu.vendor for gpu in gpus.gpus(asks_tools=False) if not gpu.is_hidden}


def untested(engine: EngineName) -> Compute:
    """What the installed build would do, for callers that have no run: no product was tried."""
    return Compute(accelerator(engine))
