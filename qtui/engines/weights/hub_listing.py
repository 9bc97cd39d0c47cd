"""What the hub tells of a model without its weights: the names of its files, and the tensors that its safetensors files list."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor
from qtui.engines.weights.hub_library import hub_library

_AT_ONCE = 8
"""Headers that are asked for at the same time."""


def file_names(repo: str) -> list[str] | None:
    """Return the names of all files of a model; None if the hub does not answer or refuses (its cache may have the model)."""
    library = hub_library()
    if library.constants.HF_HUB_OFFLINE:
        return None
    try:
        return list(library.HfApi().list_repo_files(repo))
    except Exception:  # noqa: BLE001, RUF100 - the download that follows meets the same error and puts it into words
        return None


def tensors(repo: str, folder: Path, names: Sequence[str]) -> tuple[StoredTensor, ...]:
    """Return the tensors of safetensors files, from the first bytes of each; empty if one is not to be had.

    `folder` is where the files will be. A file that is there already is not asked for: then this returns nothing, because all is
    read again once the download is complete.
    """
    if not names or any(not name.endswith(".safetensors") or (folder / name).is_file() for name in names):
        return ()
    library = hub_library()
    if library.constants.HF_HUB_OFFLINE:
        return ()
    api = library.HfApi()

    def read(name: str) -> list[StoredTensor]:
        header: Any = api.parse_safetensors_file_metadata(repo, name)
        return [
            StoredTensor(tensor, str(info.dtype), tuple(info.shape), folder / name)
            for tensor, info in header.tensors.items()
        ]

    try:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return tuple(tensor for found in threads.map(read, names) for tensor in found)
    except Exception:  # noqa: BLE001, RUF100 - servers without ranges, damaged files: the check after the download is the same
        return ()
