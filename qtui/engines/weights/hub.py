"""Downloads weights from the Hugging Face hub with its library, which brings its cache, offline mode and tokens.

Before a download the library lists the missing files, to check the free space and to report the progress of the whole.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from qtui.engines.weights import file_faults, gguf_file, hub_listing, hub_resume
from qtui.engines.weights.checkpoint import weight_files
from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor
from qtui.engines.weights.hub_library import hub_library
from qtui.engines.weights.json_file import read_json
from qtui.errors import UserError, words_of
from qtui.files import disk_errors

Progress = Callable[[float], None]
Check = Callable[[Path, tuple[StoredTensor, ...]], object]
"""Checks a folder with only a model's settings, and its tensors, none if the hub does not list them.

Raises UserError if its weights could not be used.
"""

_SETTINGS_FILES = ["config.json"]
_PROMPT_FILES = ["*.json", "*.jinja", "tokenizer.model"]
_MODEL_FILES = [*_PROMPT_FILES, "*.txt", "*.model", "*.py"]
_NOT_THESE = ["*/*", "*.safetensors.index.json.bak"]


def folder(repo: str, progress: Progress, first: Check | None = None) -> Path:
    """Return a complete model: settings, tokenizer, and the files that hold its weights, see `checkpoint.weight_files`.

    `first` checks the settings before large files are downloaded. Raises UserError if the download fails.
    """
    settings = None
    if first is not None:
        settings = _snapshot(repo, _SETTINGS_FILES, lambda _: None)
        if all((settings / name).is_file() for name in _SETTINGS_FILES):
            first(settings, ())
    weights = _weight_files(repo, settings)
    if first is not None and settings is not None:
        tensors = hub_listing.tensors(repo, settings, weights)
        if tensors:
            first(settings, tensors)
    return _snapshot(repo, [*_MODEL_FILES, *weights], progress, named=weights)


def _weight_files(repo: str, settings: Path | None) -> tuple[str, ...]:
    """The files that hold the weights, of those that the hub lists; without the hub, of those in its cache."""
    names = hub_listing.file_names(repo)
    if names is None:
        settings = _snapshot(repo, _PROMPT_FILES, lambda _: None)
        names = [file.name for file in settings.iterdir()]
    config = read_json(settings / "config.json") if settings else {}
    named = config.get("transformers_weights")
    index = weight_files.needs_index(names, named)
    folder_path = _snapshot(repo, [index], lambda _: None) if index else settings

    def text(name: str) -> str:
        assert folder_path is not None
        file_faults.check_file(folder_path / name)
        return (folder_path / name).read_text(encoding="utf-8", errors="replace")

    return weight_files.choose(names, text, source=repo, named=named).names


def prompt_folder(repo: str) -> Path:
    """Return a folder with only the files that define the prompt format. Raises UserError if the download fails."""
    return _snapshot(repo, _PROMPT_FILES, lambda _: None)


def file(repo: str, name: str, progress: Progress) -> Path:
    """Download one GGUF file with all its parts. Returns the first part. Raises UserError if the download fails."""
    hub = hub_library()

    def fetch() -> Path:
        parts = gguf_file.part_names(name)
        bar = _prepare(repo, lambda: [hub.hf_hub_download(repo, part, dry_run=True) for part in parts], progress)
        whole = [Path(hub.hf_hub_download(repo, part, tqdm_class=bar)) for part in parts]
        return whole[0]

    return _with_clear_errors(f"{repo}:{name}", fetch)


def gguf_architecture(repo: str) -> str:
    """Return the architecture of a repository's GGUF files, as the hub says it; empty if it does not say, or cannot be reached."""
    if _is_offline():
        return ""
    try:
        described = hub_library().HfApi().model_info(repo, expand=["gguf"]).gguf
    except Exception:
        # The download that follows has the same cause to fail, and its reason is told.
        return ""
    return str(described.get("architecture") or "") if isinstance(described, dict) else ""


def _snapshot(repo: str, patterns: list[str], progress: Progress, *, named: Sequence[str] = ()) -> Path:
    """Download the files that match. `named` are files of `patterns` that may be in subfolders, whose other files are left out."""
    hub = hub_library()
    in_folders = any("/" in name for name in named)
    ignored = [pattern for pattern in _NOT_THESE if pattern != "*/*"] if in_folders else _NOT_THESE
    selection = {
        "allow_patterns": _of_top(repo, patterns, named) if in_folders else patterns,
        "ignore_patterns": ignored,
    }

    def fetch() -> Path:
        bar = _prepare(repo, lambda: hub.snapshot_download(repo, dry_run=True, **selection), progress)
        return Path(hub.snapshot_download(repo, tqdm_class=bar, **selection))

    return _with_clear_errors(repo, fetch)


