"""The view of a scorer in the pane Scores: a row per pair, by task set and category below it; the selected row in detail."""

from collections.abc import Sequence
from math import ceil
from typing import Any, ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from qtui.charts import scorer_words
from qtui.charts.intervals import Measured, interval_line, scale_label
from qtui.charts.lines import Line
from qtui.text import safe
from qtui.ui import keys, stylesheet
from qtui.ui.data.scope import Scope
from qtui.ui.widgets.drawing import Paragraphs, text
from qtui.ui.widgets.table import Column, ListRows, VirtualTable

LEAST_REACH = 0.05
STEP = 0.01


class ScorerScroll(VerticalScroll):
    """The selected row in detail; scrolls when it is longer than its room."""

    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("text"))


class ScorerView(Vertical):
    """Rows of one scorer. The pane decides which, and where the cursor is."""

    DEFAULT_CSS = stylesheet.beside(__file__)

    table = getters.query_one("#scorer-table", VirtualTable)
    caption = getters.query_one("#scorer-caption", Static)
    details = getters.query_one("#scorer-details", Paragraphs)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.rows: tuple[Any, ...] = ()
        """Of one kind: see `_cells`."""
        self._notes: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield VirtualTable(id="scorer-table")
        yield Static(id="scorer-caption", markup=False)
        with ScorerScroll(id="scorer-scroll"):
            yield Paragraphs(id="scorer-details")

    def show(self, rows: Sequence[Any], notes: Sequence[str], scope: Scope, *, keeps_cursor: bool) -> None:
        """Show these rows of one scorer, and hide the view if there are none. The cursor goes to the scope's pair."""
        self.rows, self._notes = tuple(rows), tuple(notes)
        self.set_class(bool(rows), "-shown")
        if not rows:
            return
        own = (scope.run_id, scope.model, scope.candidate)
        place = next((i for i, row in enumerate(rows) if (row.run_id, row.model, row.candidate) == own), 0)
        cursor = None if keeps_cursor else place
        cells = self.app.size.width
        columns = 31 if cells >= 140 else 21 if cells >= 100 else 15
        far = _reach(self._measured())
        drawn = [text(self.details, interval_line(row, reach=far, columns=columns)) for row in self._measured()]
        shown = self._columns(self._scale(far, columns), columns)
        labels = [column.label for column in shown]
        cells_of = [self._cells(row) for row in rows]
        self.table.show(
            shown,
            ListRows(
                [[cells.get(label, plot) for label in labels] for cells, plot in zip(cells_of, drawn, strict=True)]
            ),
            cursor=cursor,
            empty="",
        )
        self.table.styles.height = min(len(rows) + 1, max(4, self.app.size.height // 2 - 2))
        self.caption.update(self._caption())
        self.show_details(min(self.table.cursor, len(rows) - 1) if cursor is None else cursor)

    def show_details(self, index: int) -> None:
        self.details.show(self._details(index))

    def chosen(self, index: int) -> dict[str, Any]:
        """Return what the scope becomes when a row is chosen."""
        row = self.rows[index]
        return {"run_id": row.run_id, "model": row.model, "candidate": row.candidate, "judge": self._measure(row)}

    def _measured(self) -> Sequence[Measured]:
        """Return what is drawn of each row: a difference with its interval and margin."""
        return self.rows

    def _measure(self, row: Any) -> str:
        return str(row.scorer)

    def _scale(self, far: float, columns: int) -> str:
        return scale_label(100 * far, columns)

    def _caption(self) -> str:
        margin = self.rows[0].margin
        title = scorer_words.scorer_title(self.rows[0])
        return f"{title}, in points of 100 · ● difference ├─┤ 90 % interval ┊ ±{100 * margin:g}"

    def _details(self, index: int) -> list[Line]:
        return scorer_words.detail_lines(self.rows[index], self._notes)

    def _columns(self, scale: str, plot: int) -> list[Column]:
        several_pairs = len({(row.baseline, row.candidate) for row in self.rows}) > 1
        several_runs = len({row.run_id for row in self.rows}) > 1
        columns = [
            Column("model", flex=2, least=14, snug=True, apart=True),
            Column("experiment", flex=1, least=10, snug=True, apart=True, drop=6) if several_runs else None,
            Column("candidate", most=12) if several_pairs else None,
            Column("means", width=13, align="right", drop=3),
            Column("diff.", width=5, align="right"),
            Column(scale, width=plot, drop=1),
            Column("verdict", width=15),
            Column("recovery", width=8, align="right", drop=2),
            Column("flips ↓↑", width=8, align="right", drop=4),
            Column("tasks", width=5, align="right", drop=5),
        ]
        return [column for column in columns if column is not None]

    def _cells(self, row: Any) -> dict[str, str | Text]:
        return {
            "model": f"  · {row.group}" if row.group else row.model,
            "experiment": row.experiment,
            "candidate": safe(row.candidate),
            "means": scorer_words.means(row),
            "diff.": scorer_words.difference(row),
            "verdict": f"{scorer_words.verdict_sign(row)} {scorer_words.verdict_word(row)}",
            "recovery": scorer_words.recovery(row),
            "flips ↓↑": scorer_words.flips(row),
            "tasks": str(row.n),
        }


def _reach(rows: Sequence[Measured]) -> float:
    """The end of the plot on both sides of zero, whole points such that every interval and the margin fit."""
    bounds: list[float] = [abs(bound) for row in rows for bound in (*(row.interval90 or ()), row.margin * 1.25)]
    return max(LEAST_REACH, ceil(max(bounds) / STEP - 1e-9) * STEP)
