"""From the `weights` that a person wrote to files on this disk.

What a person may write: `demo`, a folder, a .gguf file, a hub id, or `hub-repo:file.gguf`.
"""

import fcntl
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qtui import paths, private_files
from qtui.engines import fingerprint, hub
from qtui.engines.protocol import Loading
from qtui.errors import UserError
from qtui.records import content_hash

DEMO = "demo"
_HUB_FILE = re.compile(r"^(?P<repo>[\w.-]+/[\w.-]+):(?P<file>[^:]+\.gguf)$")
_HUB_REPO = re.compile(r"^[\w.-]+/[\w.-]+$")

CONVERSION = 1
"""Goes up when `llama_folder` would make another file of the same folder."""

Report = Callable[[Loading], None]


def locate(weights: str, report: Report, first: hub.Check | None = None) -> Path:
    """The folder or .gguf file, fetched from the hub if need be. Raises UserError where there is none.

    `first` is asked before a model's folder is fetched, with its settings alone.
    """
    found = _on_disk(weights)
    if found:
        return found
    progress = reporting(report, f"downloading {weights}")
    file = _HUB_FILE.match(weights)
    if file:
        return hub.file(file["repo"], file["file"], progress)
    return hub.folder(weights, progress, first)


def locate_prompt(weights: str, report: Report) -> Path:
    """Like `locate`, but of a model on the hub only the files that say how to ask it."""
    found = _on_disk(weights)
    if found:
        return found
    return locate(weights, report) if _HUB_FILE.match(weights) else hub.prompt_folder(weights)


def fingerprint_of(path: Path, report: Report) -> str:
    return fingerprint.of_weights(path, reporting(report, f"hashing {path.name}"))


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a folder that qtui does not convert itself is converted: with which llama.cpp, and whether code in it may run."""

    converter: Path | None = None
    trust_remote_code: bool = False


def made_gguf(
    folder: Path,
    folder_fingerprint: str,
    precision: str,
    version: str,
    report: Report,
    *,
    how: Conversion | None = None,
) -> Path:
    """The GGUF of type `precision` that is made of a folder on first use and kept in the cache.

    `version` is that of what converts and quantizes. Raises UserError where the type or the architecture is not known.
    """
    from qtui.engines import quantize

    name = quantize.type_name(precision)
    home = cached(folder_fingerprint, version)
    target = home / f"{model_name(folder)}-{name}.gguf"
    if not target.is_file():
        whole = whole_gguf(folder, home, report, how or Conversion())
        with _alone(home / "lock"):
            if not target.is_file():
                phase = f"quantizing to {name}"
                report(Loading(phase))
                quantize.quantize(whole, target, name, progress=reporting(report, phase))
    return target


def cached(folder_fingerprint: str, version: str, imatrix: str = "") -> Path:
    """Where GGUF files made of a folder are kept. `imatrix` is the hash of the importance matrix that they are made with."""
    values = [folder_fingerprint, CONVERSION, version, *([imatrix] if imatrix else [])]
    return paths.cache() / "gguf" / content_hash(*values)[:20]


def whole_gguf(folder: Path, home: Path, report: Report, how: Conversion) -> Path:
    """The folder as one GGUF file without loss: by qtui where it knows the architecture, else by llama.cpp's converter."""
    from qtui.engines import converter, llama_folder

    name = model_name(folder)
    private_files.make_folder(home)
    try:
        whole_type = llama_folder.lossless_type(folder)
    except converter.NeedsConverterError:
        whole_type = "auto"
    whole = home / f"{name}-{whole_type}.gguf"
    with _alone(home / "lock"):
        if whole.is_file():
            return whole
        check_room(home, sum(file.stat().st_size for file in fingerprint.weight_files(folder)), whole.name)
        try:
            report(Loading(f"converting {name} to GGUF"))
            llama_folder.convert(folder, whole)
        except converter.NeedsConverterError:
            converter.convert(
                folder,
                whole,
                whole_type.lower(),
                converter=how.converter,
                trust_remote_code=how.trust_remote_code,
                progress=lambda phase, fraction: report(Loading(phase, fraction)),
            )
    return whole


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raises UserError where the disk that holds `folder`, which need not exist yet, has less than `needed` bytes free."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: too little room for {what}: {needed / 2**30:,.2f} GB needed, {free / 2**30:,.2f} GB free; make room, or "
            "name another folder"
        )


def model_name(folder: Path) -> str:
    """What files made of a folder are called: its name; in the hub's cache, whose folders are named by hashes, the repository's."""
    if folder.parent.name == "snapshots":
        return folder.parent.parent.name.rsplit("--", 1)[-1]
    return folder.resolve().name


def _on_disk(weights: str) -> Path | None:
    if weights == DEMO:
        return _demo()
    path = Path(weights).expanduser()
    if path.exists():
        if path.is_file() and path.suffix != ".gguf":
            raise UserError(f"{path}: weights are a folder or a .gguf file, and this is neither")
        return path
    if not (_HUB_FILE.match(weights) or _HUB_REPO.match(weights)) or weights.startswith((".", "~")):
        raise UserError(f"{weights}: no such folder or file (or write a hub id, or hub-repo:file.gguf)")
    return None


def _demo() -> Path:
    folder = paths.demo_model()
    if not (folder / "config.json").is_file():
        raise UserError(f"the demo model is missing from {folder}; it comes with qtui: install qtui again")
    return folder


def reporting(report: Report, phase: str) -> Callable[[float], None]:
    """Report at most every whole percent: a large file is read in thousands of pieces."""
    last = -1

    def progress(fraction: float) -> None:
        nonlocal last
        percent = int(fraction * 100)
        if percent > last:
            last = percent
            report(Loading(phase, min(1.0, fraction)))

    return progress


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time makes files here; the lock of a process that was killed is free again."""
    with private_files.create(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
