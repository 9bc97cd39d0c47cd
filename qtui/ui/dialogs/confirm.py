"""The question before an action that cannot be undone. Enter and Esc choose "no"."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from qtui.text import safe
from qtui.ui import stylesheet
from qtui.ui.dialogs.dialog import Dialog


class ConfirmScreen(Dialog[bool]):
    """Returns True only on `y` or the yes button."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape", "answer(False)", "No"),
        Binding("left,right,h,l", "app.focus_next", "Other button", show=False),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, question: str, *, yes: str = "Yes", no: str = "No") -> None:
        super().__init__()
        self._question, self._yes, self._no = safe(question), yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False)
            with Horizontal(classes="buttons"):
                yield Button(f"n  {self._no}", id="no", compact=True)
                yield Button(f"y  {self._yes}", id="yes", compact=True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
