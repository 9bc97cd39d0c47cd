"""The files of a checkpoint that decide what the model answers."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtui.engines.weights import file_faults
from qtui.engines.weights.checkpoint import safetensors_header, weight_files
from qtui.engines.weights.checkpoint.safetensors_header import Header, StoredTensor
from qtui.engines.weights.checkpoint.weight_files import WeightFiles
from qtui.engines.weights.json_file import MOST_BYTES, parse_object
from qtui.errors import UserError
from qtui.files import input_file
from qtui.files.parsing import parsing

_SETTINGS = (
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
"""Files beside the weights that decide what a model answers. READMEs and training scripts do not."""

_ADAPTER = "adapter_config.json"
_SHOWN_NAMES = 5
_MOST_POINTER_BYTES = 4096
"""What stands in the place of a large file (a Git LFS pointer, an error page, nothing) is smaller."""
_PICKLE = b"\x80"


@dataclass(frozen=True, slots=True)
class TensorFiles:
    """The files with the tensors. `note` is for the user: what else is there and is not read; else empty."""

    files: tuple[Path, ...]
    note: str = ""


def model_files(folder: Path, config: dict[str, Any], *, has_remote_code: bool) -> list[Path]:
    """Return the files that decide what a model answers, sorted by name. Raises UserError if there is no model.

    `has_remote_code`: the config names Python code in the folder, so the code is included.
    """
    check_settings(folder)
    weights = tensor_files(folder, config).files
    named = [folder / name for name in _SETTINGS if (folder / name).is_file()]
    index = sorted(folder.glob("*.index.json"))
    code = sorted(folder.glob("*.py")) if has_remote_code else []
    return sorted({*named, *index, *weights, *code}, key=lambda file: file.name)


def check_settings(folder: Path) -> None:
    """Raise UserError if the config is missing, or if a file that decides the answers is a link to nothing, or a pointer to itself.

    JSON files are only looked for: whoever reads them says what is wrong with them. Nor are large files opened.
    """
    for name in _SETTINGS:
        file = folder / name
        file_faults.check_link(file)
        if file.is_file() and file.suffix != ".json" and file.stat().st_size < _MOST_POINTER_BYTES:
            file_faults.check_file(file)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder}: no config.json, so this is not a model folder{_what_it_is(folder)}")


def _what_it_is(folder: Path) -> str:
    """What a folder without a config holds, as the end of a sentence; empty if that says nothing."""
    names = [file.name for file in folder.iterdir()]
    marks = (".gguf", "adapter_", "consolidated")
    if any(name.endswith((".safetensors", ".bin")) and not name.startswith(marks[1:]) for name in names):
        return "; download it again"
    return f": it {weight_files.why_none(names)}" if any(mark in name for name in names for mark in marks) else ""


def tensor_files(folder: Path, config: dict[str, Any]) -> TensorFiles:
    """Return the files with the tensors. Raises UserError if there are none, or if some are missing, with their names."""
    chosen = _chosen(folder, config)
    files = tuple(folder / name for name in chosen.names)
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise UserError(_missing(folder, missing, chosen.index, len(files)))
    return TensorFiles(files, chosen.note)


def check_for_transformers(folder: Path, config: dict[str, Any]) -> None:
    """Raise UserError if transformers would not find the weights, would not read their index, or would read others with peft.

    A folder that has no weights yet is not checked.
    """
    import importlib.util

    names = [file.name for file in folder.iterdir()]
    if not any(name.endswith((".safetensors", ".bin")) for name in names):
        return
    chosen = _chosen(folder, config)
    if fault := weight_files.fault_for_transformers(chosen, named=_named(config)):
        raise UserError(f"{folder}: {fault}")
    index = folder / chosen.index
    if chosen.index and not isinstance(parse_object(_text(index), index).get("metadata"), dict):
        raise UserError(
            f'{index}: has no "metadata", which transformers needs; add "metadata": {{}} or download it again'
        )
    if _ADAPTER in names and importlib.util.find_spec("peft"):
        raise UserError(
            f"{folder}: has {_ADAPTER} beside its weights, of which transformers would load another model with peft; remove "
            f"{_ADAPTER} if the adapter is merged into the weights"
        )


def _chosen(folder: Path, config: dict[str, Any]) -> WeightFiles:
    return weight_files.choose(
        [file.name for file in folder.iterdir()],
        lambda name: _text(folder / name),
        source=str(folder),
        named=_named(config),
    )


def _named(config: dict[str, Any]) -> str | None:
    named = config.get("transformers_weights")
    return named if isinstance(named, str) else None


def read_headers(files: tuple[Path, ...]) -> dict[Path, Header]:
    """Return the headers of the safetensors files among `files`.

    Raises UserError if a file is damaged or cut off, or if two files hold a tensor of the same name.
    """
    headers = {file: safetensors_header.read(file) for file in files if file.suffix == ".safetensors"}
    seen: dict[str, StoredTensor] = {}
    for header in headers.values():
        for tensor in header.tensors:
            other = seen.setdefault(tensor.name, tensor)
            if other is not tensor:
                raise UserError(
                    f"{tensor.file}: has the tensor {tensor.name}, which {other.file.name} has, too; download the model again"
                )
    return headers


def check_pickled(files: tuple[Path, ...]) -> None:
    """Raise UserError if a file in PyTorch's format (.bin) is damaged or cut off, as far as its beginning and end show."""
    for file in files:
        if file.suffix == ".safetensors":
            continue
        file_faults.check_file(file)
        with file.open("rb") as data:
            start = data.read(2)
        # PyTorch writes a zip archive, whose directory is at its end; before 1.6 it wrote a pickle.
        if not (zipfile.is_zipfile(file) if start == b"PK" else start.startswith(_PICKLE)):
            raise UserError(
                f"{file}: cut off or not a file of PyTorch ({file.stat().st_size:,} bytes); download it again"
            )


def check_index(folder: Path, config: dict[str, Any], headers: dict[Path, Header]) -> None:
    """Raise UserError if the index names a tensor that its file does not have."""
    names = [file.name for file in folder.iterdir()]
    index = weight_files.needs_index(names, _named(config))
    if not index or not headers:
        return
    stored = {tensor.name for header in headers.values() for tensor in header.tensors}
    absent = sorted(set(parse_object(_text(folder / index), folder / index)["weight_map"]) - stored)
    if absent:
        raise UserError(
            f"{folder / index}: names {len(absent)} tensors that its files do not have, {absent[0]} first; download the model again"
        )


def _missing(folder: Path, missing: list[Path], index: str, count: int) -> str:
    links = [file for file in missing if file.is_symlink()]
    shown = ", ".join(file.relative_to(folder).as_posix() for file in missing[:_SHOWN_NAMES])
    more = f" and {len(missing) - _SHOWN_NAMES} more" if len(missing) > _SHOWN_NAMES else ""
    named_by = f" that {index} names" if index else ""
    links_note = " (links to nothing: an incomplete hub cache or copy)" if links else ""
    return (
        f"{folder}: {len(missing)} of the {count} weight files{named_by} are missing: {shown}{more}{links_note}; "
        "download the model again"
    )


def _text(file: Path) -> str:
    file_faults.check_file(file)
    with parsing(file, "a text in UTF-8", "download it again"):
        return input_file.read(file, MOST_BYTES).decode("utf-8")
