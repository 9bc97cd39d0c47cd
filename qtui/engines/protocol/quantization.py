"""What is said to the processes that make GGUF files, and what they say; the form is that of `protocol.answering`.

One process finds the source, fetching and converting it if need be, and reckons what each type will take:

asked   → SourceWanted
process → Loading*
process → SourceFound
process → Finished | Failed

Then one process for each type, so that whatever native code does to one leaves the others alone:

asked   → TypeWanted
process → Loading*
process → TypeMade
process → Finished | Failed
"""

from typing import Any

import msgspec

from qtui.engines.protocol.answering import Failed, Finished, Loading


class SourceWanted(msgspec.Struct, frozen=True, tag=True):
    """`source` is what a person may write as weights. `converter` is a folder with llama.cpp's sources."""

    source: str
    types: list[str]
    imatrix: str | None = None
    converter: str | None = None
    trust_remote_code: bool = False


class TypeForecast(msgspec.Struct, frozen=True):
    """`type` is the library's name for what was asked for; `reason` says why it cannot be made, else it is empty."""

    type: str
    reason: str = ""
    file_bytes: int = 0
    bits: float = 0.0
    number: int = -1
    """The type's in GGUF's `general.file_type`."""


class SourceFound(msgspec.Struct, frozen=True, tag=True):
    """`name` is what files made of it are called, `home` the folder for them where nobody names another."""

    path: str
    name: str
    home: str
    precision: str
    parameters: int
    file_bytes: int
    made: bool
    """Converted here from a folder, not a file of the user's."""
    types: list[TypeForecast]


class TypeWanted(msgspec.Struct, frozen=True, tag=True):
    source: str
    target: str
    precision: str
    imatrix: str | None = None
    threads: int | None = None


class TypeMade(msgspec.Struct, frozen=True, tag=True):
    """`bits` per weight over all tensors. `fallback` tensors got another type, since their rows are no multiple of 256."""

    file_bytes: int
    bits: float
    fallback: int
    seconds: float


FromMaking = SourceFound | TypeMade | Loading | Finished | Failed
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromMaking)


def decode(line: bytes) -> FromMaking:
    message: FromMaking = _decode.decode(line)
    return message
