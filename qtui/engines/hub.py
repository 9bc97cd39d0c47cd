"""Weights from the Hugging Face hub, through its own library: its cache, its offline mode, its tokens, its resumed downloads."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtui.engines import gguf_file
from qtui.errors import UserError

Progress = Callable[[float], None]

_PROMPT_FILES = ["*.json", "*.jinja", "tokenizer.model"]
_MODEL_FILES = [*_PROMPT_FILES, "*.safetensors", "*.txt", "*.model", "*.py"]
_NOT_THESE = ["*/*", "*.safetensors.index.json.bak"]


def folder(repo: str, progress: Progress) -> Path:
    """A whole model: settings, tokenizer, safetensors (or .bin files where there are none)."""
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
    names = gguf_file.part_names(name)

    def fetch(number: int, part: str) -> Path:
        def step(fraction: float) -> None:
            progress((number + fraction) / len(names))

        return Path(hub.hf_hub_download(repo, part, tqdm_class=_reporting(step)))

    def fetch_all() -> Path:
        fetched = [fetch(number, part) for number, part in enumerate(names)]
        return fetched[0]

    return _asking(f"{repo}:{name}", fetch_all)


def _snapshot(repo: str, patterns: list[str], progress: Progress) -> Path:
    hub = _library()

    def fetch() -> Path:
        return Path(
            hub.snapshot_download(
                repo,
                allow_patterns=patterns,
                ignore_patterns=_NOT_THESE,
                tqdm_class=_reporting(progress),
            )
        )

    return _asking(repo, fetch)


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
        raise UserError(f"{what}: not in the hub's cache, and {_why_not(error)}") from None
    except (e.HfHubHTTPError, OSError) as error:
        raise UserError(f"{what}: the download failed ({_first_line(error)}); try again, it resumes") from None


def _why_not(error: Exception) -> str:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
        return "HF_HUB_OFFLINE forbids to fetch it"
    return f"the hub cannot be reached ({_first_line(error.__cause__ or error)})"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _library() -> Any:
    import huggingface_hub

    return huggingface_hub


def _reporting(progress: Progress) -> Any:
    """A progress bar for the hub's library that draws nothing and reports what fraction of the bytes has come."""
    from huggingface_hub import utils

    bar: Any = utils

    class Reporting(bar.tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **settings: Any) -> None:
            self.counts_bytes = settings.get("unit") == "B"
            self.so_far = float(settings.get("initial") or 0)
            super().__init__(*args, **{**settings, "disable": True})
            self.whole = settings.get("total")

        def update(self, n: float | None = 1) -> bool | None:
            self.so_far += n or 0
            whole = getattr(self, "total", None) or self.whole
            if self.counts_bytes and whole:
                progress(min(1.0, self.so_far / whole))
            return None

    return Reporting
