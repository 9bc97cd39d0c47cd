"""The lines of a log's header: the facts needed to understand a crash on another person's machine.

They contain no secrets: no environment variables, and no password of an endpoint's address.
"""

import importlib.metadata
import os
import platform
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from qtui.engines.device import gpus as device_gpus
from qtui.engines.device.gpus import Gpu
from qtui.engines.device.memory import Memory, address_space, memory
from qtui.engines.device.processor import Processor, processor
from qtui.records import Sampling, VariantSpec

PACKAGES = (
    "llama-cpp-python", "gguf", "torch", "transformers", "accelerate", "sentencepiece", "openai", "numpy", "huggingface_hub",
)  # fmt: skip
"""Packages whose versions decide which native code runs."""
GIB = 1 << 30


def machine() -> list[str]:
    """Lines on Python, packages, processor and memory. Takes some milliseconds."""
    return [
        f"{platform.python_implementation()} {platform.python_version()}, {_system()}",
        f"packages: {_packages()}",
        f"processor: {processor_in_words(processor())}",
        f"memory: {memory_in_words(memory())}",
    ]


def gpus(*, asks_tools: bool) -> str:
    """A line on the GPUs."""
    gpus_here = device_gpus.gpus(asks_tools=asks_tools)
    return "GPUs: " + ("; ".join(gpu_in_words(gpu) for gpu in gpus_here) or "none")


def variant(spec: VariantSpec, sampling: Sampling, where: str = "") -> list[str]:
    """Lines on a variant's settings. `where` names the variant, e.g. `run 3, variant 7`."""
    return [f"{where or 'variant'}: {settings(spec)}", f"sampling: {settings(sampling)}"]


def weights(path: Path | None, file_bytes: int | None) -> str:
    """A line on the file or folder of the weights. `path` is None if an endpoint has them."""
    if path is None:
        return "weights: with the endpoint"
    return f"weights: {path}" + (f", {gib(file_bytes)}" if file_bytes is not None else "")


def settings(record: Any) -> str:
    """The fields of a record that are set, as `name value`; the address of an endpoint is shown without its secrets."""
    values = ((field.name, getattr(record, field.name)) for field in fields(record))
    return ", ".join(
        f"{name} {without_secrets(value) if name == 'base_url' else value}"
        for name, value in values
        if value is not None and value not in ((), "")
    )


def without_secrets(url: str) -> str:
    """An address whose user, password and query are masked."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    if "@" in rest:
        rest = "***@" + rest.rpartition("@")[2]
    place, question, _ = rest.partition("?")
    return f"{scheme}{separator}{place}{question}{'***' if question else ''}"


def processor_in_words(processor: Processor) -> str:
    cores = f"{processor.count} cores" + (
        f" ({processor.usable} usable)" if processor.usable != processor.count else ""
    )
    return ", ".join(
        part
        for part in (processor.model or "unknown", processor.architecture, cores, " ".join(processor.flags))
        if part
    )


def memory_in_words(memory: Memory) -> str:
    parts = [f"{gib(memory.total)}, {gib(memory.free)} free"]
    if memory.limit is not None:
        parts.append(f"container limit {gib(memory.limit)}")
    if space := address_space():
        parts.append(f"address space limited to {gib(space.limit)} (ulimit -v)")
    return ", ".join(parts)


def gpu_in_words(gpu: Gpu) -> str:
    parts = (
        gpu.name,
        gib(gpu.memory_bytes) if gpu.memory_bytes else "",
        f"driver {gpu.driver}" if gpu.driver else "",
        f"compute capability {gpu.compute_capability}" if gpu.compute_capability else "",
        "hidden by the environment" if gpu.is_hidden else "",
    )
    return ", ".join(part for part in parts if part)


def gib(number: float) -> str:
    """Bytes in GiB, below one in MiB."""
    if number >= GIB:
        return f"{number / GIB:.1f} GiB"
    mebibytes = number / (1 << 20)
    return f"{mebibytes:.1f} MiB" if 0 < mebibytes < 10 else f"{mebibytes:.0f} MiB"


def _system() -> str:
    """The operating system and C library. `platform.platform` is not used, because it would start a process."""
    system = os.uname()
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        library = ""
    return ", ".join(part for part in (f"{system.sysname} {system.release} {system.machine}", library) if part)


def _packages() -> str:
    versions: Mapping[str, str] = {name: version for name in PACKAGES if (version := _version(name))}
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "no engine is installed"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
