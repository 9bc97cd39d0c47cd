"""GGUF files made of a folder in the Hugging Face form, kept in the cache and made once."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qtui import paths
from qtui.engines.conversion import converter, llama_folder
from qtui.engines.conversion.llama_settings import CONVERSION
from qtui.engines.protocol.answering import Loading
from qtui.engines.protocol.loading_progress import LoadingReport, whole_percents
from qtui.engines.quantizing import quantize
from qtui.engines.weights.weights import Weights
from qtui.files import private_files
from qtui.files.disk_room import check_room
from qtui.records import content_hash


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a folder that qtui does not convert itself is converted: with which llama.cpp, and whether code in it may run."""

    converter: Path | None = None
    trust_remote_code: bool = False


def made_gguf(
    weights: Weights,
    precision: str,
    version: str,
    report: LoadingReport,
    *,
    how: Conversion | None = None,
) -> Path:
    """The GGUF file of type `precision` that is made of a folder on first use and kept in the cache.

    `version` is that of what converts and quantizes. Raises UserError where the type or the architecture is not known.
    """
    name = quantize.type_name(precision)
    home = cached(weights.fingerprint, version)
    target = home / f"{weights.name}-{name}.gguf"
    if not target.is_file():
        whole = whole_gguf(weights, home, report, how or Conversion())
        with _alone(home / "lock"):
            if not target.is_file():
                phase = f"quantizing to {name}"
                report(Loading(phase))
                quantize.quantize(whole, target, name, progress=whole_percents(report, phase))
    return target


def cached(folder_fingerprint: str, version: str, imatrix: str = "") -> Path:
    """Where GGUF files made of a folder are kept. `imatrix` is the hash of the importance matrix that they are made with."""
    values = [folder_fingerprint, CONVERSION, version, *([imatrix] if imatrix else [])]
    return paths.cache() / "gguf" / content_hash(*values)[:20]


def whole_gguf(weights: Weights, home: Path, report: LoadingReport, how: Conversion) -> Path:
    """The folder as one GGUF file without loss: by qtui where it knows the architecture, else by llama.cpp's converter."""
    name = weights.name
    private_files.make_folder(home)
    try:
        whole_type = llama_folder.lossless_type(weights.path)
    except converter.NeedsConverterError:
        whole_type = "auto"
    whole = home / f"{name}-{whole_type}.gguf"
    with _alone(home / "lock"):
        if whole.is_file():
            return whole
        check_room(home, weights.file_bytes, whole.name)
        try:
            report(Loading(f"converting {name} to GGUF"))
            llama_folder.convert(weights, whole)
        except converter.NeedsConverterError:
            converter.convert(
                weights.path,
                whole,
                whole_type.lower(),
                converter=how.converter,
                trust_remote_code=how.trust_remote_code,
                progress=lambda phase, fraction: report(Loading(phase, fraction)),
            )
    return whole


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time makes files here; the lock of a process that was killed is free again."""
    with private_files.create(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
