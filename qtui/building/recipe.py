"""The flags, targets and GPU back end with which llama.cpp is built for this machine.

The build of llama-cpp-python takes them as CMake definitions, so the same values work for `make`, `qtui engines` and a
pip command typed by hand (`pip_command`).
"""

import hashlib
import json
import platform
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from qtui.building import advice, toolchain
from qtui.engines.device import gpus
from qtui.errors import UserError
from qtui.processes import child_process

DISTRIBUTION = "llama-cpp-python"
VERSION = "0.3.36"
"""The release that qtui is tested with; the same as in constraints.txt."""

Backend = Literal["cpu", "cuda", "rocm", "vulkan", "metal"]
BACKENDS: tuple[Backend, ...] = get_args(Backend)

CMAKE_FILE = Path(__file__).with_name("llama_cpp.cmake")

_BACKEND_DEFINITIONS: dict[Backend, dict[str, str]] = {
    "cpu": {},
    "cuda": {"GGML_CUDA": "ON", "CMAKE_CUDA_ARCHITECTURES": "native"},
    "rocm": {"GGML_HIP": "ON"},
    "vulkan": {"GGML_VULKAN": "ON"},
    "metal": {"GGML_METAL": "ON", "GGML_METAL_EMBED_LIBRARY": "ON"},
}
_LEFT_OUT = ("include/**", "lib/**", "llama_cpp/lib/libggml-*.so", "llama_cpp/lib/lib*.so.*.*")
"""Headers, which would go into the environment's folders, and copies of libraries: wheels cannot contain links."""
_GIGABYTES_PER_JOB: dict[Backend, float] = {"cpu": 1.0, "cuda": 2.5, "rocm": 2.5, "vulkan": 1.5, "metal": 1.0}
"""Largest memory use of one compiler; ggml's CUDA kernels need the most."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that determines the built library. Equal recipes give the same library. Field names are part of `fingerprint`."""

    backend: Backend
    version: str
    definitions: tuple[tuple[str, str], ...]
    cmake_file: str
    """Hash of the included CMake file, which has the compiler flags."""
    compilers: tuple[str, ...]
    processor: str
    """Empty for a portable build, which uses no instructions beyond a common baseline."""
    gpus: tuple[str, ...]
    platform: str
    left_out: tuple[str, ...] = _LEFT_OUT

    @property
    def fingerprint(self) -> str:
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    @property
    def jobs(self) -> int:
        return toolchain.jobs(_GIGABYTES_PER_JOB[self.backend])

    def record(self) -> str:
        """JSON that is installed beside the library to identify its build."""
        return json.dumps(asdict(self) | {"fingerprint": self.fingerprint}, indent=1, sort_keys=True)

    def config_settings(self, record: Path | None = None) -> list[str]:
        """Arguments for pip."""
        settings = {f"cmake.define.{name}": value for name, value in self.definitions}
        settings["cmake.define.CMAKE_PROJECT_llama_cpp_INCLUDE"] = str(CMAKE_FILE)
        if record:
            settings["cmake.define.QTUI_BUILD_RECORD"] = str(record)
        settings["wheel.exclude"] = ";".join(_LEFT_OUT)
        return [word for name, value in settings.items() for word in ("--config-settings", f"{name}={value}")]


def for_machine(backend: Backend, *, portable: bool = False, version: str = VERSION) -> Recipe:
    """The recipe for a back end on this machine. Raises UserError with what to install if a compiler is missing."""
    cxx, c = toolchain.cxx_compiler(), toolchain.c_compiler()
    if cxx is None or c is None:
        raise UserError(advice.NO_COMPILER)
    compilers = [c.version, cxx.version]
    definitions = {"LLAVA_BUILD": "OFF", **_BACKEND_DEFINITIONS[backend]}
    if portable:
        definitions["GGML_NATIVE"] = "OFF"
    if backend == "cuda":
        nvcc = toolchain.cuda_compiler()
        if nvcc is None:
            raise UserError(advice.NO_NVCC)
        compilers.append(nvcc.version)
        libraries = toolchain.cuda_libraries(nvcc.path)
        if not libraries.has_cublas:
            raise UserError(advice.NO_CUBLAS)
        definitions |= {"CMAKE_CUDA_COMPILER": str(nvcc.path), **libraries.definitions}
    if backend == "rocm":
        hip = toolchain.hip_compiler()
        if hip is None:
            raise UserError(advice.NO_HIP)
        compilers.append(hip.version)
    if backend == "vulkan":
        glslc = toolchain.shader_compiler()
        if glslc is None:
            raise UserError(advice.NO_GLSLC)
        compilers.append(glslc.version)
    if backend == "metal" and sys.platform != "darwin":
        raise UserError("The metal back end is for Apple computers. Choose cpu, cuda, rocm or vulkan here.")
    return Recipe(
        backend=backend,
        version=version,
        definitions=tuple(sorted(definitions.items())),
        cmake_file=hashlib.sha256(CMAKE_FILE.read_bytes()).hexdigest()[:12],
        compilers=tuple(compilers),
        processor="" if portable else toolchain.processor(),
        gpus=tuple(sorted(gpu_names("nvidia"))) if backend == "cuda" else (),
        platform=f"{platform.system()} {platform.machine()} {platform.libc_ver()[1]}",
    )


@dataclass(frozen=True, slots=True)
class Choice:
    backend: Backend
    notice: str
    """Why a GPU of this machine is not used, and what to do; empty if there is nothing to say."""


def choose() -> Choice:
    """Choose the back end for this machine's GPU if its compiler is installed, else the CPU with the reason."""
    if sys.platform == "darwin":
        return Choice("metal", "")
    nvidia = gpu_names("nvidia")
    if nvidia:
        nvcc = toolchain.cuda_compiler()
        if nvcc and toolchain.cuda_libraries(nvcc.path).has_cublas:
            return Choice("cuda", "")
        missing = advice.NO_CUBLAS if nvcc else advice.NO_NVCC
        return Choice("cpu", f"This machine has a GPU ({nvidia[0]}), but llama.cpp is built for the CPU. {missing}")
    if gpu_names("amd"):
        if toolchain.hip_compiler():
            return Choice("rocm", "")
        return Choice("cpu", f"This machine has an AMD GPU, but llama.cpp is built for the CPU. {advice.NO_HIP}")
    return Choice("cpu", "")


def gpu_names(vendor: gpus.Vendor) -> list[str]:
    """This machine's GPUs of one vendor, hidden ones too: the build may be used later with other settings."""
    return [gpu.name for gpu in gpus.gpus() if gpu.vendor == vendor]


def needs_packages_first() -> bool:
    """Whether the CUDA toolkit lacks cuBLAS, which torch's packages then provide."""
    nvcc = toolchain.cuda_compiler() if gpu_names("nvidia") else None
    return nvcc is not None and not toolchain.cuda_libraries(nvcc.path).has_cublas


def pip_command(recipe: Recipe) -> str:
    """A line for a shell that builds the same with pip."""
    words = child_process.command("pip", "install", "--force-reinstall", "--no-deps", "--no-cache-dir")
    words += ["--no-binary", DISTRIBUTION, *recipe.config_settings(), f"{DISTRIBUTION}=={recipe.version}"]
    return shlex.join(words)
