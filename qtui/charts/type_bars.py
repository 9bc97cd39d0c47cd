"""Size and speed of a model's types as bars, a line per type.

Both bars start at zero, so that half the length is half the size or half the speed. A thin line extends from the median of the
speed to the fastest repeat; a long one means that the machine was busy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qtui.charts.lines import Line, Role, fit
from qtui.format import number, size

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_REACH = "╌"
_VALUE = 9
_SPEED = "tokens per second, one sequence"
_GAP = 2


@dataclass(frozen=True, slots=True)
class TypeBar:
    """Size in bytes; speeds in tokens per second, the median and the fastest. `label` is safe text; `whole`: not quantized."""

    label: str
    file_bytes: int
    speed: float | None
    fastest: float | None
    whole: bool = False


def type_bar_lines(bars: Sequence[TypeBar], width: int) -> list[Line]:
    """A heading and a line per type, of at most `width` cells; no lines without bars."""
    if not bars:
        return []
    label = max(len(bar.label) for bar in bars) + 1
    columns = max(6, (width - label - 2 * _VALUE - _GAP) // 2)
    largest = max(bar.file_bytes for bar in bars) or 1
    quickest = max((bar.fastest or bar.speed or 0.0) for bar in bars)
    panel = columns + _VALUE
    heading = " " * label + fit("size", panel)
    if width >= len(heading) + _GAP + len(_SPEED):
        heading += " " * _GAP + _SPEED
    lines: list[Line] = [[(heading, "faint")]]
    for bar in bars:
        role: Role = "baseline" if bar.whole else "candidate"
        line: Line = [(fit(bar.label, label), "text")]
        line += _drawn(bar.file_bytes / largest * columns, 0.0, columns, role)
        line.append((fit(size(bar.file_bytes), _VALUE, align="right"), "text"))
        if bar.speed is not None and quickest:
            reach = (bar.fastest or bar.speed) / quickest * columns
            line.append((" " * _GAP, "text"))
            line += _drawn(bar.speed / quickest * columns, reach, columns, role)
            line.append((fit(speed(bar.speed), _VALUE, align="right"), "text"))
        lines.append(line)
    return lines


def speed(tokens_per_second: float) -> str:
    """Tokens per second with three significant digits: `8.41`, `84.1`, `841`, `8,410`."""
    if round(tokens_per_second) >= 1000:
        return f"{round(tokens_per_second, -1):,.0f}"
    return number(tokens_per_second, 0 if tokens_per_second >= 100 else 1 if tokens_per_second >= 10 else 2)


def _drawn(cells: float, reach: float, columns: int, role: Role) -> Line:
    eighths = max(1, round(cells * 8))
    whole, rest = divmod(eighths, 8)
    bar = _EIGHTHS[8] * whole + (_EIGHTHS[rest] if rest else "")
    tail = _REACH * max(0, round(reach) - len(bar))
    return [(bar, role), (tail + " " * (columns - len(bar) - len(tail)), "faint")]
