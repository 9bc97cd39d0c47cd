"""Messages of the quantization processes, in the format of `protocol.answering`.

One process locates the source, downloads and converts it if needed, and forecasts the size of each type:

runner  → SourceRequest
process → Loading*
process → PreparedSource
process → Finished | Failed

Then one process per type, so that a crash in native code affects only this type:

runner  → QuantizationRequest
process → Loading*
process → QuantizationResult
process → Finished | Failed
"""

from typing import Any

import msgspec

from qtui.engines.protocol.answering import Failed, Finished, Loading


class SourceRequest(msgspec.Struct, frozen=True, tag=True):
    """`source` is anything that a user may write as weights. `imatrix` is a matrix or a text.

    `converter` is a folder with llama.cpp's sources.
    """

    source: str
    types: list[str]
    imatrix: str | None = None
    converter: str | None = None
    trust_remote_code: bool = False
    pickled_weights: bool = False


class TypeForecast(msgspec.Struct, frozen=True):
    """`type` is the library's name of the requested type. `reason`: why it is not possible, else empty. `bits` per weight."""

    type: str
    reason: str = ""
    file_bytes: int = 0
    bits: float = 0.0
    number: int = -1
    """The type's number in GGUF's `general.file_type`."""


class PreparedSource(msgspec.Struct, frozen=True, tag=True):
    """The GGUF file to quantize. Quantized files are named `name` and their type; `home` is their default folder."""

    path: str
    name: str
    home: str
    precision: str
    parameters: int
    file_bytes: int
    is_converted: bool
    """Whether it was converted from a folder, rather than being the user's file."""
    types: list[TypeForecast]
    imatrix: str | None = None
    """The importance matrix to quantize with; made of the text that the request named, if that was one."""
    notes: list[str] = []
    """Notes for the user on the files of the model."""


class QuantizationRequest(msgspec.Struct, frozen=True, tag=True):
    """`source` and `target` are GGUF files, `precision` is the type. `threads` None: all cores."""

    source: str
    target: str
    precision: str
    imatrix: str | None = None
    threads: int | None = None


class QuantizationResult(msgspec.Struct, frozen=True, tag=True):
    """`bits` per weight over all tensors. `fallback` tensors got another type, because their rows are not a multiple of 256."""

    file_bytes: int
    bits: float
    fallback: int
    seconds: float


FromQuantization = PreparedSource | QuantizationResult | Loading | Finished | Failed
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromQuantization)


def decode(line: bytes) -> FromQuantization:
    """Return the message in a line. Raises msgspec.DecodeError for anything else."""
    message: FromQuantization = _decode.decode(line)
    return message
