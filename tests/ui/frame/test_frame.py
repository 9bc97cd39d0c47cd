"""Any frames, written by Textual and as changes: an emulated terminal shows the same after each."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from qtui.ui.frame.changes import Changes
from qtui.ui.frame.frame import Frame
from qtui.ui.frame.look import PLAIN, change, looks_of
from tests.ui.frame.emulated import Emulated

COLUMNS, LINES = 24, 3
HOME = "\x1b[H"
"""Where Textual leaves the cursor after each frame."""
CONSOLE = Console(color_system="truecolor", force_terminal=True, legacy_windows=False, width=COLUMNS)
CHARACTERS = ["a", "b", " ", " ", "─", "▁", "海", "が", "か\u3099", "é", "e\u0301", "👍", "★"]
STYLES = [
    None,
    Style(),
    Style(color="red"),
    Style(color="#102030", bgcolor="#405060"),
    Style(color="#102030", bgcolor="red", bold=True),
    Style(bold=True, italic=True),
    Style(dim=True, bgcolor="#405060"),
    Style(underline=True, color="green"),
    Style(reverse=True, color="blue"),
    Style(strike=True, bold=True),
    Style(color="color(200)", bgcolor="default"),
]

pieces = st.tuples(st.lists(st.sampled_from(CHARACTERS), max_size=8).map("".join), st.sampled_from(STYLES))


def _strip(parts: list[tuple[str, Style | None]], width: int = COLUMNS) -> Strip:
    return Strip([Segment(text, style) for text, style in parts]).adjust_cell_length(width, Style())


def strips(width: int) -> st.SearchStrategy[Strip]:
    return st.lists(pieces, max_size=6).map(lambda parts: _strip(parts, width))


@st.composite
def updates(draw: st.DrawFn) -> LayoutUpdate | ChopsUpdate:
    """The whole screen, or spans of some of its lines, of which the line is cut into two pieces."""
    if draw(st.booleans()):
        return LayoutUpdate([[draw(strips(COLUMNS))] for _ in range(LINES)], Region(0, 0, COLUMNS, LINES))
    cut = draw(st.integers(1, COLUMNS - 1))
    chops: list[dict[int, Strip | None]] = [
        {0: draw(strips(cut)), cut: draw(strips(COLUMNS - cut))} if draw(st.booleans()) else {0: None, cut: None}
        for _ in range(LINES)
    ]
    spans = []
    for y in range(LINES):
        start, stop = sorted((draw(st.integers(0, COLUMNS)), draw(st.integers(0, COLUMNS))))
        spans.append((y, start, stop))
    return ChopsUpdate(chops, spans, [[cut, COLUMNS]] * LINES)


@settings(max_examples=60, deadline=None)
@given(st.lists(updates(), min_size=1, max_size=6))
def test_changes_show_what_whole_frames_show(frames: list[LayoutUpdate | ChopsUpdate]) -> None:
    whole, changes = Emulated(COLUMNS, LINES), Emulated(COLUMNS, LINES)
    frame = Frame()
    for update in frames:
        whole.write(HOME + update.render_segments(CONSOLE))
        changes.write(Changes(update, frame).render_segments(CONSOLE))
        assert changes.differences(whole) == []


@given(st.lists(st.sampled_from(STYLES), min_size=2, max_size=8))
def test_any_row_of_looks_ends_in_the_last_one(styles: list[Style | None]) -> None:
    terminal, expected = Emulated(1, 1), Emulated(1, 1)
    for old, new in pairwise([None, *styles]):
        before, after = looks_of(old, ColorSystem.TRUECOLOR).text, looks_of(new, ColorSystem.TRUECOLOR).text
        terminal.write(change(before, after)[0])
    terminal.write("x")
    expected.write(Strip([Segment("x", styles[-1])]).render(CONSOLE))
    assert terminal.differences(expected) == []


def test_a_frame_that_changes_nothing_sends_nothing() -> None:
    frame = Frame()
    strip = _strip([("海と空", STYLES[3]), (" x", None)])
    assert frame.advance(LayoutUpdate([[strip]], Region(0, 0, COLUMNS, 1)), ColorSystem.TRUECOLOR)
    again = _strip([("海と空", STYLES[3]), (" x", None)])
    assert frame.advance(LayoutUpdate([[again]], Region(0, 0, COLUMNS, 1)), ColorSystem.TRUECOLOR) == ""


def test_one_changed_letter_is_sent_alone() -> None:
    frame = Frame()
    for text in ("before", "bef0re"):
        sent = frame.advance(LayoutUpdate([[_strip([(text, None)])]], Region(0, 0, COLUMNS, 1)), ColorSystem.TRUECOLOR)
    assert sent == "\x1b[1;4H0"


def test_a_frame_that_was_forgotten_is_sent_whole() -> None:
    frame = Frame()
    update = LayoutUpdate([[_strip([("text", None)])]], Region(0, 0, COLUMNS, 1))
    first = frame.advance(update, ColorSystem.TRUECOLOR)
    frame.forget()
    assert frame.advance(update, ColorSystem.TRUECOLOR) == first


def test_a_frame_of_another_size_is_sent_whole() -> None:
    frame = Frame()
    for columns in (COLUMNS, COLUMNS + 2):
        strip = _strip([("text", None)], columns)
        sent = frame.advance(LayoutUpdate([[strip]], Region(0, 0, columns, 1)), ColorSystem.TRUECOLOR)
    assert sent == "\x1b[1;1Htext" + " " * (COLUMNS - 2)


@pytest.mark.parametrize("wide", ["👍", "e\u0301", "\ue000", "\U0001f1ef"])
def test_the_cursor_is_placed_after_what_terminals_may_show_in_another_width(wide: str) -> None:
    strip = Strip([Segment(f"{wide}next")])
    sent = Frame().advance(LayoutUpdate([[strip]], Region(0, 0, strip.cell_length, 1)), ColorSystem.TRUECOLOR)
    assert f"{wide}\x1b[{strip.cell_length - 3}Gnext" in sent


def test_sixteen_colours_are_sent_where_a_terminal_has_no_more() -> None:
    update = LayoutUpdate([[_strip([("text", Style(color="#ff0000"))])]], Region(0, 0, COLUMNS, 1))
    assert "\x1b[31mtext" in Frame().advance(update, ColorSystem.STANDARD)


def test_a_link_begins_before_its_text_and_ends_after_it() -> None:
    update = LayoutUpdate(
        [[_strip([("text", Style(link="https://example.org")), ("x", None)])]], Region(0, 0, COLUMNS, 1)
    )
    sent = Frame().advance(update, ColorSystem.TRUECOLOR)
    assert ";https://example.org\x1b\\text\x1b]8;;\x1b\\x" in sent


def test_the_pen_is_put_down_after_each_frame() -> None:
    frame = Frame()
    update = LayoutUpdate([[_strip([("x" * COLUMNS, Style(bold=True, color="red"))])]], Region(0, 0, COLUMNS, 1))
    assert frame.advance(update, ColorSystem.TRUECOLOR).endswith(
        change(looks_of(Style(bold=True, color="red"), ColorSystem.TRUECOLOR).text, PLAIN)[0]
    )
