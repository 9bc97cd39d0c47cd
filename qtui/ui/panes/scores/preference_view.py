"""The view of a judge that compares in the pane Scores: a row per pair with its win rate; the selected row in detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from qtui.charts import preference_words
from qtui.charts.intervals import Measured
from qtui.charts.lines import Line
from qtui.figures.preferences import EVEN, PreferenceRow
from qtui.format import number
from qtui.text import safe
from qtui.ui.panes.scores.scorer_view import ScorerView
from qtui.ui.widgets.table import Column


@dataclass(frozen=True, slots=True)
class _AgainstEven:
    """A win rate as its distance from one half."""

    difference: float | None
    interval90: tuple[float, float] | None
    margin: float


class PreferenceView(ScorerView):
    """Rows of one judge that compares."""

    def _measured(self) -> Sequence[Measured]:
        return [_against_even(row) for row in self.rows]

    def _measure(self, row: PreferenceRow) -> str:
        return row.judge

    def _scale(self, far: float, columns: int) -> str:
        low, high = f"{EVEN - far:.2f}", f"{EVEN + far:.2f}"
        middle = (columns - 1) // 2
        return f"{low:<{middle - 1}}0.5{high:>{columns - middle - 2}}"

    def _caption(self) -> str:
        first: PreferenceRow = self.rows[0]
        return f"{safe(first.judge)}, in both orders · ● win rate ├─┤ 90 % interval ┊ 0.5 ± {first.margin:g}"

    def _details(self, index: int) -> list[Line]:
        return preference_words.detail_lines(self.rows[index], self._notes)

    def _columns(self, scale: str, plot: int) -> list[Column]:
        several_pairs = len({(row.baseline, row.candidate) for row in self.rows}) > 1
        several_runs = len({row.run_id for row in self.rows}) > 1
        columns = [
            Column("model", flex=2, least=14, snug=True, apart=True),
            Column("experiment", flex=1, least=10, snug=True, apart=True, drop=6) if several_runs else None,
            Column("candidate", most=12) if several_pairs else None,
            Column("win rate", width=8, align="right"),
            Column(scale, width=plot, drop=1),
            Column("verdict", width=15),
            Column("+/=/−", width=11, align="right", drop=3),
            Column("turned", width=10, align="right", drop=2),
            Column("tasks", width=5, align="right", drop=4),
        ]
        return [column for column in columns if column is not None]

    def _cells(self, row: Any) -> dict[str, str | Text]:
        return {
            "model": row.model,
            "experiment": row.experiment,
            "candidate": safe(row.candidate),
            "win rate": number(row.win_rate, 2),
            "verdict": f"{preference_words.verdict_sign(row)} {preference_words.verdict_word(row)}",
            "+/=/−": preference_words.shares(row),
            "turned": preference_words.turned(row),
            "tasks": str(row.n),
        }


def _against_even(row: PreferenceRow) -> _AgainstEven:
    interval90 = None if row.interval90 is None else (row.interval90[0] - EVEN, row.interval90[1] - EVEN)
    return _AgainstEven(row.difference, interval90, row.margin)
