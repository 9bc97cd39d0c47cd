"""The data files of a data set on the Hugging Face hub.

Through `huggingface_hub` and not `datasets`: the library that the engines need anyway fetches the files, honours the cache,
HF_HUB_OFFLINE and HF_TOKEN, and a task set is small enough to need nothing more.
"""

import re
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.secrets import redaction
from qtui.tasks.tables import READERS

DEFAULT_SPLITS = ("test", "validation", "train")


def files(repository: str, split: str | None) -> list[Path]:
    """The files of one split in their order, fetched or from the cache. By default test, else validation, else train."""
    for wanted in (split,) if split else DEFAULT_SPLITS:
        found = _of_split(_snapshot(repository, [f"*{wanted}*{suffix}" for suffix in READERS]), wanted)
        if found:
            return found
    folder = _snapshot(repository, [f"*{suffix}" for suffix in READERS])
    everything = _data_files(folder)
    if len(everything) == 1 and not split:
        return everything
    listed = ", ".join(str(path.relative_to(folder)) for path in everything[:8]) or "none that could be a task set"
    wanted_words = f"no split {split!r}" if split else "which of its files are the tasks is unclear"
    raise UserError(f"hf:{repository}: {wanted_words} (files: {listed}). Name one: hf:{repository}:SPLIT")


def _of_split(folder: Path, split: str) -> list[Path]:
    """`test.csv`, `data/test-00000-of-00002.parquet`, `test/0000.parquet`: the split is a word of the path."""
    word = re.compile(rf"(?:^|[/_.-]){re.escape(split)}(?:$|[/_.-])", re.IGNORECASE)
    found = [path for path in _data_files(folder) if word.search(str(path.relative_to(folder).with_suffix("")))]
    folders = {path.parent for path in found}
    if len(folders) > 1 or len({path.suffix for path in found}) > 1:
        listed = ", ".join(str(path.relative_to(folder)) for path in found[:8])
        raise UserError(
            f"{folder.name}: the split {split!r} is there several times ({listed}). Download one and name the file."
        )
    return found


def _data_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in READERS and path.is_file())


def _snapshot(repository: str, patterns: list[str]) -> Path:
    """The folder with the files of these patterns. Raises UserError saying what to do."""
    hub = _library()
    errors = hub.errors
    address = f"hf:{repository}"
    try:
        return Path(hub.snapshot_download(repository, repo_type="dataset", allow_patterns=patterns))
    except errors.GatedRepoError:
        raise UserError(f"{address}: accept its terms on the hub first, then set HF_TOKEN") from None
    except errors.HFValidationError:
        raise UserError(
            f"{address}: not a name of the hub: hf:ORGANISATION/NAME or hf:ORGANISATION/NAME:SPLIT"
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"{address}: no such data set on the hub (or it is private: set HF_TOKEN)") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise UserError(
            f"{address}: is not in the hub's cache, and the hub cannot be reached (or is switched off)"
        ) from None
    except (errors.HfHubHTTPError, OSError) as error:
        raise UserError(
            f"{address}: cannot be fetched: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error


def _library() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError:
        raise UserError(
            "task sets of the hub need huggingface_hub, which is not installed: pip install 'qtui[engines]'"
        ) from None
    redaction.remember("the hub's token", huggingface_hub.get_token())
    return huggingface_hub
