"""Reads the header of a GGUF file without native code: architecture, chat template, special tokens, tensors.

The reader skips large arrays, so planning a variant takes milliseconds, and a damaged file is a clear error here instead of an
abort in native code later. Format: ggml's docs/gguf.md, versions 2 and 3.
"""

import math
import re
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from qtui.errors import UserError, shortened

MAGIC = b"GGUF"
LONGEST_STRING = 1 << 26
"""Bytes. A longer text means that the header is damaged."""
KEPT_ARRAY = 64
"""Arrays up to this length are read, longer ones are skipped (`LongArray`)."""

ALIGNMENT = 32
"""Default alignment of tensors in bytes."""
MOST_DIMENSIONS = 4

TENSOR_TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q8_1": 9, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
    "Q5_K": 13, "Q6_K": 14, "Q8_K": 15, "IQ2_XXS": 16, "IQ2_XS": 17, "IQ3_XXS": 18, "IQ1_S": 19, "IQ4_NL": 20, "IQ3_S": 21,
    "IQ2_S": 22, "IQ4_XS": 23, "I8": 24, "I16": 25, "I32": 26, "I64": 27, "F64": 28, "IQ1_M": 29, "BF16": 30, "TQ1_0": 34,
    "TQ2_0": 35, "MXFP4": 39, "NVFP4": 40, "Q1_0": 41, "Q2_0": 42,
}  # fmt: skip
"""The numbers of tensor types (ggml's `ggml_type`), by name."""

_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36),
    41: (128, 18),
}  # fmt: skip
"""Values and bytes of a block, by the number of a type. Types without blocks have one value."""

