"""Downloads of large hub files that resume after an interruption, even if the process was killed.

The hub's library (2.4) resumes after a broken connection, but discards a partial file when its process ends, which costs hours
for a model of 40 GB. So large files are downloaded with its `http_get` into a partial file beside their place in its cache, where
the library then finds them. Files in the hub's Xet storage are left to the library, which is faster for them.
"""

import fcntl
import hashlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlparse

from qtui import paths
from qtui.errors import UserError
from qtui.files import private_files

LARGE = 32 << 20
"""Bytes. Restarting the download of a smaller file costs little."""


def partial_bytes(blobs: Path) -> int:
    """Return the size in bytes of all partial files."""
    return sum(file.stat().st_size for file in blobs.glob("*.partial")) if blobs.is_dir() else 0


def fetch(repo: str, name: str, blobs: Path, bar: Any) -> None:
    """Download one file of a model into `blobs` of the library's cache, unless it is there or left to the library.

    `bar` is a progress bar class for the library. Raises the library's errors, and UserError for damaged content.
    """
    import huggingface_hub as hub

    url = hub.hf_hub_url(repo, name)
    metadata = hub.get_hf_file_metadata(url)
    if metadata.etag is None or metadata.size is None or _is_for_xet(metadata) or (blobs / metadata.etag).exists():
        return
    blobs.mkdir(parents=True, exist_ok=True)
    whole, partial = blobs / metadata.etag, blobs / f"{metadata.etag}.partial"
    with _alone():
        if whole.exists():
            return  # another process has downloaded it in the meantime
        partial.touch()
        with partial.open("r+b") as file:
            have = file.seek(0, 2)
            if have > metadata.size:
                have = file.truncate(0)
            _download(url, metadata, file, have, bar)
        if have and not _is_whole(partial, metadata.etag):
            partial.unlink()
            raise UserError(
                f"{repo}:{name}: the partial file of an earlier download was damaged and is deleted; try again"
            )
        partial.replace(whole)


def _download(url: str, metadata: Any, file: BinaryIO, have: int, bar: Any) -> None:
    from huggingface_hub import utils
    from huggingface_hub.file_download import http_get

    library: Any = utils
    headers = library.build_hf_headers()
    if urlparse(metadata.location).netloc != urlparse(url).netloc:
        headers.pop("authorization", None)  # the token is for the hub, not for its file servers
    file.seek(have)
    http_get(metadata.location, file, resume_size=have, headers=headers, expected_size=metadata.size, tqdm_class=bar)


def _is_for_xet(metadata: Any) -> bool:
    from huggingface_hub import constants

    return (
        bool(metadata.xet_file_data) and not constants.HF_HUB_DISABLE_XET and bool(importlib.util.find_spec("hf_xet"))
    )


def _is_whole(file: Path, etag: str) -> bool:
    """Whether the content is correct, by its SHA-256 if the hub names the file by it; other files are only checked by size."""
    if len(etag) != 64:
        return True
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest() == etag


@contextmanager
def _alone() -> Iterator[None]:
    """Only one process at a time downloads large files. The lock of a killed process is free."""
    lock = paths.cache() / "download.lock"
    private_files.private_folder(lock.parent)
    with private_files.create(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
