"""The two lines at the top: the store and the scope; the six tabs and the run in progress.

Each draws itself as one line: both change with every step of a run, and a tree of labels would cost a layout each time. At 80
columns the scope takes precedence over the path of the store, and the progress of a run fits beside the tabs.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from qtui.run_progress import RunSummary
from qtui.text import cut, safe, width
from qtui.ui import keys, stylesheet
from qtui.ui.data.scope import Scope, repeated_models

LEAST_STORE = 12
"""Cells; with fewer the store is not shown."""
LEAST_BAR, MOST_BAR = 5, 20


class HeaderLine(Widget):
    """`qtui  store.sqlite                            demo-ja (hot) · FP16 → Q4_K_M · reference`"""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"header--name", "header--store", "header--scope"}

    runs: reactive[tuple[RunSummary, ...]] = reactive(tuple)
    scope: reactive[Scope] = reactive(Scope)

    def __init__(self, store_path: Path) -> None:
        super().__init__()
        self._store_path = store_path

    def render(self) -> Text:
        line = Text.assemble((" qtui", self.get_component_rich_style("header--name")), "  ")
        room = self.size.width - line.cell_len - 1
        scope = _scope_text(self.scope, self.runs, room)
        store = _store_text(self._store_path, room - width(scope) - 2)
        line.append(store, self.get_component_rich_style("header--store"))
        line.append(" " * (room - width(store) - width(scope)))
        line.append(scope, self.get_component_rich_style("header--scope"))
        return line


class TabLine(Widget):
    """`1 Runs  2 Tasks  3 Compare …                demo running 41 of 160 ━━━━───────────`"""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tabs--tab", "tabs--current", "tabs--key", "tabs--state", "tabs--bar", "tabs--rest",
    }  # fmt: skip

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        pane_id: str

    current: reactive[str] = reactive("")
    runs: reactive[tuple[RunSummary, ...]] = reactive(tuple)

    def __init__(self, pane_ids: tuple[str, ...]) -> None:
        super().__init__()
        self._pane_ids = pane_ids
        self._ends: list[int] = []

    def render(self) -> Text:
        text = Text(" ")
        self._ends = []
        for number, pane_id in enumerate(self._pane_ids, start=1):
            is_current = pane_id == self.current
            name = "tabs--current" if is_current else "tabs--tab"
            style = self.get_component_rich_style(name)
            key_style = style if is_current else self.get_component_rich_style("tabs--key")
            text.append(f" {number}", key_style)
            text.append(f" {keys.TITLES[pane_id]} ", style)
            self._ends.append(text.cell_len)
        active = [run for run in self.runs if run.active]
        if active:
            self._append_progress(text, active, self.size.width - text.cell_len - 1)
        return text

    def _append_progress(self, text: Text, active: list[RunSummary], room: int) -> None:
        """Append the run in progress, as far as there is room: the count, then the bar, then name and state."""
        run = active[0]
        more = f" +{len(active) - 1}" if len(active) > 1 else ""
        counted = f"{run.answered}/{run.expected}{more}"
        progress = f"{cut(safe(run.experiment), 24)} {run.state} {run.answered} of {run.expected}{more}"
        if width(progress) + 1 + LEAST_BAR > room:
            progress = counted
        bar = min(MOST_BAR, room - width(progress) - 2)
        if bar < 1:
            bar, progress = 0, cut(counted, max(0, room))
        text.append(" " * max(0, room - width(progress) - (bar + 1 if bar else 0)))
        text.append(progress, self.get_component_rich_style("tabs--state"))
        if bar:
            full = round((run.answered / run.expected if run.expected else 0.0) * bar)
            text.append(" " + "━" * full, self.get_component_rich_style("tabs--bar"))
            text.append("─" * (bar - full), self.get_component_rich_style("tabs--rest"))

    def on_click(self, click: Click) -> None:
        for pane_id, end in zip(self._pane_ids, self._ends, strict=True):
            if click.x < end:
                self.post_message(self.Chosen(pane_id))
                return


def _scope_text(scope: Scope, runs: tuple[RunSummary, ...], room: int) -> str:
    """Return model, pair and judge; if there is too little room, without the judge, then with a cut model name."""
    if scope.model is None:
        return ""
    pair = safe(f" · {scope.baseline} → {scope.candidate}" if scope.candidate else f" · {scope.baseline}")
    judge = safe(f" · {scope.judge}") if scope.judge else ""
    name = next((run.experiment for run in runs if run.id == scope.run_id), "")
    experiment = f" ({cut(safe(name), 16)})" if scope.model in repeated_models(scope, runs) else ""
    model = safe(scope.model)
    if width(model + experiment + pair + judge) > room:
        judge = ""
    return cut(cut(model, max(8, room - width(experiment + pair))) + experiment + pair + judge, max(0, room))


def _store_text(path: Path, room: int) -> str:
    """Return the path, or only the file name if the path does not fit."""
    home, text = str(Path.home()), str(path)
    shown = safe("~" + text[len(home) :] if text.startswith(home + "/") else text)
    if width(shown) <= room:
        return shown
    return cut(f"…/{safe(path.name)}", room) if room >= LEAST_STORE else ""
