"""The compilers and GPU libraries of this machine. Used before qtui's dependencies are installed."""

import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qtui import paths
from qtui.files import private_files

CUDA_FOLDERS = ("/usr/local/cuda", "/usr/lib/cuda", "/opt/cuda")
ROCM_FOLDERS = ("/opt/rocm",)
VERSION_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Compiler:
    path: Path
    version: str
    """The line of its `--version` output that has the version."""


def cxx_compiler() -> Compiler | None:
    """The C++ compiler that CMake would use: `$CXX`, else the first of the usual names on the path."""
    return _first_working([os.environ.get("CXX", ""), "c++", "g++", "clang++"])


def c_compiler() -> Compiler | None:
    return _first_working([os.environ.get("CC", ""), "cc", "gcc", "clang"])


def cuda_compiler() -> Compiler | None:
    """nvcc: `$CUDACXX`, on the path, or in a CUDA toolkit at its usual place, which is often not on the path."""
    homes = [os.environ.get("CUDA_HOME", ""), os.environ.get("CUDA_PATH", ""), *CUDA_FOLDERS]
    return _first_working([os.environ.get("CUDACXX", ""), "nvcc", *(f"{home}/bin/nvcc" for home in homes if home)])


def hip_compiler() -> Compiler | None:
    """AMD's compiler, which builds the ROCm back end."""
    homes = [os.environ.get("ROCM_PATH", ""), *ROCM_FOLDERS]
    return _first_working(["amdclang++", "hipcc", *(f"{home}/bin/hipcc" for home in homes if home)])


def shader_compiler() -> Compiler | None:
    """glslc, which the Vulkan back end needs."""
    return _first_working(["glslc"])


def processor() -> str:
    """The processor's model and instruction sets: code built for one may use instructions that another lacks."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    names = ("model name", "flags", "Features", "CPU implementer", "CPU part")
    values = dict(line.partition(":")[::2] for line in reversed(lines) if ":" in line)
    return " | ".join(value.strip() for name, value in sorted(values.items()) if name.strip() in names)


@dataclass(frozen=True, slots=True)
class CudaLibraries:
    """Where cuBLAS and the driver's library are, if CMake would not find them in the toolkit."""

    definitions: dict[str, str]
    """CMake definitions; empty if the toolkit is complete."""
    has_cublas: bool


def cuda_libraries(nvcc: Path) -> CudaLibraries:
    """Find cuBLAS and the driver's library. If the toolkit lacks them, torch's packages and the driver provide them."""
    root = nvcc.resolve().parent.parent
    definitions: dict[str, str] = {}
    has_cublas = bool(_library("cublas", [root, *map(Path, CUDA_FOLDERS)]))
    if not has_cublas:
        packaged = _packaged_cublas()
        if packaged:
            has_cublas = True
            definitions |= packaged
    if not _library("cuda", [root / "lib64" / "stubs", *_stub_folders(root)]):
        driver = _driver_library()
        definitions |= {"CUDA_cuda_driver_LIBRARY": str(driver)} if driver else {"GGML_CUDA_NO_VMM": "ON"}
    return CudaLibraries(definitions, has_cublas)


def jobs(gigabytes_per_job: float) -> int:
    """Number of compilers at once: limited by usable processors and by free memory."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, int(_free_bytes() / 2**30 / gigabytes_per_job)))


def _free_bytes() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    values = dict(line.split(":", 1) for line in lines)
    return int(values.get("MemAvailable", values["MemFree"]).split()[0]) * 1024


def _first_working(candidates: Iterable[str]) -> Compiler | None:
    for candidate in candidates:
        path = shutil.which(candidate) if candidate else None
        if path and (version := _version(path)):
            return Compiler(Path(path), version)
    return None


def _version(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return ""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    named = [line for line in lines if re.search(r"\d+\.\d+", line)]
    return (named or lines or [""])[0]


def _library(name: str, roots: Iterable[Path]) -> Path | None:
    names = (f"lib{name}.so", f"lib{name}.dylib")
    folders = ("", "lib64", "lib", f"targets/{platform.machine()}-linux/lib", f"lib/{platform.machine()}-linux-gnu")
    candidates = (root / folder / file for root in roots for folder in folders for file in names)
    return next((path for path in candidates if path.exists()), None)


def _stub_folders(root: Path) -> list[Path]:
    return [*root.glob("targets/*/lib/stubs"), *root.glob("lib/stubs"), *root.glob("lib/*/stubs")]


def _packaged_cublas() -> dict[str, str]:
    """cuBLAS of the Python packages that a CUDA build of torch depends on."""
    folders = dict.fromkeys([sysconfig.get_path("platlib"), sysconfig.get_path("purelib"), *sys.path])
    for folder in folders:
        for library in sorted(Path(folder or ".").glob("nvidia/*/lib/libcublas.so.*")):
            headers = sorted((library.parent.parent / "include").glob("cublas*.h"))
            fast = next(iter(sorted(library.parent.glob("libcublasLt.so.*"))), None)
            if not headers or fast is None:
                continue
            include = _header_folder(headers)
            return {
                "CUDA_cublas_LIBRARY": str(library),
                "CUDA_cublasLt_LIBRARY": str(fast),
                "CMAKE_CUDA_FLAGS": f"-I{include}",
                "CMAKE_CXX_FLAGS": f"-I{include}",
            }
    return {}


def _header_folder(headers: list[Path]) -> Path:
    """A folder with only cuBLAS's headers: the runtime headers beside them may be of another release than the toolkit."""
    folder = paths.cache() / "cublas-headers"
    private_files.private_folder(folder)
    for header in headers:
        link = folder / header.name
        link.unlink(missing_ok=True)
        link.symlink_to(header)
    return folder


def _driver_library() -> Path | None:
    """`libcuda.so.1`, which comes with the driver and not with a toolkit."""
    folders = [
        *os.environ.get("LD_LIBRARY_PATH", "").split(":"),
        "/usr/local/nvidia/lib64",
        "/usr/lib64",
        "/usr/lib/wsl/lib",
    ]
    folders += [f"/usr/lib/{platform.machine()}-linux-gnu", f"/lib/{platform.machine()}-linux-gnu"]
    return next((path for each in folders if each and (path := Path(each) / "libcuda.so.1").exists()), None)
