"""The weights of a model on this disk as one record, which planning, prompts and engines use.

Every part is read from the files when it is first used, and only once. Large parts (a tokenizer's vocabulary, tensors) are not
kept.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from qtui.engines.protocol.loading_progress import LoadingReport, whole_percents
from qtui.engines.weights import fingerprint, gguf_file, gguf_fit, prompt_format, quantized_checkpoint
from qtui.engines.weights.checkpoint import config_fit, folder_files, output_head, stored_format
from qtui.engines.weights.checkpoint.folder_files import TensorFiles
from qtui.engines.weights.checkpoint.output_head import OutputHead
from qtui.engines.weights.checkpoint.safetensors_header import Header, StoredTensor
from qtui.engines.weights.checkpoint.stored_format import StoredFormat
from qtui.engines.weights.gguf_file import GgufHeader, TensorInfo
from qtui.engines.weights.json_file import read_json
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.errors import UserError
from qtui.files.parsing import parsing


def _report_nothing(_: object) -> None:
    pass


@dataclass(frozen=True)
class Weights:
    """A Hugging Face folder or a GGUF file; created by `open_weights`.

    Reading a part raises UserError if its files are damaged.
    """

    path: Path
    """The folder or the .gguf file; the first file of a split model."""
    is_folder: bool
    report: LoadingReport = field(default=_report_nothing, repr=False, compare=False)
    """Gets the progress of hashing."""
    listed_tensors: tuple[StoredTensor, ...] | None = field(default=None, repr=False, compare=False)
    """The tensors as the hub lists them, for a folder with only a model's settings; None if the files are here or not known."""

    @cached_property
    def name(self) -> str:
        """The model's name, for files converted from a folder: the folder's name, or the repository's in the hub's cache.

        Folders of the hub's cache are named by hashes.
        """
        if self.path.parent.name == "snapshots":
            return self.path.parent.parent.name.rsplit("--", 1)[-1]
        return self.path.resolve().name

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The files with the tensors. Raises UserError if some are missing."""
        return self._tensor_files.files if self.is_folder else tuple(gguf_file.parts(self.path))

    @cached_property
    def file_bytes(self) -> int:
        """The total size of `files`."""
        return sum(file.stat().st_size for file in self.files)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all files that decide what the model answers. Takes a minute for a new large model."""
        files = (
            folder_files.model_files(self.path, self.config, has_remote_code=self.has_remote_code)
            if self.is_folder
            else self.files
        )
        return fingerprint.of_files(files, whole_percents(self.report, f"hashing {self.path.name}"))

    @cached_property
    def config(self) -> dict[str, Any]:
        """A folder's config.json; empty if there is none, and for a GGUF file."""
        return read_json(self.path / "config.json") if self.is_folder else {}

    @property
    def has_remote_code(self) -> bool:
        """Whether the config names Python code in the model's folder."""
        return "auto_map" in self.config

    @cached_property
    def quantization(self) -> str:
        """The quantization method of a folder's weights, such as `gptq`; empty if they are not quantized, and for a GGUF file."""
        return quantized_checkpoint.method(self.config)

    @cached_property
    def stored_tensors(self) -> tuple[StoredTensor, ...]:
        """A folder's tensors without values, as its safetensors files list them; empty for .bin files and a GGUF file."""
        if self.listed_tensors is not None:
            return self.listed_tensors
        return tuple(tensor for header in self._headers.values() for tensor in header.tensors)

    @property
    def _stored_bits(self) -> int | None:
        """The size of a folder's tensors; None before its weights are here."""
        return None if self.listed_tensors is not None else 8 * self.file_bytes

    @cached_property
    def stored_format(self) -> StoredFormat | None:
        """How quantized weights of a folder are stored, as its files show; None if they are plain floating point, or not known."""
        return stored_format.find(self.stored_tensors)

    def check_for_transformers(self) -> None:
        """Raise UserError if transformers would not find a folder's weights, which are there, or would read others."""
        if self.is_folder and self.listed_tensors is None:
            folder_files.check_for_transformers(self.path, self.config)

    def check_config(self) -> None:
        """Raise UserError if a folder's config counts other layers or tokens than its files have."""
        if self.is_folder:
            config_fit.check(self.path / "config.json", self.config, self.stored_tensors, self._stored_bits)

    def check_quantization(self, name: str) -> None:
        """Raise UserError if a folder's files show a quantization that its config does not name. `name` is the model's."""
        if self.is_folder:
            quantized_checkpoint.check_declared(
                self.path, self.config, self.stored_format, name, knows_tensors=bool(self.stored_tensors)
            )

    @cached_property
    def output_head(self) -> OutputHead:
        """What a folder's files have as the model's last matrix. Compares values where config and files may disagree."""
        return output_head.find(self.stored_tensors)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on a folder's files: where they are not what their names or the config say."""
        if not self.is_folder:
            return ()
        head = output_head.note(self.output_head) if output_head.is_tied(self.config) else ""
        return tuple(filter(None, (self._tensor_files.note, head)))

    def check_files(self) -> None:
        """Raise UserError if files are missing, damaged or cut off, as far as their headers and sizes show."""
        if not self.is_folder:
            gguf_file.check_complete(
                [self.header if file == self.path else gguf_file.read_header(file) for file in self.files]
            )
            gguf_fit.check(self.header, self.tensors)
            return
        folder_files.check_settings(self.path)
        _ = self.prompt_format  # reads the JSON files
        folder_files.check_index(self.path, self.config, self._headers)
        folder_files.check_pickled(self.files)

    def refuse_pickled(self, how_to_allow: str) -> None:
        """Raise UserError if files with tensors are pickles, which may hold programs. `how_to_allow` ends its sentence."""
        pickled = [file for file in self.files if file.suffix in (".bin", ".pt", ".pth", ".pkl", ".ckpt")]
        if pickled:
            raise UserError(
                f"{pickled[0]}: is stored as Python's pickle, a format that can hold programs. Use safetensors; or, if you"
                f" trust where it comes from, {how_to_allow}."
            )

    @cached_property
    def header(self) -> GgufHeader:
        """The header of the GGUF file. Raises UserError if the weights are a folder."""
        return gguf_file.read_header(self.path)

    @cached_property
    def tensors(self) -> tuple[TensorInfo, ...]:
        """The tensors of all GGUF files of the model, without values."""
        headers = [self.header if file == self.path else gguf_file.read_header(file) for file in self.files]
        return tuple(tensor for header in headers for tensor in gguf_file.read_tensors(header))

    @cached_property
    def matrix_types(self) -> tuple[str, ...]:
        """ggml's numbers of the types of a GGUF model's matrices, the one with most weights first."""
        weights: Counter[str] = Counter()
        for tensor in self._matrices:
            weights[str(tensor.type)] += tensor.elements
        return tuple(sorted(weights, key=lambda name: (-weights[name], name)))

    @property
    def has_experts(self) -> bool:
        """Whether a GGUF model's matrices include stacked experts."""
        return any("_exps" in tensor.name for tensor in self._matrices)

    @cached_property
    def prompt_format(self) -> PromptFormat:
        """Chat template, special tokens and end tokens, as the model's files name them."""
        with parsing(self.path, "a model with a tokenizer", "download the model again"):
            return (
                prompt_format.read_folder(self.path, self.config)
                if self.is_folder
                else prompt_format.read_gguf(self.header)
            )

    @cached_property
    def _tensor_files(self) -> TensorFiles:
        return folder_files.tensor_files(self.path, self.config)

    @cached_property
    def _headers(self) -> dict[Path, Header]:
        return folder_files.read_headers(self.files) if self.is_folder else {}

    @property
    def _matrices(self) -> list[TensorInfo]:
        return [tensor for tensor in self.tensors if len(tensor.shape) >= 2]


def open_weights(
    path: Path, report: LoadingReport = _report_nothing, *, listed_tensors: tuple[StoredTensor, ...] | None = None
) -> Weights:
    """Return the weights at an existing path. Nothing is read yet. `report` gets the progress of hashing.

    `listed_tensors`: see `Weights`.
    """
    return Weights(path, path.is_dir(), report, listed_tensors)
