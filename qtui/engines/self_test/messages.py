"""Messages of the self test's processes: one JSON object per line.

parent  → SelfTestJob
process → Devices                    when the library is loaded: its devices and self-description
process → CaseStarted, Outcome       for every case; a case that started and has no outcome ended the process
"""

from typing import Any, Literal

import msgspec

State = Literal["right", "wrong", "crashed", "unusable", "not offered", "untested"]
"""`not offered`: the device does not support the product. `untested`: the process was twice stopped by something else than the
library."""


class DeviceFacts(msgspec.Struct, frozen=True):
    """A device of the library. `buffers` are its buffer types for weights."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "other"]
    buffers: list[str]


class Devices(msgspec.Struct, frozen=True, tag=True):
    """The library is loaded and has these devices."""

    devices: list[DeviceFacts]
    report: dict[str, str]
    """The library's self-description: processor features in use, version and commit."""


class CaseName(msgspec.Struct, frozen=True, order=True):
    """A product to test: the type of weights (ggml's number or a dtype of torch), device, buffer type, with experts or without."""

    type: str
    device: str
    buffer: str = "plain"
    experts: bool = False


class SelfTestJob(msgspec.Struct, frozen=True, tag=True):
    """Test every type of `types` on every device and in every buffer, except the `skipped` cases."""

    types: list[str]
    experts: bool = False
    skipped: list[CaseName] = []


class CaseStarted(msgspec.Struct, frozen=True, tag=True):
    """Sent before a case, which may crash the process."""

    case: CaseName


class Outcome(msgspec.Struct, frozen=True, tag=True):
    """The result of one case. `error` is relative to the product's size. `reason` is empty if the product is right."""

    case: CaseName
    state: State
    error: float | None = None
    reason: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether the library cannot be used for this case."""
        return self.state not in ("right", "not offered")


FromTest = Devices | CaseStarted | Outcome
_decode: msgspec.json.Decoder[Any] = msgspec.json.Decoder(FromTest)


def decode(line: bytes) -> FromTest:
    """Return the message in a line. Raises msgspec.DecodeError for anything else."""
    message: FromTest = _decode.decode(line)
    return message
