"""One answer beside another: what differs is marked, and both scroll as one.

Two linked views count as many lines as the longer of them, so that either may have the keyboard and both reach every line.
"""

from collections.abc import Sequence

from textual.geometry import Size

from qtui.differences import Span
from qtui.text import safe
from qtui.ui.widgets.text_view import Mark, TextView


class AnswerView(TextView):
    """A TextView that knows a partner. Notes under the answer (cut off, empty) are the interface's words and look it."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._partner: AnswerView | None = None
        self._following = False

    def link(self, partner: "AnswerView | None") -> None:
        """Scroll together with another view from now on (None: alone)."""
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
        keep_place: bool = False,
    ) -> None:
        """Spans and divergence are places in the safe form of `answer`."""
        shown = safe(answer)
        marks = [Mark(start, stop, "different") for start, stop in different]
        if note:
            body = f"{shown.rstrip()}\n{note}" if shown.strip() else note
            marks = [mark for mark in marks if mark.stop <= len(body) - len(note)]
            marks.append(Mark(len(body) - len(note), len(body), "note"))
            shown = body
        self.show(shown, marks, pointer=divergence, keep_place=keep_place)

    def fit_height(self) -> None:
        lines = self.height_wanted
        if self._partner is not None:
            lines = max(lines, self._partner.height_wanted)
            self._partner.virtual_size = Size(self._partner._cells, lines)
        self.virtual_size = Size(self._cells, lines)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        partner = self._partner
        if partner is None or self._following:
            return
        # A partner with fewer lines in view stops earlier: it must not pull this one back.
        partner._following = True
        try:
            partner.scroll_to(y=new_value, animate=False, force=True)
        finally:
            partner._following = False