_SCALARS = {0: "B", 1: "b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9

_PART_OF_MANY = re.compile(r"^(?P<stem>.*)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf$")


@dataclass(frozen=True, slots=True)
class LongArray:
    """An array that was skipped. `offset` (bytes) is its place in the file, `element` its value type, to read elements later."""

    length: int
    element: int
    offset: int


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor.

    `shape` begins with the row length, as in GGUF; `type` is ggml's number; `offset` is in bytes from the file's start.
    """

    name: str
    shape: tuple[int, ...]
    type: int
    offset: int

    @property
    def elements(self) -> int:
        """Number of values."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of one file. `tensors` is the number of tensors, `values` the metadata by key."""

    path: Path
    version: int
    tensors: int
    values: dict[str, Any] = field(repr=False)
    end: int = 0
    """Where the header ends and the descriptions of the tensors begin, in bytes."""

    @property
    def architecture(self) -> str:
        """For example `llama`; empty if the file does not name it."""
        return str(self.values.get("general.architecture", ""))

    @property
    def chat_template(self) -> str | None:
        """The Jinja template; None if there is none."""
        template = self.values.get("tokenizer.chat_template")
        return template if isinstance(template, str) and template.strip() else None

    @property
    def bos_id(self) -> int | None:
        """The id of the BOS token; None if there is none."""
        value = self.whole_number("tokenizer.ggml.bos_token_id")
        if value is None and self.values.get("tokenizer.ggml.model") == "llama":
            return 1  # llama.cpp's default for this tokenizer
        return value

    @property
    def adds_bos(self) -> bool:
        """Whether the tokenizer adds a BOS: as the file says, else llama.cpp's default for its tokenizer."""
        setting = self.values.get("tokenizer.ggml.add_bos_token")
        return bool(setting) if setting is not None else self.values.get("tokenizer.ggml.model") == "llama"

    @property
    def context(self) -> int | None:
        """The context in tokens that the model was trained with; None if not known."""
        return self.whole_number(f"{self.architecture}.context_length")

    def whole_number(self, key: str) -> int | None:
        """Return a whole number of the metadata; None if the file does not have it. Raises UserError if it is none."""
        value = self.values.get(key)
        if value is None or type(value) is int:
            return value
        said = f"a {type(value).__name__}" if not isinstance(value, str | float | bool) else repr(value)
        raise UserError(f"{self.path}: {key} is {shortened(said, 60)} and not a whole number; download it again")

    def token_text(self, token: int | None) -> str:
        """Return the text of a token of the vocabulary; empty if there is no such token."""
        tokens = self.values.get("tokenizer.ggml.tokens")
        if token is None or token < 0:
            return ""
        if isinstance(tokens, list):
            return str(tokens[token]) if token < len(tokens) else ""
        if not isinstance(tokens, LongArray) or token >= tokens.length:
            return ""
        with self.path.open("rb") as file:
            file.seek(tokens.offset)
            reader = _Reader(file, self.path)
            for _ in range(token):
                reader.skip_string()
            return reader.string()

    def ids_among(self, texts: Collection[str]) -> dict[str, int]:
        """Return the ids of those `texts` that are tokens of the vocabulary."""
        return self.ids_where(lambda text: text in texts)

    def ids_where(self, is_wanted: Callable[[str], bool]) -> dict[str, int]:
        """Return the ids of the tokens of the vocabulary whose text is wanted."""
        tokens = self.values.get("tokenizer.ggml.tokens")
        if isinstance(tokens, list):
            return {token: number for number, token in enumerate(tokens) if is_wanted(token)}
        if not isinstance(tokens, LongArray) or tokens.element != _STRING:
            return {}
        with self.path.open("rb") as file:
            file.seek(tokens.offset)
            reader = _Reader(file, self.path)
            named = ((reader.string(), number) for number in range(tokens.length))
            return {token: number for token, number in named if is_wanted(token)}

    def token_types(self, ids: Collection[int]) -> dict[int, int]:
        """Return the types of tokens, as ggml numbers them; none that the file does not say."""
        types = self.values.get("tokenizer.ggml.token_type")
        if isinstance(types, list):
            return {token: int(types[token]) for token in ids if token < len(types)}
        if not isinstance(types, LongArray) or types.element not in _SCALARS:
            return {}
        form = _SCALARS[types.element]
        found = {}
        with self.path.open("rb") as file:
            for token in ids:
                if token < types.length:
                    file.seek(types.offset + token * struct.calcsize(form))
                    found[token] = int(_Reader(file, self.path).number(form))
        return found


def read_header(path: Path) -> GgufHeader:
    """Return the header of a file. Raises UserError if it is not a complete GGUF header."""
    if path.is_dir():
        raise UserError(f"{path}: a folder, but a GGUF file is needed")
    try:
        with path.open("rb") as file:
            return _Reader(file, path).header()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_tensors(header: GgufHeader) -> list[TensorInfo]:
    """Return the tensors of one file, without values.

    Raises UserError if the file is damaged or ends before the last tensor begins.
    """
    try:
        with header.path.open("rb") as file:
            file.seek(header.end)
            return _Reader(file, header.path).tensors(header)
    except OSError as error:
        raise UserError(f"{header.path}: cannot be read ({error.strerror or error})") from None


def check_complete(headers: Collection[GgufHeader]) -> None:
    """Raise UserError if a file of a model ends before its last tensor does. Tensors of unknown types are not checked."""
    for header in headers:
        size = header.path.stat().st_size
        for tensor in read_tensors(header):
            values, count = _BLOCKS.get(tensor.type, (1, 0))
            end = tensor.offset + tensor.elements // values * count
            if end > size:
                raise UserError(
                    f"{header.path}: cut off: tensor {tensor.name} ends beyond its {size:,} bytes; download it again"
                )


def parts(path: Path) -> list[Path]:
    """Return all files of a split model (`name-00001-of-00003.gguf`), in order; else only the file.

    Raises UserError if a part is missing.
    """
    match = _PART_OF_MANY.match(path.name)
    if not match:
        return [path]
    files = [path.with_name(name) for name in part_names(path.name)]
    missing = [f.name for f in files if not f.is_file()]
    if missing:
        raise UserError(f"{path}: the parts {', '.join(missing)} of this model are missing beside it")
    return files


def part_names(name: str) -> list[str]:
    """Return the names of all parts of a split model, from the name of any part; else only the name."""
    match = _PART_OF_MANY.match(name)
    if not match:
        return [name]
    count = int(match["parts"])
    return [f"{match['stem']}-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1)]


class _Reader:
    """Reads values at the file's position. Raises UserError if the file is damaged or ends too early."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self.file = file
        self.path = path
        self.size = path.stat().st_size

    def header(self) -> GgufHeader:
        magic = self.file.read(4)
        if magic != MAGIC:
            raise UserError(f"{self.path}: not a GGUF file ({_guess_kind(magic, self.size)})")
        version = self.number("<I")
        if version not in (2, 3):
            raise UserError(
                f"{self.path}: unknown GGUF version {version} (2 and 3 are supported); convert the model again"
            )
        tensors, count = self.number("<Q"), self.number("<Q")
        values = dict(self.pairs(count))
        return GgufHeader(self.path, version, tensors, values, self.file.tell())

    def tensors(self, header: GgufHeader) -> list[TensorInfo]:
        if header.tensors > self.size:
            raise self.damaged(f"{header.tensors} tensors")
        read = [self.tensor() for _ in range(header.tensors)]
        alignment = header.whole_number("general.alignment") or ALIGNMENT
        if alignment > self.size and read:
            raise self.damaged(f"an alignment of {alignment:,} bytes")
        start = -(-self.file.tell() // alignment) * alignment
        if any(start + tensor.offset > self.size for tensor in read):
            raise UserError(f"{self.path}: cut off: its tensors end beyond its {self.size:,} bytes; download it again")
        return [replace(tensor, offset=start + tensor.offset) for tensor in read]

    def tensor(self) -> TensorInfo:
        name, dimensions = self.string(), self.number("<I")
        if dimensions > MOST_DIMENSIONS:
            raise self.damaged(f"a tensor of {dimensions} dimensions")
        shape = tuple(self.number("<Q") for _ in range(dimensions))
        return TensorInfo(name, shape, self.number("<I"), self.number("<Q"))

    def pairs(self, count: int) -> Iterator[tuple[str, Any]]:
        for _ in range(count):
            key = self.string()
            yield key, self.value(self.number("<I"))

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            return self.array()
        if kind not in _SCALARS:
            raise self.damaged(f"value type {kind}")
        return self.number(_SCALARS[kind])

    def array(self) -> list[Any] | LongArray:
        element, length = self.number("<I"), self.number("<Q")
        if length > self.size:
            raise self.damaged(f"an array of {length} values")
        if length <= KEPT_ARRAY:
            if element == _ARRAY:
                raise self.damaged("an array of arrays")
            return [self.value(element) for _ in range(length)]
        where = LongArray(length, element, self.file.tell())
        self.skip_array(where)
        return where

    def skip_array(self, array: LongArray) -> None:
        if array.element == _STRING:
            for _ in range(array.length):
                self.skip_string()
        elif array.element in _SCALARS:
            self.skip(array.length * struct.calcsize(_SCALARS[array.element]))
        else:
            raise self.damaged(f"array type {array.element}")

    def string(self) -> str:
        return self.take(self.string_length()).decode("utf-8", errors="replace")

    def skip_string(self) -> None:
        self.skip(self.string_length())

    def string_length(self) -> int:
        length: int = self.number("<Q")
        if length > LONGEST_STRING:
            raise self.damaged(f"a text of {length} bytes")
        return length

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def take(self, count: int) -> bytes:
        if count > self.size:  # asked for first: reading would take that much memory
            raise self.cut_off()
        data = self.file.read(count)
        if len(data) < count:
            raise self.cut_off()
        return data

    def skip(self, count: int) -> None:
        if self.file.seek(count, 1) > self.size:
            raise self.cut_off()

    def cut_off(self) -> UserError:
        return UserError(f"{self.path}: cut off: its header ends beyond its {self.size:,} bytes; download it again")

    def damaged(self, content: str) -> UserError:
        return UserError(
            f"{self.path}: cut off or damaged: its header has {content} at byte {self.file.tell():,}; download it again"
        )


def _guess_kind(start: bytes, size: int) -> str:
    if size == 0:
        return "it is empty"
    if start[:2] == b"PK":
        return "a zip or PyTorch file"
    if start == b"vers":
        return "a Git LFS pointer: run `git lfs pull`"
    if start in (b"tjgg", b"lmgg", b"fmgg"):
        return "an old GGML file; convert the model again"
    return "a text" if start.isascii() and start.decode("ascii").isprintable() else "unknown first bytes"
