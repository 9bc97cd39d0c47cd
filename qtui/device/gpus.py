"""The GPUs of this machine, found without torch: by the maker's tool where there is one, else by what the system lists.

A GPU that is listed here is not yet one that an engine can use: that depends on the engine's build (see `available`).
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
"""nvidia-smi takes a second or two where the driver is not kept loaded; longer than this, the driver hangs."""

_WSL_TOOLS = "usr/lib/wsl/lib"
"""Where Windows puts nvidia-smi for its Linux guests; it is often not on PATH."""

_AMD, _INTEL = "0x1002", "0x8086"
_QUERY = ("index", "uuid", "name", "memory.total", "driver_version", "compute_cap")
_OLD_QUERY = _QUERY[:-1]
"""Drivers before 2021 refuse a query that names the compute capability."""

_VRAM_HEAPS = (1, 2)
"""Heap types of the AMD driver that are memory of the GPU itself."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """`memory_bytes` and `compute_capability` (as in `8.6`) are None and `driver` is empty where they are not known.

    `is_hidden`: an environment variable such as CUDA_VISIBLE_DEVICES keeps programs from using it.
    """

    vendor: Vendor
    name: str
    memory_bytes: int | None = None
    driver: str = ""
    compute_capability: str | None = None
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class _Listed:
    """A GPU with the names that an environment variable may give it: its index, and its UUID."""

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
    """The GPUs of this machine, those of NVIDIA first. Never raises; what cannot be found out is left open.

    `asks_tools` runs nvidia-smi where it exists, which takes up to some seconds; without it only files are read.
    `root` is the folder that the system's files are looked for in, `environment` the variables (PATH among them) of this process.
    """
    environment = os.environ if environment is None else environment
    if platform == "darwin":
        return _of_apple()
    nvidia = (_asked(root, environment) if asks_tools else None) or _of_nvidia(root)
    return (
        *_marked(nvidia, environment, "CUDA_VISIBLE_DEVICES"),
        *_marked(_of_amd(root), environment, "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
        *_of_intel(root),
    )


def _asked(root: Path, environment: Mapping[str, str]) -> list[_Listed] | None:
    """What nvidia-smi says; None where there is none or it does not work."""
    tool = shutil.which("nvidia-smi", path=environment.get("PATH", os.defpath))
    tool = tool or shutil.which("nvidia-smi", path=str(root / _WSL_TOOLS))
    if tool is None:
        return None
    for fields in (_QUERY, _OLD_QUERY):
        rows = _rows(tool, fields, environment)
        if rows is not None:
            return [listed for row in rows if (listed := _of_row(row, len(fields) == len(_QUERY)))]
    return None


def _rows(tool: str, fields: Sequence[str], environment: Mapping[str, str]) -> list[list[str]] | None:
    try:
        asked = subprocess.run(
            [tool, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"],
            capture_output=True, text=True, errors="replace", check=True, timeout=TOOL_SECONDS, stdin=subprocess.DEVNULL,
            env={**environment, "LC_ALL": "C"},
        )  # fmt: skip
        return [[value.strip() for value in row] for row in csv.reader(asked.stdout.splitlines())]
    except (OSError, subprocess.SubprocessError, csv.Error):
        return None


def _of_row(row: Sequence[str], has_capability: bool) -> _Listed | None:
    """Values that the driver does not have come as `[N/A]` or `[Not Supported]`. None where the row is none of the table's."""
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


def _of_nvidia(root: Path) -> list[_Listed]:
    """By the driver's own files, else by the device files that a container or Windows' Linux has without them."""
    driver = _nvidia_driver(root)
    files = sorted(root.glob("proc/driver/nvidia/gpus/*/information"))
    if files:
        found = []
        for index, file in enumerate(files):
            values = _colon_values(file)
            name = values.get("Model") or "NVIDIA GPU"
            found.append(_Listed(Gpu("nvidia", name, driver=driver), index, values.get("GPU UUID", "")))
        return found
    # Of several GPUs a container may have some, and CUDA counts those from 0, whatever their device files are called.
    count = sum(bool(re.fullmatch(r"nvidia\d+", file.name)) for file in root.glob("dev/nvidia*"))
    if count:
        return [_Listed(Gpu("nvidia", "NVIDIA GPU", driver=driver), index) for index in range(count)]
    if (root / "dev/dxg").exists():
        return [_Listed(Gpu("nvidia", "GPU of the Windows host"), 0)]
    return []


