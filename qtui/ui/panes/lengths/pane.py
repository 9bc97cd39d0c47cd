"""The pane Lengths, with three views: violins of all models; one model in detail; length change against score change per model.

Figures and densities come from the figures process. The drawings are made here, because they take milliseconds and follow every
resize.
"""

import asyncio
from typing import Any, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.widgets import Static

from qtui.charts import plots
from qtui.charts.length_violins import Story, label_width, legend, stories, violins
from qtui.charts.over_models import over_models_lines
from qtui.figures.axis import SCALES, Scale
from qtui.figures.length_densities import Distributions
from qtui.figures.length_plots import Unit
from qtui.figures.lengths import Part
from qtui.results.answers import PairName
from qtui.results.length_densities import distributions
from qtui.results.length_figures import length_rows
from qtui.results.length_plots import plotted_pair
from qtui.results.over_models import over_models
from qtui.text import safe
from qtui.ui import keys, stylesheet
from qtui.ui.data.scope import Among
from qtui.ui.panes.figures_pane import FiguresPane
from qtui.ui.panes.lengths.chart import Chart
from qtui.ui.panes.lengths.detail import Detail, LengthDetail
from qtui.ui.panes.lengths.violins import ViolinChart
from qtui.ui.widgets.drawing import Paragraphs

EMPTY = "No answers yet. Press 1, then n for a new run, or quit and try `qtui demo`."
NO_THOUGHTS = "No answer has thoughts. Press t for the lengths of the answers."
ALONE = "only one variant: there is nothing to compare its lengths with"
THINKS_ALONE = "only one side has thoughts: there is nothing to compare their lengths with (t: answers)"
WAITING = "Computing the lengths …"
ORDERS = ("as in the experiment", "largest change first", "by name")


