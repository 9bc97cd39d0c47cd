"""Lines of text to edit. Textual's own show control characters as they are: a file or what is pasted could drive the terminal."""

from dataclasses import replace

from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from qtui.text import safe


class TextLines(TextArea):
    """As Textual's, with text made safe for a screen, whoever loads, types or pastes it.

    Text comes in as a whole (`load_text`, which setting `text` calls) or as a part (`edit`: keys, pasting, `insert`, `replace`).
    """

    def __init__(self, text: str = "", *, id: str | None = None) -> None:
        super().__init__(safe(text), id=id, show_line_numbers=False, tab_behavior="focus", compact=True)

    def load_text(self, text: str) -> None:
        super().load_text(safe(text))

    def edit(self, edit: Edit) -> EditResult:
        return super().edit(replace(edit, text=safe(edit.text)))
