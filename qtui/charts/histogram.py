"""Two histograms of answer lengths over one axis: the baseline's counts upwards, the candidate's downwards."""

from collections.abc import Sequence

from qtui.charts.axis import axis_line
from qtui.charts.lines import Line, fit
from qtui.charts.violins import split_rows
from qtui.figures.axis import Axis

_COLUMNS_PER_BIN = 3
_LABEL = 5


def histogram_lines(
    baseline: Sequence[int], candidate: Sequence[int], axis: Axis, *, width: int, height: int
) -> list[Line]:
    """`height` lines of at most `width` cells, the last one the axis. The scale's maximum is written at the left edge.

    A bin is a few columns wide, so on a square-root axis bins cover more characters the longer the answers. Lengths beyond the axis
    are left out.
    """
    bins = max(1, (width - _LABEL) // _COLUMNS_PER_BIN)
    columns = bins * _COLUMNS_PER_BIN
    rows = max(1, (height - 1) // 2)
    counts = [_counts(lengths, axis, bins) for lengths in (baseline, candidate)]
    up, down = ([float(c) for c in side for _ in range(_COLUMNS_PER_BIN)] for side in counts)
    rising, hanging = split_rows(up, down, rows=rows)
    most = max((*counts[0], *counts[1]), default=0)
    labels = [str(most) if row in (0, 2 * rows - 1) and most else "" for row in range(2 * rows)]
    drawn = [
        [(fit(label, _LABEL - 1, align="right") + " ", "faint"), *line]
        for label, line in zip(labels, rising + hanging, strict=True)
    ]
    return [*drawn, [(" " * _LABEL, "faint"), *axis_line(axis, columns)]]


def _counts(lengths: Sequence[int], axis: Axis, bins: int) -> list[int]:
    counts = [0] * bins
    for length in lengths:
        place = axis.column(length, bins)
        if place is not None:
            counts[place] += 1
    return counts
