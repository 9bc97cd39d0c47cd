"""The two lines on top: where one is (store, what runs), and the six tabs with what is being compared.

Each draws itself as one line: they change with every tick of a run, and a tree of labels would cost a layout each time.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from qtui.records import RunSummary
from qtui.text import cut, safe, width
from qtui.ui import keys, stylesheet
from qtui.ui.scope import Scope


class HeaderLine(Widget):
    """`qtui · store.sqlite                demo running 41 of 160 ━━━━────── 26 %`"""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "header--name",
        "header--store",
        "header--state",
        "header--bar",
        "header--rest",
    }

    runs: reactive[tuple[RunSummary, ...]] = reactive(tuple)

    def __init__(self, store_path: Path) -> None:
        super().__init__()
        self._store_path = store_path

    def render(self) -> Text:
        left = Text.assemble((" qtui", self.get_component_rich_style("header--name")))
        right = self._right()
        room = self.size.width - left.cell_len - right.cell_len - 5
        left.append(
            "  " + cut(_short(self._store_path), max(0, room)),
            self.get_component_rich_style("header--store"),
        )
        left.append(" " * max(1, self.size.width - left.cell_len - right.cell_len - 1))
        return left + right

    def _right(self) -> Text:
        active = [run for run in self.runs if run.active]
        if not active:
            return Text("")
        run = active[0]
        style = self.get_component_rich_style("header--state")
        more = f" +{len(active) - 1}" if len(active) > 1 else ""
        said = f"{cut(safe(run.experiment), 24)} {run.state} {run.answered} of {run.expected}{more} "
        text = Text.assemble((said, style))
        share = run.answered / run.expected if run.expected else 0.0
        cells = 10 if self.size.width < 100 else 20
        full = round(share * cells)
        text.append("━" * full, self.get_component_rich_style("header--bar"))
        text.append("─" * (cells - full), self.get_component_rich_style("header--rest"))
        return text


class TabLine(Widget):
    """`1 Runs  2 Tasks  3 Compare …            demo-ja · FP16 → Q4_K_M · reference`"""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--tab", "tabs--current", "tabs--key", "tabs--scope"}

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        pane_id: str

    current: reactive[str] = reactive("")
    scope: reactive[Scope] = reactive(Scope)

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
        room = self.size.width - text.cell_len - 3
        scope = cut(_scope_text(self.scope), room) if room > 12 else ""
        text.append(" " * max(0, room + 2 - width(scope)))
        text.append(scope, self.get_component_rich_style("tabs--scope"))
        return text

    def on_click(self, click: Click) -> None:
        for pane_id, end in zip(self._pane_ids, self._ends, strict=True):
            if click.x < end:
                self.post_message(self.Chosen(pane_id))
                return


def _scope_text(scope: Scope) -> str:
    if scope.model is None:
        return ""
    pair = f" · {scope.baseline} → {scope.candidate}" if scope.candidate else f" · {scope.baseline}"
    return safe(f"{scope.model}{pair}" + (f" · {scope.judge}" if scope.judge else ""))


def _short(path: Path) -> str:
    home = str(Path.home())
    text = str(path)
    return safe("~" + text[len(home) :] if text.startswith(home + "/") else text)
