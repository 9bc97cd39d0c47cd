"""A large file of the hub, fetched so that a download that was cut off goes on where it stopped, also after the process was killed.

The hub's library (2.4) takes up a broken connection, but throws away what it had of a file when its process ends: hours, of a model
of 40 GB. So large files come through its own `http_get` into a partial file beside the place that they will have in its cache, and
the library finds them there. Files that the hub keeps in Xet storage are left to the library, which is faster there.
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
"""Bytes; below, to start again costs less than to remember."""


def partial_bytes(blobs: Path) -> int:
    """What is here already of files that are not whole yet."""
    return sum(file.stat().st_size for file in blobs.glob("*.partial")) if blobs.is_dir() else 0


def fetch(repo: str, name: str, blobs: Path, bar: Any) -> None:
    """Fetch one file of a model into `blobs` of the library's cache, unless it is there or left to the library.

    `bar` is a progress bar's class in the library's form. Raises what the library raises, and UserError for damaged content.
    """
    import huggingface_hub as hub

    url = hub.hf_hub_url(repo, name)
    found = hub.get_hf_file_metadata(url)
    if found.etag is None or found.size is None or _is_for_xet(found) or (blobs / found.etag).exists():
        return
    blobs.mkdir(parents=True, exist_ok=True)
    whole, partial = blobs / found.etag, blobs / f"{found.etag}.partial"
    with _alone():
        if whole.exists():
            return  # another process has fetched it meanwhile
        partial.touch()
        with partial.open("r+b") as file:
            have = file.seek(0, 2)
            if have > found.size:
                have = file.truncate(0)
            _download(url, found, file, have, bar)
        if have and not _is_whole(partial, found.etag):
            partial.unlink()
            raise UserError(
                f"{repo}:{name}: what was here of an earlier download does not fit; try again from the start"
            )
        partial.replace(whole)


def _download(url: str, found: Any, file: BinaryIO, have: int, bar: Any) -> None:
    from huggingface_hub import utils
    from huggingface_hub.file_download import http_get

    library: Any = utils
    headers = library.build_hf_headers()
    if urlparse(found.location).netloc != urlparse(url).netloc:
        headers.pop("authorization", None)  # the token is for the hub, not for where it keeps its files
    file.seek(have)
    http_get(found.location, file, resume_size=have, headers=headers, expected_size=found.size, tqdm_class=bar)


def _is_for_xet(found: Any) -> bool:
    from huggingface_hub import constants

    return bool(found.xet_file_data) and not constants.HF_HUB_DISABLE_XET and bool(importlib.util.find_spec("hf_xet"))


def _is_whole(file: Path, etag: str) -> bool:
    """By its hash, where the hub names a large file by it (SHA-256); of others the size has to do."""
    if len(etag) != 64:
        return True
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest() == etag


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time fetches large files; the lock of a process that was killed is free again."""
    lock = paths.cache() / "download.lock"
    private_files.private_folder(lock.parent)
    with private_files.create(lock) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
