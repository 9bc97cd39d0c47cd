"""GGUF files converted from a folder in the Hugging Face format: each is created once and kept in the cache."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qtui import paths
from qtui.engines.conversion import clean_folder, converted_head, converter, llama_folder, original_settings
from qtui.engines.conversion.llama_settings import conversion_values
from qtui.engines.device_choice import Compute
from qtui.engines.protocol.answering import Loading
from qtui.engines.protocol.loading_progress import LoadingReport, whole_percents
from qtui.engines.quantizing import imatrix_source, quantize
from qtui.engines.weights.weights import Weights, open_weights
from qtui.files import private_files
from qtui.files.disk_room import check_room
from qtui.records import content_hash


@dataclass(frozen=True, slots=True)
class Conversion:
    """Settings for folders that need llama.cpp's converter: its folder (see `converter`), and whether code in the model may run."""

    converter: Path | None = None
    trust_remote_code: bool = False


def quantized_gguf(
    weights: Weights,
    precision: str,
    version: str,
    report: LoadingReport,
    *,
    how: Conversion | None = None,
    imatrix: Path | None = None,
    compute: Compute | None = None,
) -> Path:
    """Return the GGUF file of type `precision` for a folder. It is created on first use.

    `version` is that of llama-cpp-python, which converts and quantizes; `imatrix` a matrix, or a text to make one of with
    `compute`. Raises UserError if the type or the architecture is unknown.
    """
    name = quantize.type_name(precision)
    home = cache_folder(weights, version)
    key = imatrix_source.key_of(imatrix, compute.accelerator if compute else "cpu") if imatrix else ""
    target = cache_folder(weights, version, key) / f"{weights.name}-{name}.gguf"
    if not target.is_file():
        private_files.make_folder(target.parent)
        lossless = lossless_gguf(weights, home, report, how or Conversion())
        matrix = importance_matrix(imatrix, key, open_weights(lossless), report, compute) if imatrix else None
        with _alone(home / "lock"):
            if not target.is_file():
                phase = f"quantizing to {name}"
                report(Loading(phase))
                quantize.quantize(lossless, target, name, imatrix=matrix, progress=whole_percents(report, phase))
    return target


def importance_matrix(named: Path, key: str, lossless: Weights, report: LoadingReport, compute: Compute | None) -> Path:
    """Return the importance matrix that is named, or the one that is made of the named text, on its first use.

    `key` is that of `imatrix_source.key_of`; `lossless` the GGUF file in F16, BF16 or F32 that is measured.
    """
    if not imatrix_source.is_text(named):
        return named
    from qtui.engines.quantizing import imatrix_making

    target = paths.cache() / "imatrix" / f"{content_hash('imatrix', lossless.fingerprint, key)[:20]}.gguf"
    private_files.make_folder(target.parent)
    with _alone(target.with_suffix(".lock")):
        if not target.is_file():
            phase = f"measuring importance with {named.name}"
            report(Loading(phase))
            progress = whole_percents(report, phase)
            imatrix_making.make(lossless, named, target, compute=compute, progress=progress)
    return target


def cache_folder(weights: Weights, version: str, imatrix: str = "") -> Path:
    """Return the cache folder for a model folder's GGUF files.

    `imatrix` is the hash of the importance matrix they are quantized with.
    """
    changes = original_settings.corrections(weights.config)
    values = [
        weights.fingerprint,
        *conversion_values(weights),
        version,
        *([imatrix] if imatrix else []),
        *([changes] if changes else []),
    ]
    return paths.cache() / "gguf" / content_hash(*values)[:20]


def lossless_gguf(weights: Weights, home: Path, report: LoadingReport, how: Conversion) -> Path:
    """Return the model folder as one GGUF file in `home`, without loss.

    qtui converts the architectures that it knows, else llama.cpp does.
    """
    name = weights.name
    private_files.make_folder(home)
    try:
        lossless_type = llama_folder.lossless_type(weights)
    except converter.NeedsConverterError:
        lossless_type = "auto"
    lossless = home / f"{name}-{lossless_type}.gguf"
    with _alone(home / "lock"):
        if lossless.is_file():
            return lossless
        check_room(home, weights.file_bytes, lossless.name)
        try:
            report(Loading(f"converting {name} to GGUF", weights_bytes=weights.file_bytes))
            llama_folder.convert(weights, lossless)
        except converter.NeedsConverterError:
            with clean_folder.only_counting_files(weights, home) as folder:
                converter.convert(
                    folder,
                    lossless,
                    lossless_type.lower(),
                    converter=how.converter,
                    trust_remote_code=how.trust_remote_code,
                    progress=lambda phase, fraction: report(Loading(phase, fraction)),
                )
            converted_head.check(weights, lossless)
    return lossless


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Only one process at a time creates files in the lock's folder. The lock of a killed process is free."""
    with private_files.create(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
