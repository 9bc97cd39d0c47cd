"""A read-only view of an untrusted text: made safe, wrapped by kinsoku rules, with marked parts.

Only visible lines are drawn, so that a text of 100,000 characters scrolls like one of a hundred. Marks are positions, not markup,
so that the text itself is never interpreted. A mouse selection returns the text without the line breaks of the screen.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Offset, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from qtui.text import line_spans, safe
from qtui.ui import keys
from qtui.ui.stylesheet import beside

LOOKS = ("different", "left", "right", "note", "heading", "match")
FOCUSED = "▌"
"""Shown beside every line of the focused text, and not beside the empty rows below it."""
SCROLLBAR = 1


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked part of a text: start and stop in characters of its safe form, and its look, one of LOOKS."""

    start: int
    stop: int
    look: str


class TextView(ScrollView, inherit_bindings=False):
    """Read-only text. `show` sets it; when focused, the keys of `text` scroll it."""

    BINDINGS: ClassVar[list[BindingType]] = list(keys.bindings_for("text"))
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"text--{look}" for look in LOOKS} | {"text--pointer", "text--focused"}
    DEFAULT_CSS = beside(__file__)
    MARKS_FOCUS: ClassVar[bool] = True
    """False if something else shows that the view has the focus."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.text = ""
        """The shown text, in its safe form."""
        self._marks: tuple[Mark, ...] = ()
        self._starts: list[int] = []
        self._pointer: int | None = None
        self._lines: list[tuple[int, int]] = [(0, 0)]
        self._cells = 0
        self._wrapped: tuple[str, int] | None = None
        self._strips: dict[int, Strip] = {}
        self._base: Style | None = None

    def show(
        self, text: str, marks: Sequence[Mark] = (), *, pointer: int | None = None, keep_place: bool = False
    ) -> None:
        """Show another text, from its top or at the same line. Marks must not overlap; the line of `pointer` gets a ▸."""
        text, marks = safe(text), tuple(sorted(marks, key=lambda mark: mark.start))
        changed = text != self.text
        if not changed and marks == self._marks and pointer == self._pointer:
            return
        self.text, self._marks, self._pointer = text, marks, pointer
        self._starts = [mark.start for mark in marks]
        self._strips.clear()
        if changed:
            self._wrap_at(self._cells or self._room())
            if not keep_place:
                self.scroll_to(y=0, animate=False)
        self.refresh(layout=changed and self.styles.is_auto_height)

    @property
    def text_height(self) -> int:
        """Number of lines of the text at its current width."""
        return len(self._lines)

    @property
    def pointer_line(self) -> int | None:
        return None if self._pointer is None else self._line_of(self._pointer)

    def selected(self) -> str:
        """Return the selected part of the text; empty if nothing is selected."""
        selection = self.text_selection
        part = self.get_selection(selection) if selection else None
        return part[0] if part else ""

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        start = 0 if selection.start is None else self._position(selection.start)
        stop = len(self.text) if selection.end is None else self._position(selection.end)
        return self.text[start:stop], "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's signature
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()
        self._base = None

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as above
        self._wrap_at(width - self._gutter - SCROLLBAR)
        return len(self._lines)

    def on_resize(self) -> None:
        top = self._lines[min(int(self.scroll_y), len(self._lines) - 1)][0]
        if self._wrap_at(self._room()):
            self.scroll_to(y=self._line_of(top), animate=False)

    def render_line(self, y: int) -> Strip:
        number = y + self.scroll_offset.y
        strip = self._strips.get(number)
        if strip is None:
            strip = self._strips[number] = self._drawn(number)
        if self.MARKS_FOCUS:
            marked = self.has_focus and number < len(self._lines)
            style = self._base_style + self._look("focused") if marked else self._base_style
            strip = Strip.join([Strip([Segment(FOCUSED if marked else " ", style)], 1), strip])
        return strip.crop_extend(0, self.size.width, self._base_style)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()

    def action_scroll_up(self) -> None:
        self.scroll_to(y=self.scroll_y - 1, animate=False)

    def action_scroll_down(self) -> None:
        self.scroll_to(y=self.scroll_y + 1, animate=False)

    def action_page_up(self) -> None:
        self.scroll_to(y=self.scroll_y - max(1, self.size.height - 1), animate=False)

    def action_page_down(self) -> None:
        self.scroll_to(y=self.scroll_y + max(1, self.size.height - 1), animate=False)

    def action_scroll_home(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def fit_height(self) -> None:
        """Set the scrollable size."""
        self.virtual_size = Size(self._cells, len(self._lines))

    def _room(self) -> int:
        return self.content_size.width - self._gutter - SCROLLBAR

    @property
    def _gutter(self) -> int:
        """Cells before the text: the focus sign, the pointer."""
        return 2 if self.MARKS_FOCUS else 1

    def _wrap_at(self, cells: int) -> bool:
        """Wrap the text; return False if it is already wrapped at this width."""
        if self._wrapped == (self.text, cells):
            return False
        self._wrapped = (self.text, cells)
        self._cells = cells
        self._lines = line_spans(self.text, cells) if cells > 0 else [(0, 0)]
        self._strips.clear()
        self.fit_height()
        self.refresh()
        return True

    def _line_of(self, position: int) -> int:
        return max(0, bisect_right(self._lines, position, key=lambda line: line[0]) - 1)

    def _position(self, offset: Offset) -> int:
        if offset.y >= len(self._lines):
            return len(self.text)
        start, stop = self._lines[offset.y]
        return min(start + offset.x, stop)

    def _drawn(self, number: int) -> Strip:
        base = self._base_style
        if number >= len(self._lines):
            return Strip([Segment(" ", base)], 1)
        pointer = number == self.pointer_line
        gutter = Segment("▸" if pointer else " ", base + self._look("pointer") if pointer else base)
        start, stop = self._lines[number]
        pieces = [Segment(self.text[a:b], style) for a, b, style in self._styled(number, start, stop)]
        return Strip.join([Strip([gutter], 1), Strip(pieces).apply_offsets(0, number)])

    def _styled(self, number: int, start: int, stop: int) -> Iterator[tuple[int, int, Style]]:
        """Yield (start, stop, style) of the line's parts."""
        base = self._base_style
        chosen = self.text_selection.get_span(number) if self.text_selection else None
        chosen_from, chosen_to = (
            (start + chosen[0], stop if chosen[1] < 0 else start + chosen[1]) if chosen else (stop, stop)
        )
        edges = {start, stop, min(chosen_from, stop), min(chosen_to, stop)}
        first = max(0, bisect_right(self._starts, start) - 1)
        last = bisect_right(self._starts, stop)
        marks = [mark for mark in self._marks[first:last] if mark.stop > start and mark.start < stop]
        edges |= {edge for mark in marks for edge in (max(start, mark.start), min(stop, mark.stop))}
        ordered = sorted(edges)
        for a, b in pairwise(ordered):
            style = base
            for mark in marks:
                if mark.start <= a < mark.stop:
                    style += self._look(mark.look)
            if chosen_from <= a < chosen_to:
                style += self.screen.get_component_rich_style("screen--selection")
            yield a, b, style

    @property
    def _base_style(self) -> Style:
        # Textual computes it from all ancestors each time, which would be most of the time to draw a line.
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(f"text--{name}", partial=True)
