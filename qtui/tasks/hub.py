"""The data files of a data set on the Hugging Face hub.

Uses `huggingface_hub`, which the engines need too: it downloads files and honours the cache, HF_HUB_OFFLINE and HF_TOKEN. Sets that
are known by name, with configurations, are loaded by `task_sets.hub_rows`.
"""

import re
from pathlib import Path
from typing import Any

from qtui.errors import UserError
from qtui.secrets import redaction
from qtui.tasks.tables import READERS

DESCRIPTIONS = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "config.json")
DEFAULT_SPLITS = ("test", "validation", "train")


def files(repository: str, split: str | None) -> list[Path]:
    """The files of one split in order, downloaded or from the cache. By default test, else validation, else train."""
    for name in (split,) if split else DEFAULT_SPLITS:
        matching = _split_files(snapshot(repository, [f"*{name}*{suffix}" for suffix in READERS]), name)
        if matching:
            return matching
    folder = snapshot(repository, [f"*{suffix}" for suffix in READERS])
    everything = _data_files(folder)
    if len(everything) == 1 and not split:
        return everything
    listed = ", ".join(str(path.relative_to(folder)) for path in everything[:8]) or "none in a format of task sets"
    problem = f"no split {split!r}" if split else "it is unclear which of its files has the tasks"
    raise UserError(f"hf:{repository}: {problem} (files: {listed}). Name one: hf:{repository}:SPLIT")


def _split_files(folder: Path, split: str) -> list[Path]:
    """`test.csv`, `data/test-00000-of-00002.parquet`, `test/0000.parquet`: the files whose path has the split as a word."""
    word = re.compile(rf"(?:^|[/_.-]){re.escape(split)}(?:$|[/_.-])", re.IGNORECASE)
    matching = [path for path in _data_files(folder) if word.search(str(path.relative_to(folder).with_suffix("")))]
    folders = {path.parent for path in matching}
    if len(folders) > 1 or len({path.suffix for path in matching}) > 1:
        listed = ", ".join(str(path.relative_to(folder)) for path in matching[:8])
        raise UserError(
            f"{folder.name}: the split {split!r} exists several times ({listed}). Download one of them and name the file."
        )
    return matching


def _data_files(folder: Path) -> list[Path]:
    """The files with tasks. A .json beside tables describes them, in most data sets."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in READERS and path.is_file())
    tables = [path for path in found if path.suffix.lower() != ".json"]
    return tables or [path for path in found if path.name not in DESCRIPTIONS]


def snapshot(repository: str, patterns: list[str], revision: str | None = None) -> Path:
    """Download the files that match these patterns and return their folder, whose name is the commit.

    Raises UserError with what to do.
    """
    hub = library()
    errors = hub.errors
    address = f"hf:{repository}"
    try:
        return Path(hub.snapshot_download(repository, repo_type="dataset", revision=revision, allow_patterns=patterns))
    except errors.GatedRepoError:
        raise UserError(f"{address}: accept its terms on the hub, then set HF_TOKEN") from None
    except errors.HFValidationError:
        raise UserError(
            f"{address}: not a name of a data set on the hub: write hf:ORGANISATION/NAME or hf:ORGANISATION/NAME:SPLIT"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{address}: has no revision {revision!r}") from None
    except errors.RepositoryNotFoundError:
        raise UserError(f"{address}: no such data set on the hub (or it is private: set HF_TOKEN)") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise UserError(
            f"{address}: is not in the cache, and the hub cannot be reached (or HF_HUB_OFFLINE is set)"
        ) from None
    except (errors.HfHubHTTPError, OSError) as error:
        raise UserError(
            f"{address}: cannot be downloaded: {str(error).splitlines()[0] if str(error) else error!r}"
        ) from error


def library() -> Any:
    """`huggingface_hub`, with the user's token known as a secret before a server can repeat it."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ModuleNotFoundError:
        raise UserError(
            "task sets of the hub need huggingface_hub, which is not installed: pip install 'qtui[engines]'"
        ) from None
    redaction.remember("the hub's token", huggingface_hub.get_token())
    return huggingface_hub
