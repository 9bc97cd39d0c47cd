"""Finds the files that an experiment's `weights` mean, and downloads them if needed.

`weights` may be `demo`, a folder, a .gguf file, a hub id, or `hub-repo:file.gguf`.
"""

import re
from collections.abc import Callable
from pathlib import Path

from qtui import paths
from qtui.engines.protocol.loading_progress import LoadingReport, whole_percents
from qtui.engines.weights import file_faults, hub
from qtui.engines.weights.weights import Weights, open_weights
from qtui.errors import UserError
from qtui.files import named_path

DEMO = "demo"
_HUB_FILE = re.compile(r"^(?P<repo>[\w.-]+/[\w.-]+):(?P<file>[^:]+\.gguf)$")
_HUB_REPO = re.compile(r"^[\w.-]+/[\w.-]+$")

ArchitectureCheck = Callable[[str], object]
"""Checks a GGUF file's architecture; empty if the hub does not say it. Raises UserError if llama.cpp does not know it."""
SettingsCheck = Callable[[Weights], object]
"""Checks a folder with only a model's settings, and its tensors' names and types if the hub lists them.

Raises UserError if its weights could not be used.
"""


class WeightsFinder:
    """Finds and opens weights for one process. The same files are opened only once."""

    def __init__(self, report: LoadingReport) -> None:
        self.report = report
        """Gets the progress of downloads and hashing."""
        self._whole: dict[str, Weights] = {}
        """Complete weights, by the text in the experiment."""
        self._opened: dict[Path, Weights] = {}

    def find_weights(
        self,
        written: str,
        check_settings: SettingsCheck | None = None,
        check_architecture: ArchitectureCheck | None = None,
    ) -> Weights:
        """Return the folder or .gguf file, downloaded from the hub if needed.

        Raises UserError if it does not exist, or if its files are missing, damaged or cut off. Before weights are downloaded,
        `check_settings` gets a hub model's settings, and `check_architecture` what the hub says of a GGUF file.
        """
        if written not in self._whole:
            path = path_on_disk(written) or self._fetch(written, check_settings, check_architecture)
            weights = self._open(path)
            weights.check_files()
            self._whole[written] = weights
        return self._whole[written]

    def find_prompt_files(self, written: str) -> Weights:
        """Like `find_weights`, but downloads only a hub model's prompt files (template and tokenizer)."""
        if written in self._whole or _HUB_FILE.match(written):
            return self.find_weights(written)
        return self._open(path_on_disk(written) or hub.prompt_folder(written))

    def _fetch(
        self, written: str, check_settings: SettingsCheck | None, check_architecture: ArchitectureCheck | None
    ) -> Path:
        progress = whole_percents(self.report, f"downloading {written}")
        file = _HUB_FILE.match(written)
        if file:
            if check_architecture:
                check_architecture(hub.gguf_architecture(file["repo"]))
            return hub.file(file["repo"], file["file"], progress)
        if check_settings is None:
            return hub.folder(written, progress)
        return hub.folder(
            written, progress, lambda folder, listed: check_settings(open_weights(folder, listed_tensors=listed))
        )

    def _open(self, path: Path) -> Weights:
        return self._opened.setdefault(path, open_weights(path, self.report))


def path_on_disk(written: str) -> Path | None:
    """Return the path that is written; None if it is the name of a model on the hub. Raises UserError if it is neither."""
    if written == DEMO:
        return _demo()
    path = named_path.expanded(written)
    file_faults.check_link(path)
    if path.exists():
        if path.is_file() and path.suffix != ".gguf":
            raise UserError(f"{path}: not a folder or a .gguf file, as weights must be")
        return path
    if not (_HUB_FILE.match(written) or _HUB_REPO.match(written)) or written.startswith((".", "~")):
        raise UserError(
            f"{written}: no such folder or file (hub models are written as a hub id, or hub-repo:file.gguf)"
        )
    return None


def _demo() -> Path:
    folder = paths.demo_model()
    if not (folder / "config.json").is_file():
        raise UserError(f"the demo model is missing from {folder}: install qtui again")
    return folder
