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
from qtui.engines.weights import fingerprint, folder_files, gguf_file, prompt_format, quantized_checkpoint
from qtui.engines.weights.gguf_file import GgufHeader, TensorInfo
from qtui.engines.weights.json_file import read_json
from qtui.engines.weights.prompt_format import PromptFormat


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
        """The files with the tensors."""
        return tuple(folder_files.tensor_files(self.path) if self.is_folder else gguf_file.parts(self.path))

    @cached_property
    def file_bytes(self) -> int:
        """The total size of `files`."""
        return sum(file.stat().st_size for file in self.files)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all files that decide what the model answers. Takes a minute for a new large model."""
        files = (
            folder_files.model_files(self.path, has_remote_code=self.has_remote_code) if self.is_folder else self.files
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
        if self.is_folder:
            return prompt_format.read_folder(self.path, self.config)
        return prompt_format.read_gguf(self.header)

    @property
    def _matrices(self) -> list[TensorInfo]:
        return [tensor for tensor in self.tensors if len(tensor.shape) >= 2]


def open_weights(path: Path, report: LoadingReport = _report_nothing) -> Weights:
    """Return the weights at an existing path. Nothing is read yet. `report` gets the progress of hashing."""
    return Weights(path, path.is_dir(), report)
