"""The dialog on the agreement of judges, takes and people: figures with intervals, confusion tables, tasks on which they part."""

from collections.abc import Callable
from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from qtui.charts.agreement_words import agreement_lines
from qtui.errors import UserError
from qtui.figures.agreement import AgreementTable
from qtui.text import safe
from qtui.ui import keys, stylesheet
from qtui.ui.data.workbench import Workbench
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.widgets.drawing import Paragraphs


class AgreementScroll(VerticalScroll):
    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("text"))


class AgreementScreen(Dialog[None]):
    """Computes and shows the agreement of graders in the shown runs."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,a", "dismiss", "Close")]

    scroll = getters.query_one(AgreementScroll)
    words = getters.query_one("#agreement-words", Paragraphs)
    waiting = getters.query_one("#agreement-waiting", Static)

    def __init__(self, compute: Callable[..., AgreementTable], workbench: Workbench, run_ids: tuple[int, ...]) -> None:
        super().__init__()
        self._compute, self._workbench, self._run_ids = compute, workbench, run_ids

    def compose(self) -> ComposeResult:
        with AgreementScroll(id="agreement"):
            yield Static("Computing the agreement …", id="agreement-waiting", markup=False)
            yield Paragraphs(id="agreement-words")

    def on_mount(self) -> None:
        self.scroll.border_title = "Agreement of judges, takes and people"
        self.scroll.border_subtitle = "Esc closes · qtui agreement prints this"
        self.run_worker(self._fill())

    async def _fill(self) -> None:
        try:
            table = await self._workbench.numbers.ask(self._compute, self._workbench.store_path, self._run_ids)
        except UserError as problem:
            self.waiting.update(safe(str(problem)))
            return
        self.waiting.display = False
        self.words.show(agreement_lines(table))
