"""The GPUs of this machine, detected without torch: by the vendor's tool if it is installed, else by the system's files.

Whether an engine can use a GPU listed here depends on the engine's build (see `available`).
"""

import csv
import os
import platform as system_platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import psutil

Vendor = Literal["nvidia", "amd", "apple", "intel"]

TOOL_SECONDS = 5.0
"""Timeout of nvidia-smi. It takes a second or two if the driver is not kept loaded; beyond this limit the driver hangs."""

_WSL_TOOLS = "usr/lib/wsl/lib"
"""Where Windows puts nvidia-smi for its Linux guests; it is often not on PATH."""

_AMD, _INTEL = "0x1002", "0x8086"
_QUERY = ("index", "uuid", "name", "memory.total", "driver_version", "compute_cap")
_OLD_QUERY = _QUERY[:-1]
"""Drivers before 2021 refuse a query that names the compute capability."""

_VRAM_HEAPS = (1, 2)
"""Heap types of the AMD driver that are the GPU's dedicated memory."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU. Unknown values: None for `memory_bytes` and `compute_capability` (for example `8.6`), empty for `driver`.

    `is_hidden`: an environment variable such as CUDA_VISIBLE_DEVICES hides it from programs.
    """

    vendor: Vendor
    name: str
    memory_bytes: int | None = None
    driver: str = ""
    compute_capability: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Listed:
    """A GPU with its index and UUID, by which environment variables select GPUs."""

    gpu: Gpu
    index: int
    uuid: str = ""


def gpus(
    root: Path = Path("/"),
    environment: Mapping[str, str] | None = None,
    *,
    asks_tools: bool = True,
    platform: str = sys.platform,
) -> tuple[Gpu, ...]:
    """Return the GPUs of this machine, NVIDIA's first. Never raises; unknown values are left empty.

    `asks_tools` runs nvidia-smi if it is installed, which takes up to a few seconds; without it only files are read.
    `root` is the folder with the system's files. `environment` replaces this process's variables, PATH included.
    """
    environment = os.environ if environment is None else environment
    if platform == "darwin":
        return _apple_gpus()
    nvidia = (_query_nvidia_smi(root, environment) if asks_tools else None) or _nvidia_by_files(root)
    return (
        *_with_hidden_marked(nvidia, environment, "CUDA_VISIBLE_DEVICES"),
        *_with_hidden_marked(
            _amd_gpus(root), environment, "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"
        ),
        *_intel_gpus(root),
    )


def _query_nvidia_smi(root: Path, environment: Mapping[str, str]) -> list[_Listed] | None:
    """The GPUs that nvidia-smi lists; None if it is not installed or fails."""
    tool = shutil.which("nvidia-smi", path=environment.get("PATH", os.defpath))
    tool = tool or shutil.which("nvidia-smi", path=str(root / _WSL_TOOLS))
    if tool is None:
        return None
    for fields in (_QUERY, _OLD_QUERY):
        rows = _query_rows(tool, fields, environment)
        if rows is not None:
            return [listed for row in rows if (listed := _parse_row(row, len(fields) == len(_QUERY)))]
    return None


