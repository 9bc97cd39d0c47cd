"""From the `weights` that a person wrote to files on this disk.

What a person may write: `demo`, a folder, a .gguf file, a hub id, or `hub-repo:file.gguf`.
"""

import re
from collections.abc import Callable
from pathlib import Path

from qtui import paths
from qtui.engines.protocol.answering import Loading
from qtui.engines.weights import fingerprint, hub
from qtui.errors import UserError

DEMO = "demo"
_HUB_FILE = re.compile(r"^(?P<repo>[\w.-]+/[\w.-]+):(?P<file>[^:]+\.gguf)$")
_HUB_REPO = re.compile(r"^[\w.-]+/[\w.-]+$")

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
