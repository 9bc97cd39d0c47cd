"""An answer beside another one: differences are marked, and both scroll together.

Two linked views have as many lines as the longer one, so that either may have the focus and both reach every line.
"""

from collections.abc import Sequence

from textual.geometry import Size

from qtui.differences import Span
from qtui.text import safe
from qtui.ui.widgets.text_view import Mark, TextView

THOUGHTS, ANSWER = "── thoughts ──", "── answer ──"
"""Lines above the two parts of a model's text."""


class AnswerView(TextView):
    """A TextView that scrolls with a partner. A note under the answer (cut off, empty) has another style."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._partner: AnswerView | None = None
        self._following = False

    def link(self, partner: "AnswerView | None") -> None:
        """Scroll together with `partner` from now on; None: alone."""
        former, self._partner = self._partner, partner
        if former is not None and former is not partner:
            former._partner = None
        for view in (former, self, partner):
            if view is not None:
                view.fit_height()
        if partner is not None and partner._partner is not self:
            partner.link(self)

    def show_answer(
        self,
        answer: str,
        *,
        different: Sequence[Span] = (),
        divergence: int | None = None,
        note: str = "",
        thoughts: str = "",
        keep_place: bool = False,
    ) -> None:
        """Show an answer. Spans and divergence are positions in the safe form of `answer`; `thoughts` are shown above it."""
        above = f"{THOUGHTS}\n{safe(thoughts).strip()}\n{ANSWER}\n" if thoughts else ""
        shown = above + safe(answer)
        marks = [Mark(start + len(above), stop + len(above), "different") for start, stop in different]
        divergence = None if divergence is None else divergence + len(above)
        if above:
            answer_line = len(above) - len(ANSWER) - 1
            headings = [Mark(0, len(THOUGHTS), "heading"), Mark(answer_line, answer_line + len(ANSWER), "heading")]
            marks = [*headings, *marks]
        if note:
            body = f"{shown.rstrip()}\n{note}" if shown.strip() else note
            marks = [mark for mark in marks if mark.stop <= len(body) - len(note)]
            marks.append(Mark(len(body) - len(note), len(body), "note"))
            shown = body
        self.show(shown, marks, pointer=divergence, keep_place=keep_place)

    def fit_height(self) -> None:
        lines = self.text_height
        if self._partner is not None:
            lines = max(lines, self._partner.text_height)
            self._partner.virtual_size = Size(self._partner._cells, lines)
        self.virtual_size = Size(self._cells, lines)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        partner = self._partner
        if partner is None or self._following:
            return
        # A partner with fewer visible lines stops earlier: it must not scroll this one back.
        partner._following = True
        try:
            partner.scroll_to(y=new_value, animate=False, force=True)
        finally:
            partner._following = False
