"""An axis of answer lengths over columns of a terminal: linear and cut off at some length, or a complete square-root or
logarithmic axis.

Most answers have fewer than 500 characters and a few have thousands. A linear axis over all of them would squeeze most into a few
columns, so it ends earlier and the number of longer answers is given; the other axes cover all. The logarithm is that of the length
plus one, because answers may be empty.
"""

from dataclasses import dataclass
from math import expm1, log1p, log10, sqrt
from typing import Literal

Scale = Literal["linear", "root", "log"]
SCALES: tuple[Scale, ...] = ("linear", "root", "log")
SCALE_NAMES: dict[Scale, str] = {"linear": "linear axis", "root": "square-root axis", "log": "logarithmic axis"}

_ROOM_PER_TICK = 9
_DIGITS = (1, 2, 5)
"""The first digits of ticks of a logarithmic axis, where there is room for more than powers of ten."""


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis from 0 to `end` characters. Positions along it are shares of its length: 0 at zero characters, 1 at `end`."""

    end: float
    scale: Scale = "linear"

    def position(self, characters: float) -> float:
        length = max(0.0, characters)
        if self.scale == "log":
            return log1p(length) / log1p(self.end)
        return sqrt(length / self.end) if self.scale == "root" else length / self.end

    def characters(self, position: float) -> float:
        if self.scale == "log":
            return expm1(position * log1p(self.end))
        return self.end * (position * position if self.scale == "root" else position)

    def column(self, characters: float, columns: int) -> int | None:
        """Return the column of a length, None beyond the end."""
        if characters > self.end:
            return None
        return min(columns - 1, int(self.position(characters) * columns))

    def ticks(self, columns: int) -> list[tuple[int, int]]:
        """Return (column, characters) at round numbers, far enough apart for labels."""
        most = max(2, columns // _ROOM_PER_TICK)
        if self.scale == "linear":
            step = round_up(self.end / most)
            values = [int(step * i) for i in range(int(self.end / step) + 1)]
        elif self.scale == "log":
            values = _logarithmic(self.end, columns / max(1.0, log10(self.end)))
        else:
            values = [_rounded(self.characters(i / most)) for i in range(most + 1)]
        ticks: list[tuple[int, int]] = []
        for value in values:
            column = self.column(value, columns)
            if column is not None and (not ticks or column - ticks[-1][0] >= _ROOM_PER_TICK - 2):
                ticks.append((column, value))
        return ticks


def round_up(value: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten; at least 1."""
    if value <= 1:
        return 1
    power = 10.0 ** int(log10(value))
    return next((power * m for m in (1, 2, 2.5, 5, 10) if power * m >= value and (power * m) % 1 == 0), power * 10)


def _logarithmic(end: float, columns_per_power: float) -> list[int]:
    """Return zero and powers of ten up to the end, with numbers between them where these have room."""
    digits = _DIGITS if columns_per_power >= len(_DIGITS) * _ROOM_PER_TICK else _DIGITS[:1]
    powers = range(int(log10(max(1.0, end))) + 1)
    return [0, *(digit * 10**power for power in powers for digit in digits if digit * 10**power <= end)]


def _rounded(value: float) -> int:
    """Round to one significant digit, two above a thousand: the steps of a square-root axis are not round."""
    digits = 0 if value < 10 else -int(log10(value)) + (value >= 1000)
    return int(round(value, digits))
