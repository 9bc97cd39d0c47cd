"""A line of text to edit. Textual's own shows control characters as they are: a name or a comment could drive the terminal."""

from textual.widgets import Input

from qtui.text import safe


class TextInput(Input):
    """As Textual's, with text made safe for a screen, whoever sets, types or pastes it."""

    def validate_value(self, value: str) -> str:
        """Return the text as it is shown and read back: what cannot be shown cannot be edited either."""
        return safe(value)
