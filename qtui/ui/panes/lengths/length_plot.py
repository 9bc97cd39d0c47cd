"""A plot of lengths with the chosen stretch of its axis and the current task over it.

The plot itself is drawn in another process, which may take 0.1 s or be busy; what a key moves is put over it here, at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text

from qtui.charts.length_plots import Area, area
from qtui.charts.lines import Role
from qtui.ui import stylesheet
from qtui.ui.panes.lengths.chart import Chart
from qtui.ui.widgets import drawing

BASELINE_SIGN, CANDIDATE_SIGN = "○", "●"
"""Where the current task's answers are."""
CHOSEN_AXIS = "━"
"""The axis below what is chosen: a terminal without colours shows no background."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A sign at a place of the plot; `x` and `y` are positions along its axes, from 0 to 1."""

    x: float
    y: float
    sign: str
    role: Role


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is chosen: positions along x, and along y."""

    x: tuple[float, float]
    y: tuple[float, float] = (0.0, 1.0)


class LengthPlot(Chart):
    DEFAULT_CSS = Chart.DEFAULT_CSS + stylesheet.beside(__file__)
    COMPONENT_CLASSES: ClassVar[set[str]] = {*drawing.COMPONENTS, "plot--chosen"}

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spots: Sequence[Spot] = ()
        self._stretch: Stretch | None = None

    def mark(self, spots: Sequence[Spot], stretch: Stretch | None = None) -> None:
        """Put signs over the plot, and mark a stretch as chosen."""
        if (spots, stretch) != (self._spots, self._stretch):
            self._spots, self._stretch = spots, stretch
            self.refresh()

    def render(self) -> Text:
        drawn = super().render()
        lines = drawn.plain.split("\n")
        plot = area(lines)
        if plot is None:
            return drawn
        marked = _Marked(drawn.copy(), lines)
        if self._stretch is not None:
            self._mark_stretch(marked, plot, self._stretch)
        for spot in self._spots:
            style = drawing.style_of(self, spot.role)
            shown = Style(color=style.color, bold=True)
            marked.put(plot.row(spot.y), plot.column(spot.x), spot.sign, shown)
        return marked.text

    def _mark_stretch(self, marked: "_Marked", plot: Area, stretch: Stretch) -> None:
        style = self.get_component_rich_style("plot--chosen")
        columns = plot.columns(*stretch.x)
        for row in range(plot.row(stretch.y[1]), plot.row(stretch.y[0]) + 1):
            marked.text.stylize(Style(bgcolor=style.bgcolor), *marked.places(row, columns))
        for column in columns:
            marked.put(plot.top + plot.height, column, CHOSEN_AXIS, style, instead_of="─")


class _Marked:
    """A drawing whose lines are told apart, to change single cells. Cells of a plot and its axis have one character each."""

    def __init__(self, text: Text, lines: Sequence[str]) -> None:
        self.text = text
        self._starts = [0]
        for line in lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def places(self, row: int, columns: range) -> tuple[int, int]:
        return self._starts[row] + columns.start, self._starts[row] + columns.stop

    def put(self, row: int, column: int, sign: str, style: Style, instead_of: str = "") -> None:
        place = self._starts[row] + column
        plain = self.text.plain
        if place >= len(plain) or (instead_of and plain[place] != instead_of):
            return
        self.text.plain = f"{plain[:place]}{sign}{plain[place + 1 :]}"
        self.text.stylize(style, place, place + 1)
