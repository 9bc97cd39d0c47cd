"""The pane Scores: a row per model, candidate and judge with difference, interval and verdict; below, the selected row in detail.

The verdict is in words and the interval is drawn, so that nobody has to decide by a bare number. Rows without grades are listed
too, because changes of behaviour need no judge.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from qtui.charts.bars import Bar, Group, bar_lines
from qtui.charts.behaviour_words import behaviour_word
from qtui.charts.intervals import interval_line, reach, scale_label, units
from qtui.charts.preference_words import beside_grades
from qtui.charts.score_words import detail_lines, judge_name, judge_sentence, published_for, verdict_sign, verdict_word
from qtui.figures.preferences import PreferenceTable
from qtui.figures.published import SOURCE, PublishedScore
from qtui.figures.scorers import ScorerTable
from qtui.figures.scores import MARGIN, ScoreRow, ScoreTable
from qtui.format import number, signed
from qtui.results.preference_figures import preference_rows
from qtui.results.published import published_rows
from qtui.results.score_figures import score_rows
from qtui.results.scorer_figures import scorer_rows
from qtui.results.task_changes import TaskDelta, crossing, flips
from qtui.text import safe
from qtui.ui import keys, stylesheet
from qtui.ui.panes.figures_pane import FiguresPane
from qtui.ui.panes.scores.flips import FLIP_COLUMNS, NO_FLIPS, flip_cells
from qtui.ui.panes.scores.preference_view import PreferenceView
from qtui.ui.panes.scores.scorer_view import ScorerView
from qtui.ui.widgets.drawing import Paragraphs, text
from qtui.ui.widgets.table import Column, ListRows, Row, VirtualTable

EMPTY = "Nothing to compare yet: a model needs a baseline and a candidate with answers. Press 1, then n for a new run."
ORDERS = ("as in the experiment", "lowest difference first", "by name")


class DetailScroll(VerticalScroll):
    """The selected row in detail; scrolls when it is longer than its room."""

    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("text"))


class ScoresPane(FiguresPane):
    TITLE = "Scores"
    DEFAULT_CSS = stylesheet.beside(__file__)
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("scores"))

    table = getters.query_one("#score-table", VirtualTable)
    caption = getters.query_one("#score-caption", Static)
    details = getters.query_one("#score-details", Paragraphs)
    flips = getters.query_one("#flip-table", VirtualTable)
    bars = getters.query_one("#score-bars", Paragraphs)
    scorer_view = getters.query_one("#scorer-view", ScorerView)
    preference_view = getters.query_one(PreferenceView)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._score_table = ScoreTable((), MARGIN, ())
        self._scorer_table = ScorerTable(())
        self._preference_table = PreferenceTable(())
        self._rows: list[ScoreRow] = []
        self._repeated: frozenset[str] = frozenset()
        """Models that are in more than one of these runs: shown with their experiment."""
        self._published: tuple[PublishedScore, ...] = ()
        self._flipped: list[TaskDelta] = []
        self._order = 0
        self._with_published = False
        self._view = "table"
        self._empty = ""
        """Shown in place of rows; empty until the first read has shown that there are none."""

    def compose(self) -> ComposeResult:
        yield VirtualTable(id="score-table")
        yield Static("Computing the scores …", id="score-caption", markup=False)
        with DetailScroll(id="score-scroll"):
            yield Paragraphs(id="score-details")
        yield VirtualTable(id="flip-table")
        with DetailScroll(id="score-bars-scroll"):
            yield Paragraphs(id="score-bars")
        yield ScorerView(id="scorer-view")
        yield PreferenceView(id="preference-view")

    async def refresh_data(self) -> None:
        run_ids = self.scope.run_ids
        if run_ids:
            self._score_table = await self.computed(score_rows, run_ids, self.workbench.config.margin)
            self._published = await self.workbench.numbers.ask(published_rows)
            self._scorer_table = await self.computed(scorer_rows, run_ids)
            self._preference_table = await self.computed(preference_rows, run_ids)
        else:
            self._score_table = ScoreTable((), self._score_table.margin, ())
            self._scorer_table, self._preference_table = ScorerTable(()), PreferenceTable(())
        if self._show_other():
            return
        rows = _ordered(self._score_table.pairs, self._order)
        if rows != self._rows:
            self.requests.forget()
        self._rows, self._repeated = rows, _repeated(rows)
        self._empty = EMPTY
        self._show()
        if self._view == "flips":
            await self._show_flips()

    def _show_other(self) -> bool:
        """Show the scorer, or the judge that compares, that the scope names; else the judges that grade. Return whether it does."""
        scored = [row for row in self._scorer_table.rows if row.scorer == self.scope.judge]
        compared = [row for row in self._preference_table.rows if row.judge == self.scope.judge]
        was_shown = self.other_view
        keeps_cursor = bool(self.requests.explain(self.scope))
        self.scorer_view.show(scored, self._scorer_table.notes, self.scope, keeps_cursor=keeps_cursor)
        self.preference_view.show(compared, self._preference_table.notes, self.scope, keeps_cursor=keeps_cursor)
        self.set_class(self.other_view is not None, "-other")
        if was_shown is not self.other_view:
            (self.other_view.table if self.other_view else self.table).focus(scroll_visible=False)
            self.refresh_bindings()
        return self.other_view is not None

    @property
    def other_view(self) -> ScorerView | None:
        """The view on the screen in place of the judges' grades."""
        return next((view for view in (self.scorer_view, self.preference_view) if view.rows), None)

    @on(VirtualTable.RowHighlighted, "#scorer-table")
    def _highlight_other(self, message: VirtualTable.RowHighlighted) -> None:
        message.stop()
        view = self.other_view
        if view is None:
            return
        view.show_details(message.index)
        chosen = view.chosen(message.index)
        if self.requests.add(chosen, self.scope):
            self.select(**chosen)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that do nothing in the current view."""
        if self.has_class("-other"):
            return action not in ("order", "flips", "back", "chart", "published") and super().check_action(
                action, parameters
            )
        row = self._selected
        offered = {
            "open": row is not None and self._view != "chart",
            "order": self._view == "table",
            "flips": row is not None and row.n > 0 and self._view != "chart",
            "back": self._view != "table",
            "agreement": bool(self.scope.run_ids),
        }
        return offered.get(action, True) and super().check_action(action, parameters)

    @on(VirtualTable.RowHighlighted, "#score-table")
    def _highlight(self, message: VirtualTable.RowHighlighted) -> None:
        message.stop()
        row = self._rows[message.index]
        self._show_details(row)
        chosen: dict[str, Any] = {"run_id": row.run_id, "model": row.model, "candidate": row.candidate}
        if row.judge is not None:
            chosen["judge"] = row.judge
        if self.requests.add(chosen, self.scope):
            self.select(**chosen)

    @on(VirtualTable.RowHighlighted, "#flip-table")
    def _highlight_flip(self, message: VirtualTable.RowHighlighted) -> None:
        message.stop()

    def action_open(self) -> None:
        if self.has_class("-other"):
            self.select(pane="compare")
        elif self._view == "flips" and self._flipped:
            self.select(task=self._flipped[self.flips.cursor].task, pane="compare")
        elif self._selected is not None:
            self.select(pane="compare")

    def action_back(self) -> None:
        self._switch("table")

    def action_chart(self) -> None:
        self._switch("table" if self._view == "chart" else "chart")

    def action_flips(self) -> None:
        self._switch("table" if self._view == "flips" else "flips")

    def action_agreement(self) -> None:
        from qtui.results.agreement import agreement_table
        from qtui.ui.dialogs.agreement import AgreementScreen

        self.app.push_screen(AgreementScreen(agreement_table, self.workbench, self.scope.run_ids))

    def action_order(self) -> None:
        self._order = (self._order + 1) % len(ORDERS)
        self.notify(f"Order: {ORDERS[self._order]}", timeout=2)
        self._rows = _ordered(self._score_table.pairs, self._order)
        self.requests.forget()
        self._show()

    def action_published(self) -> None:
        self._with_published = not self._with_published
        if self._with_published and not any(published_for(row, self._published) for row in self._rows):
            self.notify("The study has no figures for these pairs.", timeout=3)
        self._show()

    def on_resize(self) -> None:
        if not self._show_other():
            self._show_table()

    @property
    def _selected(self) -> ScoreRow | None:
        return self._rows[min(self.table.cursor, len(self._rows) - 1)] if self._rows else None

    def _position(self) -> int:
        """Return the row of the scope's model, candidate and judge, or the nearest match."""
        scope = self.scope
        of_model = [i for i, r in enumerate(self._rows) if (r.run_id, r.model) == (scope.run_id, scope.model)]
        of_pair = [i for i in of_model if self._rows[i].candidate == scope.candidate]
        of_judge = [i for i in of_pair if self._rows[i].judge == scope.judge]
        return (of_judge or of_pair or of_model or [0])[0]

    def _switch(self, view: str) -> None:
        self._view = view
        self.set_class(view == "chart", "-chart")
        self.set_class(view == "flips", "-flips")
        where = {"table": self.table, "flips": self.flips, "chart": self.query_one("#score-bars-scroll")}[view]
        where.focus(scroll_visible=False)
        self.refresh_bindings()
        self.data_changed(at_once=True)

    def _show(self) -> None:
        self._show_table()
        if self._selected is not None:
            self._show_details(self._selected)
        else:
            self.details.show([])
        groups = [self._bars(row, first) for row, first in zip(self._rows, _first_of_pair(self._rows), strict=True)]
        self.bars.show_drawn(lambda width: bar_lines(groups, width))
        self.caption.update(self._caption())
        self.refresh_bindings()

    def _show_table(self) -> None:
        cells = self.size.width
        columns = 31 if cells >= 140 else 21 if cells >= 100 else 15
        far = reach(self._rows, self._score_table.margin)
        shown = self._columns(scale_label(far, columns), columns)
        drawn = [
            text(self.details, interval_line(row, unit=unit, reach=far, columns=columns))
            for row, unit in zip(self._rows, units(self._rows), strict=True)
        ]
        rows = [self._cells(row, plot, [c.label for c in shown]) for row, plot in zip(self._rows, drawn, strict=True)]
        cursor = None if self.requests.explain(self.scope) else self._position()
        self.table.show(shown, ListRows(rows), cursor=cursor, empty=self._empty)
        # No taller than its rows, so that the details get the rest.
        self.table.styles.height = min(len(rows) + 1, max(4, self.size.height // 2)) if rows else 4

    def _columns(self, scale: str, plot: int) -> list[Column]:
        """Return the columns; those that tell the rows apart are never dropped."""
        several_runs = len({row.run_id for row in self._rows}) > 1
        several_pairs = len({(row.baseline, row.candidate) for row in self._rows}) > 1
        # A pair without grades says so in its verdict: it does not count as a second judge.
        several_judges = len({row.judge for row in self._rows if row.judge is not None}) > 1
        graded = any(row.n for row in self._rows)
        columns = [
            Column("model", flex=2, least=14, snug=True, apart=True),
            Column("experiment", flex=1, least=10, snug=True, apart=True, drop=0 if self._repeated else 6)
            if several_runs
            else None,
            Column("candidate", most=12) if several_pairs else None,
            Column("judge", most=18) if several_judges else None,
            Column("means", width=11, align="right", drop=3) if graded else None,
            Column("diff.", width=5, align="right") if graded else None,
            Column(scale, width=plot, drop=1) if graded else None,
            Column("study", width=18, align="right", drop=2) if self._with_published else None,
            Column("verdict", width=15),
            Column("behaviour", width=9, drop=4),
            Column("+ = −", width=11, align="right", drop=7) if graded else None,
            Column("flips ↓↑", width=8, align="right", drop=8) if graded else None,
        ]
        return [column for column in columns if column is not None]

    def _cells(self, row: ScoreRow, plot: Text, labels: Sequence[str]) -> Row:
        graded = row.n > 0
        cells: dict[str, str | Text] = {
            "model": row.model,
            "experiment": row.experiment,
            "candidate": row.candidate,
            "judge": judge_name(row.judge),
            "means": f"{number(row.baseline_mean, 2)} → {number(row.candidate_mean, 2)}" if graded else "",
            "diff.": signed(row.difference) if graded else "",
            "study": _study_cell(published_for(row, self._published)),
            "verdict": f"{verdict_sign(row)} {verdict_word(row)}",
            "behaviour": behaviour_word(row.behaviour, row.behaviour_reasons),
            "+ = −": f"{row.wins}/{row.ties}/{row.losses}" if graded else "",
            "flips ↓↑": f"{row.flips_down}/{row.flips_up}" if graded else "",
        }
        return [cells.get(label, plot) for label in labels]

    def _show_details(self, row: ScoreRow) -> None:
        published = published_for(row, self._published)
        notes = self._score_table.notes
        lines = detail_lines(row, published, notes, with_experiment=row.model in self._repeated)
        self.details.show([*lines[:2], *beside_grades(row, self._preference_table.rows), *lines[2:]])

    async def _show_flips(self) -> None:
        row = self._selected
        if row is None:
            return
        pair = (row.run_id, row.model, row.baseline, row.candidate)
        task_deltas = await self.computed(flips, *pair, row.judge, row.pass_grade)
        crossed = ((delta, crossing(delta, row.judge, row.pass_grade)) for delta in task_deltas)
        flipped = [(delta, grades) for delta, grades in crossed if grades is not None]
        flipped.sort(key=lambda f: f[1][1] - f[1][0])
        self._flipped = [delta for delta, _ in flipped]
        self.flips.show(FLIP_COLUMNS, ListRows([flip_cells(d, g) for d, g in flipped]), empty=NO_FLIPS)

    def _bars(self, row: ScoreRow, with_published: bool) -> Group:
        bars = [
            Bar(safe(row.baseline), row.baseline_mean, hatched=False),
            Bar(safe(row.candidate), row.candidate_mean, hatched=True),
        ]
        published = published_for(row, self._published) if self._with_published and with_published else None
        if published is not None:
            bars += [
                Bar(f"{safe(row.baseline)}, {SOURCE}", published.baseline_mean, hatched=False, faint=True),
                Bar(f"{safe(row.candidate)}, {SOURCE}", published.candidate_mean, hatched=True, faint=True),
            ]
        by = f"  {judge_name(row.judge)}" if row.judge else ""
        experiment = f"  {safe(row.experiment)}" if row.model in self._repeated else ""
        return Group(
            [(safe(row.model), "strong"), (experiment, "text"), (by, "faint"), (f"  {verdict_word(row)}", "faint")],
            tuple(bars),
            row.scale,
        )

    def _caption(self) -> str:
        if not self._rows:
            return ""
        by = self._graders()
        if self._view == "chart":
            scales = {row.scale for row in self._rows}
            low, high = self._rows[0].scale
            scale = f", {low} to {high}" if len(scales) == 1 else ", each judge on its own scale"
            return f"mean grades{scale}: baseline filled, candidate hatched · {by}"
        pairs = {f"{safe(row.baseline)} → {safe(row.candidate)}" for row in self._rows}
        marks = f"● difference ├─┤ 90 % interval ┊ ±{self._margins()}" if any(row.n for row in self._rows) else ""
        return " · ".join(part for part in (pairs.pop() if len(pairs) == 1 else "", marks, by) if part)

    def _margins(self) -> str:
        """Return the margin on the scale of the plot."""
        if len({row.scale for row in self._rows}) > 1:
            return f"{self._score_table.margin:g}, all as on 1–5: scales differ"
        return f"{self._rows[0].margin:g}"

    def _graders(self) -> str:
        first_of = {row.judge: row for row in reversed(self._rows)}
        judges = [judge for judge in first_of if judge is not None]
        if len(judges) > 1:
            return "Several judges: see the judge column (reference: overlap, not quality)."
        return judge_sentence(first_of[judges[0] if judges else None])


def _ordered(rows: Sequence[ScoreRow], order: int) -> list[ScoreRow]:
    if ORDERS[order] == "lowest difference first":
        return sorted(rows, key=lambda r: (r.difference is None, r.difference or 0.0))
    if ORDERS[order] == "by name":
        return sorted(rows, key=lambda r: (r.model.casefold(), r.candidate, r.judge or ""))
    return list(rows)


def _repeated(rows: Sequence[ScoreRow]) -> frozenset[str]:
    runs_of: dict[str, set[int]] = {}
    for row in rows:
        runs_of.setdefault(row.model, set()).add(row.run_id)
    return frozenset(model for model, run_ids in runs_of.items() if len(run_ids) > 1)


def _first_of_pair(rows: Sequence[ScoreRow]) -> list[bool]:
    """Return for each row whether it is the first of its pair, with any judge."""
    pairs = [(row.run_id, row.model, row.baseline, row.candidate) for row in rows]
    return [pair not in pairs[:i] for i, pair in enumerate(pairs)]


def _study_cell(published: PublishedScore | None) -> str:
    if published is None:
        return ""
    return f"{number(published.baseline_mean, 2)} → {number(published.candidate_mean, 2)} {signed(published.difference):>6}"
