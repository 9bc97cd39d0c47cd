"""The hash of the weights' content, which is part of every answer's key.

Hashing a large model takes a minute, so each file's hash is stored under its path, size and modification time.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from qtui import paths
from qtui.errors import UserError
from qtui.files import private_files
from qtui.records import content_hash

CHUNK = 1 << 22

Progress = Callable[[float], None]


def of_files(files: Sequence[Path], progress: Progress | None = None) -> str:
    """Return the SHA-256 of one file's content, or of the names and contents of several files. `progress` gets 0 to 1.

    Raises UserError if a file cannot be read.
    """
    cache = _HashCache()
    total = sum(file.stat().st_size for file in files) or 1
    done = 0
    hashes = []
    for file in files:
        before = done

        def step(count: int, before: int = before) -> None:
            if progress:
                progress((before + count) / total)

        hashes.append([file.name, cache.hash_of(file, step)])
        done += file.stat().st_size
    cache.save()
    # The name of a single file is not included: the same GGUF file under another name gives the same answers.
    return hashes[0][1] if len(hashes) == 1 else content_hash("weights", hashes)


class _HashCache:
    """Hashes that were computed before, in a small JSON file. Losing it costs only time."""

    def __init__(self) -> None:
        self.file = paths.cache() / "fingerprints.json"
        self.new: dict[str, str] = {}
        self.old = self._read()

    def hash_of(self, file: Path, step: Callable[[int], None]) -> str:
        state = file.stat()
        key = f"{file.resolve()}|{state.st_size}|{state.st_mtime_ns}"
        if key not in self.old:
            self.old[key] = self.new[key] = _sha256(file, step)
        return self.old[key]

    def save(self) -> None:
        if self.new:
            # Read again, because another worker may have written in between. A cache that cannot be written costs only time.
            with contextlib.suppress(OSError):
                private_files.write_whole(self.file, json.dumps({**self._read(), **self.new}, indent=0).encode())

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def _sha256(file: Path, step: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    done = 0
    try:
        with file.open("rb") as data:
            while chunk := data.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                step(done)
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror or error})") from None
    return digest.hexdigest()
