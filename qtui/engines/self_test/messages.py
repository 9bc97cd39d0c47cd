"""What the process that tests products is asked, and what it answers: one JSON object per line.

asked   → Wanted
process → Devices                    as soon as the library is loaded: its devices, and what it says of itself
process → Begun, Outcome             for every case; a case that is begun and has no outcome ended the process
"""

from typing import Any, Literal

import msgspec

State = Literal["right", "wrong", "crashed", "unusable", "not offered", "untested"]
"""`untested`: the process ended by an accident that says nothing about the library, twice."""


class DeviceFacts(msgspec.Struct, frozen=True):
    name: str
    description: str
    kind: Literal["cpu", "gpu", "other"]
    buffers: list[str]


class Devices(msgspec.Struct, frozen=True, tag=True):
    devices: list[DeviceFacts]
    report: dict[str, str]
    """What the library says of itself: features of the processor that it uses, version and commit."""


class CaseName(msgspec.Struct, frozen=True, order=True):
    """One type of weights (ggml's number, or a dtype of torch), one device, one kind of buffer, with experts or not."""

    type: str
    device: str
    buffer: str = "plain"
    experts: bool = False


class Wanted(msgspec.Struct, frozen=True, tag=True):
    """Every type of `types` on every device and in every buffer, but for the cases of `skipped`."""

    types: list[str]
    experts: bool = False
    skipped: list[CaseName] = []


class Begun(msgspec.Struct, frozen=True, tag=True):
    case: CaseName


class Outcome(msgspec.Struct, frozen=True, tag=True):
    """`error` is relative to the product's size. `reason` is empty where the product is right."""

    case: CaseName
    state: State
    error: float | None = None
    reason: str = ""

    @property
    def is_fault(self) -> bool:
        return self.state not in ("right", "not offered")


FromTest = Devices | Begun | Outcome
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromTest)


def decode(line: bytes) -> FromTest:
    message: FromTest = _decode.decode(line)
    return message
