"""One model in detail: its distributions and its paired lengths as plots, and all its figures.

Keys choose a bar of one side, or a point; the task under the cursor of the other panes is marked in every plot.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from qtui.charts import length_plots, plots
from qtui.charts.length_comparison import figure_lines
from qtui.charts.length_violins import Story
from qtui.figures.axis import SCALE_NAMES
from qtui.figures.length_densities import POINTS
from qtui.figures.length_plots import BARS, SIDES, PlottedPair
from qtui.text import safe, width
from qtui.ui import keys
from qtui.ui.panes.lengths.length_plot import BASELINE_SIGN, CANDIDATE_SIGN, LengthPlot, Spot, Stretch
from qtui.ui.panes.lengths.plot_cursor import PlotCursor, count_of
from qtui.ui.widgets.drawing import Drawing

NO_TOKENS = "No numbers of tokens are stored for {what} of both sides. Press u for characters."
_SIGNS = {"baseline": BASELINE_SIGN, "candidate": CANDIDATE_SIGN}


class Detail(VerticalScroll):
    """A container that scrolls when its content is longer than its room."""

    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("text"))


class LengthDetail(Detail):
    title = getters.query_one("#length-title", Static)
    distribution = getters.query_one("#length-distribution", LengthPlot)
    scatter = getters.query_one("#length-scatter", LengthPlot)
    figures = getters.query_one("#length-figures", Drawing)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.cursor = PlotCursor()
        self._pair: PlottedPair | None = None
        self._names = ("", "")
        self._shown_task = 0

    def compose(self) -> ComposeResult:
        yield Static(id="length-title", markup=False)
        with Vertical(id="length-plots"):
            yield LengthPlot(id="length-distribution")
            yield LengthPlot(id="length-scatter")
        yield Drawing(id="length-figures")

    def show_figures(self, story: Story, notes: Sequence[str], part: str) -> None:
        """Show a model's figures, and no plots until `show_plots`."""
        self.figures.show(lambda _w, _h: figure_lines(story.baseline, story.candidate, story.pair, notes))
        pair_text = f": {story.pair.baseline} → {story.pair.candidate}" if story.pair else ""
        thinking = "  thoughts" if part == "thinking" else ""
        self.title.update(safe(f"{story.model}{pair_text}  ({story.experiment}){thinking}"))

    def show_plots(self, pair: PlottedPair, names: tuple[str, str], task: int) -> None:
        """Show the lengths of a pair whose variants have these names, with the answers to a task marked."""
        self._pair, self._shown_task = pair, task
        self._names = (safe(names[0]), safe(names[1]))
        self.cursor.follow(pair, self._names, task)
        self.draw()

    def draw(self) -> None:
        """Show the chosen plots, and what is chosen in them."""
        pair, plot = self._pair, self.cursor.plot
        if pair is None:
            return
        self.set_class(plot == "scatter", "-scatter")
        self._draw_distribution(pair)
        x_name = f"{self._names[0]}, {pair.unit}"
        self.scatter.show(
            plots.paired_lengths, pair.baseline.lengths, pair.candidate.lengths, (x_name, self._names[1]), pair.axis
        )
        self.mark()

    def mark(self) -> None:
        """Mark the current task's answers, and the bar or point that is chosen."""
        pair, cursor = self._pair, self.cursor
        if pair is None:
            return
        points = pair.of_task(self._shown_task)
        chosen = None
        if cursor.plot != "scatter" and cursor.bar is not None:
            start = 0 if cursor.plot == "cumulative" else cursor.bar
            upwards = (0.0, 1.0)
            if cursor.plot == "histogram":
                upwards = (0.5, 1.0) if cursor.side == "baseline" else (0.0, 0.5)
            chosen = Stretch((start / BARS, (cursor.bar + 1) / BARS), upwards)
        self.distribution.mark(tuple(spot for point in points for spot in self._spots(pair, point)), chosen)
        shown = dict.fromkeys(points)
        if cursor.plot == "scatter" and cursor.point is not None:
            shown[cursor.point] = None
        position = pair.axis.position
        self.scatter.mark(tuple(Spot(position(x), position(y), CANDIDATE_SIGN, "strong") for x, y in shown))

    def caption(self, room: int) -> str:
        """Return what is chosen, where the current task is and what is left out, as far as it fits into `room` cells."""
        pair = self._pair
        if pair is None:
            return ""
        what = "the thoughts" if pair.part == "thinking" else "the answers"
        if not pair.tasks:
            return NO_TOKENS.format(what=what) if pair.unknown else ""
        chosen = self.cursor.chosen()
        parts = [] if chosen is None else [f"{chosen.words}: {_listed(chosen.answers)}"]
        points = pair.of_task(self._shown_task)
        if points:
            places = " ".join(f"{BASELINE_SIGN}{x:,} {CANDIDATE_SIGN}{y:,}" for x, y in points[:1])
            parts.append(f"task {self._shown_task}: {places}")
        else:
            parts.append(f"task {self._shown_task} is not among them")
        beyond = pair.baseline.beyond + pair.candidate.beyond
        if beyond:
            verb = "at the edge" if self.cursor.plot == "scatter" else "left out"
            parts.append(f"{beyond} above {count_of(int(pair.axis.end), pair.unit)} {verb}")
        if pair.unknown:
            parts.append(f"{pair.unknown} without stored tokens left out")
        if pair.axis.scale != "linear":
            parts.append(SCALE_NAMES[pair.axis.scale])
        return _fitting(parts, room)

    @property
    def has_plots(self) -> bool:
        """Whether there is anything to plot: numbers of tokens may not be stored."""
        return self._pair is not None and bool(self._pair.tasks)

    def _draw_distribution(self, pair: PlottedPair) -> None:
        # While the scatter is chosen, the other plot beside it stays as it was.
        sides = pair.baseline, pair.candidate
        shared = (pair.axis, self._names, pair.unit)
        plot = self.cursor.distribution
        if plot == "histogram":
            self.distribution.show(length_plots.histogram, tuple(side.bars for side in sides), *shared)
        elif plot == "density":
            self.distribution.show(length_plots.density, tuple(side.density for side in sides), *shared)
        else:
            self.distribution.show(length_plots.cumulative, tuple(side.cumulative for side in sides), *shared)

    def _spots(self, pair: PlottedPair, point: tuple[int, int]) -> list[Spot]:
        """Return where a task's answers are in the distribution: at the ends of a histogram, else on their curves."""
        spots = []
        for name, length in zip(SIDES, point, strict=True):
            x = min(1.0, pair.axis.position(length))
            if self.cursor.distribution == "histogram":
                y = 1.0 if name == "baseline" else 0.0
            else:
                side = pair.side(name)
                is_density = self.cursor.distribution == "density"
                curve = side.density if is_density else side.cumulative
                most = max((*pair.baseline.density, *pair.candidate.density)) if is_density else 1.0
                y = curve[round(x * (POINTS - 1))] / (most or 1.0)
            spots.append(Spot(x, y, _SIGNS[name], name))
        return spots


def _listed(answers: int) -> str:
    return "1 answer" if answers == 1 else f"{answers:,} answers"


def _fitting(parts: Sequence[str], room: int) -> str:
    """Return as many parts as fit, the first ones first."""
    shown = ""
    for part in parts:
        longer = f"{shown} · {part}" if shown else part
        if width(longer) <= room or not shown:
            shown = longer
    return shown
