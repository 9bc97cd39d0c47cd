"""Modal screens that close only once.

Textual's `dismiss` removes whatever screen is on top. If two Enters arrive in one burst (a slow connection), the second reaches a
dialog that is already closed: it would return a second result and remove the screen below.
"""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A modal screen that closes only once."""

    @property
    def is_open(self) -> bool:
        """Whether the dialog is still on the stack; False while its widgets are being removed."""
        return self in self.app.screen_stack

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_open else AwaitComplete()


class Palette(CommandPalette):
    """Textual's command palette, which closes only once."""

    def dismiss(self, result: object = None) -> AwaitComplete:  # noqa: ARG002 - the chosen command is run, not returned
        return super().dismiss() if self in self.app.screen_stack else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        """Page only where the list has rows: in a very low terminal it has none, and Textual's paging fails."""
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)
