"""What weights are, as a hash of their content: part of every answer's key.

Hashing a large model takes a minute, so each file's hash is remembered under its path, size and time of change.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from qtui import paths
from qtui.engines.weights import gguf_file
from qtui.errors import UserError
from qtui.files import private_files
from qtui.records import content_hash

CHUNK = 1 << 22

FOLDER_FILES = (
    "config.json",
    "generation_config.json",
    "quantize_config.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
)
"""Files that decide what a folder answers, beside the weights. A README or a training script does not."""

Progress = Callable[[float], None]


def of_weights(path: Path, progress: Progress | None = None) -> str:
    """SHA-256 over a .gguf file with all its parts, or over what counts in a folder. `progress` gets 0 to 1."""
    files = folder_files(path) if path.is_dir() else gguf_file.parts(path)
    known = _Known()
    total = sum(file.stat().st_size for file in files) or 1
    done = 0
    hashes = []
    for file in files:
        before = done

        def step(count: int, before: int = before) -> None:
            if progress:
                progress((before + count) / total)

        hashes.append([file.name, known.hash_of(file, step)])
        done += file.stat().st_size
    known.save()
    # A file's name is not its content: the same GGUF under another name gives the same answers.
    return hashes[0][1] if len(hashes) == 1 else content_hash("weights", hashes)


def folder_files(folder: Path) -> list[Path]:
    """What counts in a folder of the hub's form, sorted by name. Raises UserError where there is nothing to run."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so this is not a model folder")
    weights = weight_files(folder)
    named = [folder / name for name in FOLDER_FILES if (folder / name).is_file()]
    index = sorted(folder.glob("*.index.json"))
    code = sorted(folder.glob("*.py")) if _has_own_code(folder) else []
    return sorted({*named, *index, *weights, *code}, key=lambda file: file.name)


def weight_files(folder: Path) -> list[Path]:
    """The tensors' files. Raises UserError where there are none."""
    files = sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*.bin"))
    if not files:
        raise UserError(f"{folder}: no *.safetensors file; the download may be incomplete")
    return files


def _has_own_code(folder: Path) -> bool:
    try:
        return "auto_map" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{folder / 'config.json'}: not valid JSON ({error})") from None


class _Known:
    """The hashes that were computed before, in one small JSON file. Losing it costs time and nothing else."""

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
            # Read again: another worker may have written meanwhile.
            write_atomically(self.file, json.dumps({**self._read(), **self.new}, indent=0).encode())

    def _read(self) -> dict[str, str]:
        try:
            found = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def write_atomically(file: Path, data: bytes) -> None:
    """Whole or not at all, whoever else writes or dies at the same moment."""
    private_files.make_folder(file.parent)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


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