class LengthsPane(FiguresPane):
    TITLE = "Lengths"
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("lengths"))

    chart = getters.query_one(ViolinChart)
    caption = getters.query_one("#length-caption", Static)
    detail = getters.query_one("#length-detail", LengthDetail)
    over_models = getters.query_one("#over-models-scroll", Detail)
    over_models_chart = getters.query_one("#over-models-chart", Chart)
    over_models_list = getters.query_one("#over-models-list", Paragraphs)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._scale: Scale = "linear"
        self._part: Part = "answer"
        self._unit: Unit = "characters"
        self._order = 0
        self._view = "violins"
        self._distributions: Distributions | None = None
        self._stories: list[Story] = []
        self._notes: tuple[str, ...] = ()
        self._opened: Story | None = None
        """The model whose plots the detail shows; None until they are there."""

    def compose(self) -> ComposeResult:
        yield ViolinChart(id="length-violins")
        yield LengthDetail(id="length-detail")
        with Container(id="length-over-models"):
            yield Chart(id="over-models-chart")
            with Detail(id="over-models-scroll"):
                yield Paragraphs(id="over-models-list")
        yield Static(WAITING, id="length-caption", markup=False)

    async def refresh_data(self) -> None:
        run_ids = self.scope.run_ids
        if not run_ids:
            self.caption.update(EMPTY)
            return
        rows, self._distributions = await asyncio.gather(
            self.computed(length_rows, run_ids, self._part),
            self.computed(distributions, run_ids, self._scale, self._part),
        )
        ordered = _ordered(stories(rows), self._order)
        if ordered != self._stories:
            self.requests.forget()
        self._stories, self._notes = ordered, rows.notes
        self._show_violins()
        if self._view == "detail":
            await self._show_detail()
        elif self._view == "over-models":
            await self._show_over_models()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys of the other views."""
        views = {
            "open": ("violins", "detail"), "order": ("violins",), "back": ("detail", "over-models"),
            "part": ("violins", "detail"), "plot": ("detail",), "step": ("detail",), "side": ("detail",), "unit": ("detail",),
        }  # fmt: skip
        if action == "side" and self.detail.cursor.plot == "scatter":
            return False
        if action in views:
            return self._view in views[action]
        return super().check_action(action, parameters)

    @on(ViolinChart.Highlighted)
    def _select_model(self, message: ViolinChart.Highlighted) -> None:
        message.stop()
        story = self._stories[message.index]
        chosen: dict[str, Any] = {"run_id": story.run_id, "model": story.model}
        if story.pair is not None:
            chosen["candidate"] = story.pair.candidate
        if self.requests.add(chosen, self.scope):
            self.select(**chosen)

    def action_open(self) -> None:
        """Open the model; in it, list the tasks behind the chosen bar or point in Tasks."""
        if self._view == "detail":
            self._list_tasks()
        elif self._stories:
            self._opened = None
            self.detail.scroll_home(animate=False)
            self._switch("detail")

    def action_plot(self, by: int) -> None:
        self.detail.cursor.turn(by)
        self.detail.scroll_home(animate=False)
        self._show_moved()
        self.refresh_bindings()

    def action_side(self) -> None:
        self.detail.cursor.other_side()
        self._show_moved()

    def action_step(self, by: int) -> None:
        task = self.detail.cursor.step(by) if self._opened is not None else None
        self._show_moved()
        if task is not None:
            self.select(task=task)

    def action_unit(self) -> None:
        self._unit = "tokens" if self._unit == "characters" else "characters"
        self.data_changed(at_once=True)

    def action_back(self) -> None:
        self._switch("violins")

    def action_chart(self) -> None:
        self._switch("violins" if self._view == "over-models" else "over-models")

    def action_order(self) -> None:
        self._order = (self._order + 1) % len(ORDERS)
        self.notify(f"Order: {ORDERS[self._order]}", timeout=2)
        self.data_changed(at_once=True)

    def action_scale(self) -> None:
        self._scale = SCALES[(SCALES.index(self._scale) + 1) % len(SCALES)]
        self.data_changed(at_once=True)

    def action_part(self) -> None:
        self._part = "thinking" if self._part == "answer" else "answer"
        self.data_changed(at_once=True)

    def on_resize(self) -> None:
        # Labels have a narrow and a wide form.
        self._show_violins()

    def _switch(self, view: str) -> None:
        self._view = view
        self.set_class(view == "detail", "-detail")
        self.set_class(view == "over-models", "-over-models")
        {"violins": self.chart, "detail": self.detail, "over-models": self.over_models}[view].focus(
            scroll_visible=False
        )
        self._show_caption()
        self.refresh_bindings()
        self.data_changed(at_once=True)

    def _show_violins(self) -> None:
        if self._distributions is None:
            return
        cells = self.size.width
        drawn = violins(self._stories, self._distributions, cells)
        self.chart.show(
            drawn, self._distributions.axis, label_width=label_width(self._stories, cells), cursor=self._position()
        )
        self._show_caption()

    def _show_caption(self) -> None:
        if self._distributions is None:
            return
        thinking = self._part == "thinking"
        if not self._stories:
            self.caption.update(NO_THOUGHTS if thinking else EMPTY)
        elif self._view == "violins":
            self.caption.update(legend(self._distributions, self.size.width))
        elif self._view == "detail" and self.has_class("-alone"):
            self.caption.update(THINKS_ALONE if thinking else ALONE)
        elif self._view == "detail":
            self.caption.update(self.detail.caption(self.size.width - 2))
        else:
            self.caption.update("number: place in the list of models · dotted line: no change")

    def _position(self) -> int:
        """Return the index of the violin of the scope's model and candidate, else of its model."""
        scope_model = (self.scope.run_id, self.scope.model)
        of_model = [i for i, s in enumerate(self._stories) if (s.run_id, s.model) == scope_model]
        for i in of_model:
            pair = self._stories[i].pair
            if pair is not None and pair.candidate == self.scope.candidate:
                return i
        return of_model[0] if of_model else 0

    async def _show_detail(self) -> None:
        if not self._stories or self._distributions is None:
            return
        story = self._stories[self.chart.cursor]
        self.detail.show_figures(story, self._notes, self._part)
        self.set_class(story.pair is None, "-alone")
        if story.pair is None:
            self._opened = None
            self._show_caption()
            return
        pair = PairName(story.run_id, story.model, story.pair.baseline, story.pair.candidate)
        plotted = await self.computed(plotted_pair, pair, self._part, self._unit, self._scale)
        self.detail.show_plots(plotted, (pair.baseline, pair.candidate), self.scope.task)
        self._opened = story
        self.set_class(not self.detail.has_plots, "-without-plots")
        self._show_caption()

    def _show_moved(self) -> None:
        self.detail.draw()
        self._show_caption()

    def _list_tasks(self) -> None:
        """Show in Tasks what is behind the chosen bar or point; Esc there leads back."""
        story, chosen = self._opened, self.detail.cursor.chosen()
        if story is None or story.pair is None or chosen is None:
            self.notify("There is no bar or point to list the tasks of.", timeout=2)
            return
        pair = PairName(story.run_id, story.model, story.pair.baseline, story.pair.candidate)
        among = Among((pair.run_id, pair.model, pair.baseline, pair.candidate), chosen.tasks, chosen.words, "lengths")
        task = self.scope.task if self.scope.task in chosen.tasks else chosen.tasks[0]
        self.select(
            run_id=pair.run_id, model=pair.model, candidate=pair.candidate, among=among, task=task, text="", flagged=False,
            pane="tasks",
        )  # fmt: skip

    async def _show_over_models(self) -> None:
        figure = await self.computed(over_models, self.scope.run_ids, self.scope.judge)
        points = tuple(
            plots.NamedPoint(str(i), p.length_change, p.score_change)
            for i, p in enumerate(figure.points, start=1)
            if p.score_change is not None
        )
        by = safe(figure.scores_by) if figure.scores_by else "no judge"
        self.over_models_chart.show(plots.changes, points, ("change of mean length", f"change of score ({by})"))
        experiments = {run.id: run.experiment for run in self.runs}
        self.over_models_list.show_drawn(lambda width: over_models_lines(figure, experiments, width))


def _ordered(unordered: list[Story], order: int) -> list[Story]:
    if ORDERS[order] == "largest change first":
        return sorted(unordered, key=lambda s: -abs(s.change) if s.change is not None else 1.0)
    if ORDERS[order] == "by name":
        return sorted(unordered, key=lambda s: s.model.casefold())
    return unordered
