"""An axis of answer lengths over columns of a terminal: linear and cut off at some length, or the square root of it whole.

Lengths of answers crowd below 500 characters and trail off to thousands. A linear axis that shows all of them shows nothing of
most, so it ends earlier and says how many lie beyond; on the square-root axis nothing lies beyond.
"""

from dataclasses import dataclass
from math import log10, sqrt
from typing import Literal

Scale = Literal["linear", "root"]

_ROOM_PER_TICK = 9


@dataclass(frozen=True, slots=True)
class Axis:
    """From 0 to `end` characters. Positions along it are shares of its length: 0 at zero characters, 1 at `end`."""

    end: float
    scale: Scale = "linear"

    def position(self, characters: float) -> float:
        share = max(0.0, characters) / self.end
        return sqrt(share) if self.scale == "root" else share

    def characters(self, position: float) -> float:
        return self.end * (position * position if self.scale == "root" else position)

    def column(self, characters: float, columns: int) -> int | None:
        """The column in which a length falls, None beyond the end."""
        if characters > self.end:
            return None
        return min(columns - 1, int(self.position(characters) * columns))

    def ticks(self, columns: int) -> list[tuple[int, int]]:
        """(column, characters) at round numbers, far enough apart to be written."""
        most = max(2, columns // _ROOM_PER_TICK)
        if self.scale == "linear":
            step = round_up(self.end / most)
            values = [int(step * i) for i in range(int(self.end / step) + 1)]
        else:
            values = [_rounded(self.characters(i / most)) for i in range(most + 1)]
        ticks: list[tuple[int, int]] = []
        for value in values:
            column = self.column(value, columns)
            if column is not None and (not ticks or column - ticks[-1][0] >= _ROOM_PER_TICK - 2):
                ticks.append((column, value))
        return ticks


def round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten; at least 1."""
    if value <= 1:
        return 1
    power = 10.0 ** int(log10(value))
    return next((power * m for m in (1, 2, 2.5, 5, 10) if power * m >= value and (power * m) % 1 == 0), power * 10)


def _rounded(value: float) -> int:
    """One significant digit, two above a thousand: on a square-root axis no step is round."""
    digits = 0 if value < 10 else -int(log10(value)) + (value >= 1000)
    return int(round(value, digits))
