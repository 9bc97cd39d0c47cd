"""A dialog for one line of text, such as a comment."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from qtui.text import safe
from qtui.ui import stylesheet
from qtui.ui.dialogs import confirm
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.widgets.text_input import TextInput


class TextPromptScreen(Dialog[str | None]):
    """Returns the text on Enter (it may be empty), None on Esc."""

    DEFAULT_CSS = stylesheet.beside(confirm.__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, question: str, *, value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._question, self._value, self._placeholder = safe(question), value, placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False)
            yield TextInput(self._value, placeholder=self._placeholder, compact=True)
            yield Static("Enter saves, Esc cancels.", classes="hint")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)

    def action_cancel(self) -> None:
        self.dismiss(None)