def _of_top(repo: str, patterns: list[str], named: Sequence[str]) -> list[str]:
    """The names that match, outside of subfolders, and the named ones: the library's patterns reach into every subfolder."""
    names = hub_listing.file_names(repo) or []
    top = [name for name in names if "/" not in name and any(fnmatch(name, pattern) for pattern in patterns)]
    return [*top, *named] if names else patterns


def _prepare(repo: str, ask: Callable[[], list[Any]], progress: Progress) -> Any:
    """Check the free space and download large files. Returns the progress bar for the rest. `ask` lists all files."""
    from huggingface_hub.errors import DryRunError

    try:
        missing = [] if _is_offline() else [info for info in ask() if info.will_download]
    except DryRunError:
        missing = []  # the hub does not answer: the cached files are enough, or the library reports the error
    total = sum(info.file_size or 0 for info in missing)
    bar = _reporting(progress, total)
    if missing:
        blobs = next(p for p in Path(missing[0].local_path).parents if p.name == "snapshots").parent / "blobs"
        _check_room(repo, blobs, total - hub_resume.partial_bytes(blobs))
    for info in missing:
        if (info.file_size or 0) >= hub_resume.LARGE:
            hub_resume.fetch(repo, info.filename, blobs, bar)
    return bar


def _check_room(repo: str, blobs: Path, needed: int) -> None:
    home = next(folder for folder in blobs.parents if folder.is_dir())
    free = shutil.disk_usage(home).free
    if needed > free:
        raise UserError(
            f"{repo}: {needed / 1e9:,.1f} GB are still to be downloaded, but {home} has only {free / 1e9:,.1f} GB free: "
            "free some space, or set HF_HOME to a folder on a larger disk"
        )


def _with_clear_errors(source: str, fetch: Callable[[], Path]) -> Path:
    """Run `fetch`. Raises UserError, with what the user can do, for the errors of the hub's library."""
    import huggingface_hub.errors as e

    try:
        return fetch()
    except e.GatedRepoError:
        raise UserError(f"{source}: accept this model's terms on its hub page, then set HF_TOKEN") from None
    except e.RepositoryNotFoundError:
        raise UserError(
            f"{source}: no such folder or file here, and no such model on the hub (or it is private and HF_TOKEN is not set)"
        ) from None
    except e.HFValidationError:
        raise UserError(f"{source}: no such folder or file here, and not a valid name of a hub model") from None
    except ValueError as error:
        # The library's word for a file or a commit that the hub names and that is not inside the cache.
        raise UserError(
            f"{source}: the hub's reply cannot be used ({words_of(error)}), and nothing was downloaded"
        ) from None
    except (e.RemoteEntryNotFoundError, e.RevisionNotFoundError):
        raise UserError(f"{source}: the hub has the model but not this file") from None
    except (e.LocalEntryNotFoundError, e.OfflineModeIsEnabled) as error:
        if isinstance(error.__cause__, e.HfHubHTTPError):
            raise UserError(f"{source}: {_refusal(error.__cause__)}") from None
        raise UserError(f"{source}: not in the hub's cache, and {_why_not_fetched(error)}") from None
    except e.HfHubHTTPError as error:
        raise UserError(f"{source}: {_refusal(error)}") from None
    except OSError as error:
        if disk_errors.is_refusal(error):
            raise UserError(f"{source}: the download stopped: {disk_errors.describe(error)}") from None
        raise UserError(f"{source}: the download failed ({words_of(error)}); try again, it resumes") from None


def _refusal(error: Any) -> str:
    """What to do, by the status of the hub's response."""
    status = error.response.status_code
    if status == 401:
        return "the hub does not accept your token; set HF_TOKEN to a valid one, or unset it"
    if status == 403:
        return "your token has no access: accept the model's terms on its page, or use another token"
    if status == 404:
        return "the hub does not have it"
    return f"the download failed (the hub says {status} {error.response.reason_phrase}); try again, it resumes"


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _why_not_fetched(error: Exception) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return "HF_HUB_OFFLINE forbids downloads"
    return f"the hub cannot be reached ({words_of(error.__cause__ or error)})"


def _reporting(progress: Progress, total: int) -> Any:
    """A progress bar class for the hub's library that draws nothing and reports the downloaded fraction of `total` bytes.

    All bars of the class count together, because a model has several files.
    """
    from huggingface_hub import utils

    bar: Any = utils
    come = 0.0

    def more(count: float) -> None:
        nonlocal come
        come += count
        if total:
            progress(min(1.0, come / total))

    class Reporting(bar.tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **settings: Any) -> None:
            self.counts_bytes = settings.get("unit") == "B"
            super().__init__(*args, **{**settings, "disable": True})
            if self.counts_bytes:
                more(float(settings.get("initial") or 0))

        def update(self, n: float | None = 1) -> bool | None:
            if self.counts_bytes:
                more(n or 0)
            return None

    return Reporting
