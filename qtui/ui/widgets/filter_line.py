"""The line to type a filter into, at the bottom of a pane, visible only while in use."""

from dataclasses import dataclass
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from qtui.ui.widgets.text_input import TextInput

PAUSE_SECONDS = 0.15
"""The filter applies when the typing pauses, not at each letter."""


class FilterLine(Horizontal):
    DEFAULT_CSS = """
    FilterLine {
        dock: bottom;
        height: 1;
        display: none;
        background: $surface;
        &.-open { display: block; }
        Static { width: 3; content-align-horizontal: center; color: $accent; }
        Input { width: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Clear the filter", show=False)]

    @dataclass
    class Changed(Message):
        """The filter changed. `closed`: the focus goes back to the pane."""

        text: str
        closed: bool

    input = getters.query_one(Input)

    def __init__(self) -> None:
        super().__init__()
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static("/", markup=False)
        yield TextInput(compact=True, placeholder="text in a task or an answer; Enter applies it, Esc clears it")

    def open(self, text: str) -> None:
        self.add_class("-open")
        with self.input.prevent(Input.Changed):
            self.input.value = text
        self.input.focus()

    def close(self) -> None:
        self._stop()
        self.remove_class("-open")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop()
        self._timer = self.set_timer(PAUSE_SECONDS, lambda: self.post_message(self.Changed(event.value, closed=False)))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.close()
        self.post_message(self.Changed(event.value, closed=True))

    def action_give_up(self) -> None:
        self.close()
        self.post_message(self.Changed("", closed=True))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