def _nvidia_driver(root: Path) -> str:
    """e.g. `535.104.05`, out of `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  …`."""
    version = re.search(r"NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", _text(root / "proc/driver/nvidia/version") + " ")
    return version[1] if version else ""


def _of_amd(root: Path) -> list[_Listed]:
    """By the nodes of the compute driver; the graphics driver's cards count where that one's device file is there."""
    driver = _text(root / "sys/module/amdgpu/version").strip()
    nodes = sorted(root.glob("sys/class/kfd/kfd/topology/nodes/*"), key=lambda node: _natural(node.name))
    found: list[Gpu] = []
    for node in nodes:
        values = _space_values(node / "properties")
        if values.get("simd_count"):
            found.append(Gpu("amd", _amd_name(values), _amd_memory(node), driver))
    if not found and (root / "dev/kfd").exists():
        for device in _cards(root, _AMD):
            name = _text(device / "product_name").strip() or "AMD GPU"
            found.append(Gpu("amd", name, _number(device / "mem_info_vram_total"), driver))
    return [_Listed(gpu, index) for index, gpu in enumerate(found)]


def _amd_name(values: Mapping[str, int]) -> str:
    """With the name of its instruction set, e.g. gfx90a: major, minor and stepping of the number 90010."""
    number = values.get("gfx_target_version", 0)
    if not number:
        return "AMD GPU"
    return f"AMD GPU gfx{number // 10000}{number // 100 % 100:x}{number % 100:x}"


def _amd_memory(node: Path) -> int | None:
    banks = [_space_values(file) for file in node.glob("mem_banks/*/properties")]
    return sum(bank.get("size_in_bytes", 0) for bank in banks if bank.get("heap_type") in _VRAM_HEAPS) or None


def _of_intel(root: Path) -> list[Gpu]:
    found = []
    for device in _cards(root, _INTEL):
        driver = (device / "driver").resolve().name if (device / "driver").exists() else ""
        found.append(Gpu("intel", "Intel GPU", driver=driver))
    return found


def _of_apple() -> tuple[Gpu, ...]:
    """The GPU of an Apple chip shares the machine's memory. Older Macs have none that an engine uses."""
    if system_platform.machine() != "arm64":
        return ()
    from qtui.device.processor import processor

    return (Gpu("apple", processor().model or "Apple GPU", int(psutil.virtual_memory().total), "Metal"),)


def _cards(root: Path, vendor: str) -> list[Path]:
    """The devices of the graphics cards of a maker: `card0`, not its outputs such as `card0-HDMI-A-1`."""
    cards = [path for path in root.glob("sys/class/drm/card*") if re.fullmatch(r"card\d+", path.name)]
    devices = [card / "device" for card in sorted(cards, key=lambda card: _natural(card.name))]
    return [device for device in devices if _text(device / "vendor").strip() == vendor]


def _marked(listed: Sequence[_Listed], environment: Mapping[str, str], *variables: str) -> list[Gpu]:
    return [
        replace(each.gpu, is_hidden=any(_hides(environment.get(variable), each, len(listed)) for variable in variables))
        for each in listed
    ]


def _hides(value: str | None, listed: _Listed, count: int) -> bool:
    """As the drivers read it: a list of indices or of beginnings of UUIDs, which ends at the first that does not exist."""
    if value is None:
        return False
    for name in (part.strip() for part in value.split(",")):
        if name.upper().startswith("MIG"):
            return False  # a part of some GPU: which, only the driver knows
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
    """Empty where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _natural(name: str) -> tuple[int, str]:
    """So that 10 comes after 9."""
    number = re.search(r"\d+", name)
    return (int(number[0]) if number else 0, name)
