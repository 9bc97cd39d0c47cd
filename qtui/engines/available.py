"""Which engines this machine has, in what versions and with what accelerator, without loading any of them here.

Versions come from package metadata and devices from the system's own listings: milliseconds, and nothing heavy enters the process.
"""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from qtui import child_process
from qtui.errors import UserError
from qtui.records import EngineName

INSTALL = 'pip install "qtui[engines]"'

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

_ASK_TORCH = """
import json, torch
names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
print(json.dumps([[device.name, device.total_memory] for device in names]))
"""


@dataclass(frozen=True, slots=True)
class Gpu:
    name: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class EngineState:
    """`missing` names what is not installed; empty means the engine can run."""

    engine: EngineName
    versions: dict[str, str]
    missing: tuple[str, ...] = ()
    accelerator: str = "cpu"
    gpus: tuple[Gpu, ...] = field(default=())

    @property
    def installed(self) -> bool:
        return not self.missing

    @property
    def remedy(self) -> str:
        return "" if self.installed else INSTALL


def engines(*, ask_gpus: bool = True) -> list[EngineState]:
    """The state of every engine. `ask_gpus` starts a process that loads torch (seconds) where there may be a GPU."""
    return [_state(engine, ask_gpus) for engine in PACKAGES]


def version_of(engine: EngineName) -> str:
    """e.g. `transformers 5.23.0, torch 2.13.0+cpu`. Raises UserError naming the command that installs what is missing."""
    versions = _versions(PACKAGES[engine])
    missing = [name for name in PACKAGES[engine] if name not in versions]
    if missing:
        raise UserError(f"the engine {engine} needs {', '.join(missing)}, which is not installed: {INSTALL}")
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def accelerator(engine: EngineName) -> str:
    """`cuda`, `metal` or `cpu`: what the installed build of an engine computes on. Rounding differs between them."""
    if engine == "llama.cpp":
        return _llama_accelerator()
    if engine == "transformers":
        return "cuda" if _torch_is_for_cuda() and _has_nvidia() else "cpu"
    return "cpu"


def _state(engine: EngineName, ask_gpus: bool) -> EngineState:
    versions = _versions((*PACKAGES[engine], *_OPTIONAL[engine]))
    missing = tuple(name for name in PACKAGES[engine] if name not in versions)
    found = "cpu" if missing else accelerator(engine)
    ask = ask_gpus and engine == "transformers" and found == "cuda"
    return EngineState(engine, versions, missing, found, _gpus_by_torch() if ask else ())


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _llama_accelerator() -> str:
    """By the backends that lie beside the library; finding a top-level package does not run it."""
    spec = importlib.util.find_spec("llama_cpp")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    names = " ".join(file.name for folder in folders for file in (Path(folder) / "lib").glob("*ggml*"))
    if "ggml-metal" in names and sys.platform == "darwin":
        return "metal"
    return "cuda" if "ggml-cuda" in names and _has_nvidia() else "cpu"


def _torch_is_for_cuda() -> bool:
    version = _versions(("torch",)).get("torch", "")
    return not version.endswith("+cpu") and sys.platform != "darwin"


def _has_nvidia() -> bool:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    return not hidden and any(Path(device).exists() for device in ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg"))


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
