"""The processor: its model, and the instruction sets that decide which engine builds run on it and how fast."""

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_RELEVANT = re.compile(r"avx\w*|amx\w*|f16c|fma|bmi2|asimd\w*|fphp|i8mm|bf16|sve\w*|sme(?!p)\w*")
"""Names of instruction sets: of x86 processors, then of ARM's."""

_ONE_PROCESSOR_BYTES = 1 << 13
"""Bytes of /proc/cpuinfo that contain the first processor. The kernel is slow to write hundreds of them."""

_COMMAND_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Processor:
    """`flags` are the first core's relevant instruction sets, sorted.

    `count` is the number of cores, `usable` of those allowed to this process.
    """

    model: str
    architecture: str
    flags: tuple[str, ...]
    count: int
    usable: int


def processor(root: Path = Path("/")) -> Processor:
    """Return the processor of this machine. Unknown values are empty."""
    values = _cpuinfo(root)
    flags = (values.get("flags") or values.get("features") or "").split()
    count = os.cpu_count() or 1
    return Processor(
        model=_model(values),
        architecture=platform.machine(),
        flags=tuple(sorted({flag for flag in flags if _RELEVANT.fullmatch(flag)})),
        count=count,
        usable=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else count,
    )


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first processor's values by name in lower case; empty if the system has no such file."""
    try:
        with (root / "proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            text = file.read(_ONE_PROCESSOR_BYTES)
    except OSError:
        return {}
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        values.setdefault(name.strip().lower(), value.strip())
    return values


def _model(values: dict[str, str]) -> str:
    """The model's name. ARM processors have none in that file, so their implementer and part numbers are used."""
    if name := values.get("model name") or values.get("cpu model") or values.get("cpu"):
        return name
    if part := values.get("cpu part"):
        return f"implementer {values.get('cpu implementer', '?')} part {part}"
    return _model_by_sysctl() if sys.platform == "darwin" else ""


def _model_by_sysctl() -> str:
    try:
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"],
            capture_output=True, check=True, text=True, timeout=_COMMAND_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
