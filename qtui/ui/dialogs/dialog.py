"""Screens above the workbench that can be left only once.

Textual's `dismiss` removes whatever screen is on top. Where two Enters come in one burst (a slow line, a key held down) the second
reaches a dialog that is gone already: it would be answered twice, and take the screen below with it.
"""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.screen import ModalScreen

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A modal screen; asks or tells something and goes."""

    @property
    def is_open(self) -> bool:
        """False once it was left, also while its widgets are still being taken down."""
        return self in self.app.screen_stack

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_open else AwaitComplete()


class Palette(CommandPalette):
    """Textual's palette."""

    def dismiss(self, result: object = None) -> AwaitComplete:  # noqa: ARG002 - what is chosen is run, not returned
        return super().dismiss() if self in self.app.screen_stack else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        """In a terminal of a few rows the list has no room, and Textual's paging through it fails."""
        if self.query_one(CommandList).scrollable_content_region:
            super()._action_command_list(action)
