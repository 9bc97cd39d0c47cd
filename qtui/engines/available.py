"""Which engines this machine has, in what versions and with what accelerator, without loading any of them here.

Versions come from package metadata and devices from the system's own listings: milliseconds, and nothing heavy enters
the process.
"""

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from qtui import child_process
from qtui.engines.device import gpus
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

_BUILD_FOR = {"nvidia": "CUDA", "amd": "ROCm", "apple": "Metal"}

_ASK_TORCH = """
import json, torch
names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available()
else [] print(json.dumps([[device.name, device.total_memory] for device in names]))
"""


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class EngineState:
    """`missing` names what is not installed; empty means the engine can run. `idle_gpu` as the function of that
    name."""

    engine: EngineName
    versions: dict[str, str]
    missing: tuple[str, ...] = ()
    accelerator: str = "cpu"
    gpus: tuple[Gpu, ...] = field(default=())
    idle_gpu: str = ""

    @property
    def installed(self) -> bool:
        return not self.missing

    @property
    def remedy(self) -> str:
        return "" if self.installed else INSTALL_LLAMA_CPP if self.engine == "llama.cpp" else INSTALL


def engines(*, ask_gpus: bool = True) -> list[EngineState]:
    """The state of every engine. `ask_gpus` starts a process that loads torch (seconds) where there may be a GPU."""
    return [_state(engine, ask_gpus) for engine in PACKAGES]


def version_of(engine: EngineName) -> str:
    """e.g. `transformers 5.23.0, torch 2.13.0+cpu`. Raises UserError naming the command that installs what is
    missing."""
    versions = _versions(PACKAGES[engine])
    missing = [name for name in PACKAGES[engine] if name not in versions]
    if missing:
        remedy = INSTALL_LLAMA_CPP if engine == "llama.cpp" else INSTALL
        raise UserError(f"the engine {engine} needs {', '.join(missing)}, which is not installed: {remedy}")
    return ", ".join(f"{name} {version}" for name, version in versions.items())


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
    usable = [gpu for gpu in gpus.gpus(asks_tools=False) if not gpu.is_hidden and gpu.vendor in _BUILD_FOR]
    if not usable:
        return ""
    wanted = _BUILD_FOR[usable[0].vendor]
    if engine == "llama.cpp":
        card = usable[0].name
        return (
            f"llama.cpp is built without {wanted}: `make engines` builds it for {card} (without make: `qtui engines`)"
        )
    version = _versions(("torch",)).get("torch", "")
    return (
        f"torch {version} is built without {wanted}: install the build of torch for {usable[0].name} (see pytorch.org)"
    )


def _state(engine: EngineName, ask_gpus: bool) -> EngineState:
    versions = _versions((*PACKAGES[engine], *_OPTIONAL[engine]))
    missing = tuple(name for name in PACKAGES[engine] if name not in versions)
    found = "cpu" if missing else accelerator(engine)
    ask = ask_gpus and engine == "transformers" and found in ("cuda", "rocm")
    return EngineState(
        engine, versions, missing, found, _gpus_by_torch() if ask else (), "" if missing else idle_gpu(engine)
    )


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _llama_accelerator() -> str:
    """By the back ends that lie beside the library; finding a top-level package does not run it."""
    spec = importlib.util.find_spec("llama_cpp")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    names = " ".join(file.name for folder in folders for file in (Path(folder) / "lib").glob("*ggml*"))
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
    spec = importlib.util.find_spec("torch")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        try:
            text = (Path(folder) / "version.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        return dict(re.findall(r"^(cuda|hip)\b[^=\n]*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE))
    return {}


def _vendors() -> set[str]:
    return {gpu.vendor for gpu in gpus.gpus(asks_tools=False) if not gpu.is_hidden}


def _gpus_by_torch() -> tuple[Gpu, ...]:
    """Asked in a process of its own: torch is large, and initialising CUDA is not undone."""
    try:
        asked = subprocess.run(
            child_process.code_command(_ASK_TORCH),
            env=child_process.environment(),
            capture_output=True,
            timeout=60,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        return tuple(Gpu(name, memory) for name, memory in json.loads(asked.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
