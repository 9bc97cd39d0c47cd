"""Weights from the Hugging Face hub, through its own library: its cache, its offline mode, its tokens.

Before anything is fetched the library is asked what would be: so there is room for it, and progress is of the whole.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtui.engines.weights import gguf_file, hub_resume
from qtui.errors import UserError
from qtui.secrets import redaction

Progress = Callable[[float], None]
Check = Callable[[Path], object]
"""Of a folder with a model's settings alone: raises UserError where its weights would be of no use."""

_SETTINGS_FILES = ["config.json"]
_PROMPT_FILES = ["*.json", "*.jinja", "tokenizer.model"]
_MODEL_FILES = [*_PROMPT_FILES, "*.safetensors", "*.txt", "*.model", "*.py"]
_NOT_THESE = ["*/*", "*.safetensors.index.json.bak"]


def folder(repo: str, progress: Progress, first: Check | None = None) -> Path:
    """A whole model: settings, tokenizer, safetensors (or .bin files where there are none).

    `first` is asked before anything large is fetched.
    """
    if first is not None:
        settings = _snapshot(repo, _SETTINGS_FILES, lambda _: None)
        if all((settings / name).is_file() for name in _SETTINGS_FILES):
            first(settings)
    found = _snapshot(repo, _MODEL_FILES, progress)
    if not any(found.glob("*.safetensors")):
        found = _snapshot(repo, [*_MODEL_FILES, "*.bin"], progress)
    return found


def prompt_folder(repo: str) -> Path:
    """Only what a prompt format is read from."""
    return _snapshot(repo, _PROMPT_FILES, lambda _: None)


def file(repo: str, name: str, progress: Progress) -> Path:
    """One GGUF file, with all its parts where it was split. Returns the first part."""
    hub = _library()

    def fetch() -> Path:
        parts = gguf_file.part_names(name)
        bar = _prepare(repo, lambda: [hub.hf_hub_download(repo, part, dry_run=True) for part in parts], progress)
        whole = [Path(hub.hf_hub_download(repo, part, tqdm_class=bar)) for part in parts]
        return whole[0]

    return _asking(f"{repo}:{name}", fetch)


def _snapshot(repo: str, patterns: list[str], progress: Progress) -> Path:
    hub = _library()
    wanted = {"allow_patterns": patterns, "ignore_patterns": _NOT_THESE}

    def fetch() -> Path:
        bar = _prepare(repo, lambda: hub.snapshot_download(repo, dry_run=True, **wanted), progress)
        return Path(hub.snapshot_download(repo, tqdm_class=bar, **wanted))

    return _asking(repo, fetch)


def _prepare(repo: str, ask: Callable[[], list[Any]], progress: Progress) -> Any:
    """Make sure of the room and fetch what is large; the progress bar for the rest. `ask` lists all files, here or not."""
    from huggingface_hub.errors import DryRunError

    try:
        missing = [] if _is_offline() else [info for info in ask() if info.will_download]
    except DryRunError:
        missing = []  # the hub does not answer: what is here will do, or the library says what is wrong
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
            f"{repo}: {needed / 1e9:,.1f} GB are still to be fetched, and {home} has only {free / 1e9:,.1f} GB free: "
            "make room, or set HF_HOME to a folder on a larger disk"
        )


def _asking(what: str, fetch: Callable[[], Path]) -> Path:
    """Turn what the hub's library raises into what a user can do about it."""
    import huggingface_hub.errors as e

    try:
        return fetch()
    except e.GatedRepoError:
        raise UserError(
            f"{what}: the hub wants you to accept this model's terms first; do so on its page, then set HF_TOKEN"
        ) from None
    except e.RepositoryNotFoundError:
        raise UserError(
            f"{what}: no such folder or file here, and no such model on the hub (or it is private and HF_TOKEN is not set)"
        ) from None
    except e.HFValidationError:
        raise UserError(f"{what}: no such folder or file here, and not a name that the hub could know") from None
    except (e.RemoteEntryNotFoundError, e.RevisionNotFoundError):
        raise UserError(f"{what}: the hub knows the model but not this file") from None
    except (e.LocalEntryNotFoundError, e.OfflineModeIsEnabled) as error:
        if isinstance(error.__cause__, e.HfHubHTTPError):
            raise UserError(f"{what}: {_refusal(error.__cause__)}") from None
        raise UserError(f"{what}: not in the hub's cache, and {_why_not(error)}") from None
    except e.HfHubHTTPError as error:
        raise UserError(f"{what}: {_refusal(error)}") from None
    except OSError as error:
        raise UserError(f"{what}: the download failed ({_first_line(error)}); try again, it resumes") from None


def _refusal(error: Any) -> str:
    """By the status of the hub's answer: what to do about it."""
    status = error.response.status_code
    if status == 401:
        return "the hub does not know your token; set HF_TOKEN to a valid one, or to none"
    if status == 403:
        return "the hub forbids it to your token: accept the model's terms on its page, or use a token that may read it"
    if status == 404:
        return "the hub does not have it"
    return f"the download failed (the hub says {status} {error.response.reason_phrase}); try again, it resumes"


def _is_offline() -> bool:
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _why_not(error: Exception) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return "HF_HUB_OFFLINE forbids to fetch it"
    return f"the hub cannot be reached ({_first_line(error.__cause__ or error)})"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _library() -> Any:
    import huggingface_hub

    redaction.remember("the hub's token", huggingface_hub.get_token())
    return huggingface_hub


def _reporting(progress: Progress, total: int) -> Any:
    """A progress bar's class for the hub's library that draws nothing and reports what fraction of `total` bytes has come.

    All bars of the class count together: a model is several files.
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