def _query_rows(tool: str, fields: Sequence[str], environment: Mapping[str, str]) -> list[list[str]] | None:
    try:
        done = subprocess.run(
            [tool, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, errors="replace", check=True, timeout=TOOL_SECONDS, stdin=subprocess.DEVNULL,
            env={**environment, "LC_ALL": "C"},
        )  # fmt: skip
        return [[value.strip() for value in row] for row in csv.reader(done.stdout.splitlines())]
    except (OSError, subprocess.SubprocessError, csv.Error):
        return None


def _parse_row(row: Sequence[str], has_capability: bool) -> _Listed | None:
    """One row of nvidia-smi's table; None if it is not one. Unknown values are written `[N/A]` or `[Not Supported]`."""
    if len(row) != (len(_QUERY) if has_capability else len(_OLD_QUERY)) or not row[0].isdigit():
        return None
    index, uuid, name, mebibytes, driver, *capability = row
    gpu = Gpu(
        vendor="nvidia",
        name=name,
        memory_bytes=int(mebibytes) << 20 if mebibytes.isdigit() else None,
        driver="" if driver.startswith("[") else driver,
        compute_capability=capability[0] if capability and re.fullmatch(r"\d+\.\d+", capability[0]) else None,
    )
    return _Listed(gpu, int(index), uuid)


def _nvidia_by_files(root: Path) -> list[_Listed]:
    """By the driver's files, else by device files: containers and WSL have only these."""
    driver = _nvidia_driver(root)
    files = sorted(root.glob("proc/driver/nvidia/gpus/*/information"))
    if files:
        listed_gpus = []
        for index, file in enumerate(files):
            values = _colon_values(file)
            name = values.get("Model") or "NVIDIA GPU"
            listed_gpus.append(_Listed(Gpu("nvidia", name, driver=driver), index, values.get("GPU UUID", "")))
        return listed_gpus
    # A container may see only some of the GPUs, and CUDA counts these from 0 whatever their device files are called.
    count = sum(bool(re.fullmatch(r"nvidia\d+", file.name)) for file in root.glob("dev/nvidia*"))
    if count:
        return [_Listed(Gpu("nvidia", "NVIDIA GPU", driver=driver), index) for index in range(count)]
    if (root / "dev/dxg").exists():
        return [_Listed(Gpu("nvidia", "GPU of the Windows host"), 0)]
    return []


def _nvidia_driver(root: Path) -> str:
    """For example `535.104.05`, from `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  …`."""
    version = re.search(r"NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", _text(root / "proc/driver/nvidia/version") + " ")
    return version[1] if version else ""


def _amd_gpus(root: Path) -> list[_Listed]:
    """By the compute driver's nodes; without nodes by the graphics driver's cards, if the compute device file exists."""
    driver = _text(root / "sys/module/amdgpu/version").strip()
    nodes = sorted(root.glob("sys/class/kfd/kfd/topology/nodes/*"), key=lambda node: _numeric_order(node.name))
    amd_gpus: list[Gpu] = []
    for node in nodes:
        values = _space_values(node / "properties")
        if values.get("simd_count"):
            amd_gpus.append(Gpu("amd", _amd_name(values), _amd_memory(node), driver))
    if not amd_gpus and (root / "dev/kfd").exists():
        for device in _cards(root, _AMD):
            name = _text(device / "product_name").strip() or "AMD GPU"
            amd_gpus.append(Gpu("amd", name, _number(device / "mem_info_vram_total"), driver))
    return [_Listed(gpu, index) for index, gpu in enumerate(amd_gpus)]


def _amd_name(values: Mapping[str, int]) -> str:
    """The name with its instruction set, for example gfx90a: major, minor and stepping of the number 90010."""
    number = values.get("gfx_target_version", 0)
    if not number:
        return "AMD GPU"
    return f"AMD GPU gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}"


def _amd_memory(node: Path) -> int | None:
    banks = [_space_values(file) for file in node.glob("mem_banks/*/properties")]
    return sum(bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in _VRAM_HEAPS) or None


def _intel_gpus(root: Path) -> list[Gpu]:
    intel_gpus = []
    for device in _cards(root, _INTEL):
        driver = (device / "driver").resolve().name if (device / "driver").exists() else ""
        intel_gpus.append(Gpu("intel", "Intel GPU", driver=driver))
    return intel_gpus


def _apple_gpus() -> tuple[Gpu, ...]:
    """The GPU of an Apple chip, which shares the machine's memory. The engines use no GPU of older Macs."""
    if system_platform.machine() != "arm64":
        return ()
    from qtui.device.processor import processor

    return (Gpu("apple", processor().model or "Apple GPU", int(psutil.virtual_memory().total), "Metal"),)


def _cards(root: Path, vendor: str) -> list[Path]:
    """The device folders of a vendor's graphics cards: `card0`, not outputs such as `card0-HDMI-A-1`."""
    cards = [path for path in root.glob("sys/class/drm/card*") if re.fullmatch(r"card\d+", path.name)]
    devices = [card / "device" for card in sorted(cards, key=lambda card: _numeric_order(card.name))]
    return [device for device in devices if _text(device / "vendor").strip() == vendor]


def _with_hidden_marked(listed: Sequence[_Listed], environment: Mapping[str, str], *variables: str) -> list[Gpu]:
    return [
        replace(
            each.gpu,
            is_hidden=any(_is_hidden_by(environment.get(variable), each, len(listed)) for variable in variables),
        )
        for each in listed
    ]


def _is_hidden_by(value: str | None, listed: _Listed, count: int) -> bool:
    """Whether a variable of this value hides the GPU.

    Drivers read a list of indices or UUID prefixes up to the first unknown one.
    """
    if value is None:
        return False
    for name in (part.strip() for part in value.split(",")):
        if name.upper().startswith("MIG"):
            return False  # a partition of a GPU; only the driver knows of which
        if name.isdigit():
            if int(name) >= count:
                return True
            if int(name) == listed.index:
                return False
        elif re.match(r"GPU-.", name, re.IGNORECASE):
            if not listed.uuid or listed.uuid.lower().startswith(name.lower()):
                return False
        else:
            return True
    return True


def _colon_values(file: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in _text(file).splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _space_values(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    """The file's content; empty if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _numeric_order(name: str) -> tuple[int, str]:
    """A sort key by which 10 comes after 9."""
    number = re.search(r"\d+", name)
    return (int(number[0]) if number else 0, name)
