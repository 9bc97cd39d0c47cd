"""Texts to read: wrapped, marked, selected as they were written, linked to scroll as one."""

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from qtui.ui.panes.compare.answer_view import AnswerView
from qtui.ui.widgets.text_view import Mark, TextView

LONG = "吾輩は猫である。名前はまだ無い。" * 6_000


class ViewApp(App[None]):
    def compose(self) -> ComposeResult:
        with Horizontal():
            yield AnswerView(id="left")
            yield AnswerView(id="right")

    @property
    def left(self) -> AnswerView:
        return self.query_one("#left", AnswerView)

    @property
    def right(self) -> AnswerView:
        return self.query_one("#right", AnswerView)


def line(view: TextView, number: int) -> str:
    """Without the sign of the keyboard."""
    return view.render_line(number).text[1:].rstrip()


async def test_lines_follow_kinsoku_and_the_width() -> None:
    app = ViewApp()
    async with app.run_test(size=(26, 6)) as pilot:
        app.left.show("今日はとて、晴れです。")
        await pilot.pause()
        assert [line(app.left, n).strip() for n in range(3)] == ["今日はと", "て、晴れで", "す。"]


async def test_marks_are_drawn_where_they_are_across_lines() -> None:
    app = ViewApp()
    async with app.run_test(size=(26, 6)) as pilot:
        app.left.show("あいうえおかきくけこ", [Mark(3, 7, "different")])
        await pilot.pause()
        drawn = [part.text for n in range(3) for part in app.left.render_line(n) if part.style and part.style.underline]
        assert "".join(drawn) == "えおかき"


async def test_a_selection_over_wrapped_lines_is_the_text_as_written() -> None:
    app = ViewApp()
    async with app.run_test(size=(26, 6)) as pilot:
        app.left.show("あいうえおかきくけこ\nさ")
        await pilot.pause()
        chosen = app.left.get_selection(Selection(Offset(3, 0), Offset(2, 1)))
        assert chosen is not None
        assert chosen[0] == "えおかき"[: len(chosen[0])]
        assert "\n" not in chosen[0]


async def test_the_line_at_the_top_stays_when_the_width_changes() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.left.show("".join(f"{n:05d}番\n" for n in range(500)) + LONG)
        await pilot.pause()
        app.left.scroll_to(y=300, animate=False)
        await pilot.resize_terminal(60, 10)
        await pilot.pause()
        assert line(app.left, 0).strip() == "00300番"


async def test_a_hundred_thousand_characters_draw_only_what_is_in_view(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: set[int] = set()
    render_line = TextView.render_line

    def counting(self: TextView, y: int) -> Strip:
        drawn.add(y + self.scroll_offset.y)
        return render_line(self, y)

    monkeypatch.setattr(TextView, "render_line", counting)
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.left.show(LONG)
        await pilot.pause()
        assert app.left.text_height > 2_000
        app.left.action_scroll_end()
        await pilot.pause()
        assert app.left.text_height - 1 in drawn
        assert len(drawn) < 100


async def test_linked_views_scroll_as_one_and_no_longer_when_unlinked() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 10)) as pilot:
        app.left.link(app.right)
        app.left.show("一\n" * 5)
        app.right.show("二\n" * 100)
        await pilot.pause()
        app.left.focus()
        await pilot.press("G")
        assert app.left.scroll_y == app.right.scroll_y == app.right.max_scroll_y > 80
        app.left.link(None)
        app.left.show("一\n" * 50)
        await pilot.pause()
        app.right.scroll_to(y=3, animate=False)
        assert (app.left.scroll_y, app.right.scroll_y) == (0, 3)


async def test_the_divergence_has_a_pointer_beside_its_line() -> None:
    app = ViewApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.left.show_answer("同じ\n同じ\n違う", divergence=6, note="cut off")
        await pilot.pause()
        assert [line(app.left, n) for n in range(4)] == [" 同じ", " 同じ", "▸違う", " cut off"]


async def test_another_theme_gives_the_text_its_colours() -> None:
    app = ViewApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.left.show("本文")
        await pilot.pause()
        before = list(app.left.render_line(0))[-1].style
        app.theme = "textual-light"
        await pilot.pause()
        after = list(app.left.render_line(0))[-1].style
        assert before is not None
        assert after is not None
        assert before.bgcolor != after.bgcolor


async def test_only_the_lines_of_the_text_are_marked_as_having_the_keyboard() -> None:
    app = ViewApp()
    async with app.run_test(size=(30, 8)) as pilot:
        app.left.show("one\ntwo")
        app.left.focus()
        await pilot.pause()
        assert [app.left.render_line(y).text[0] for y in range(4)] == ["▌", "▌", " ", " "]
        app.set_focus(None)
        await pilot.pause()
        assert app.left.render_line(0).text[0] == " "
