from collections.abc import Sequence

from rich.text import Text
from textual.app import App, ComposeResult

from qtui.ui.widgets.columns import Column, layout
from qtui.ui.widgets.table import ListRows, Row, VirtualTable

COLUMNS = (Column("number", align="right"), Column("text", flex=1))


class Counted:
    """Rows made when asked for; it remembers for what it was asked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return self.count

    def window(self, start: int, stop: int) -> Sequence[Row]:
        self.asked.append((start, stop))
        return [(str(i), f"行{i}のとても長い日本語の文章です。" * 4) for i in range(start, stop)]


class TableApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.highlighted: list[int] = []
        self.selected: list[int] = []

    def compose(self) -> ComposeResult:
        yield VirtualTable()

    @property
    def table(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    def on_virtual_table_row_highlighted(self, message: VirtualTable.RowHighlighted) -> None:
        self.highlighted.append(message.index)

    def on_virtual_table_row_selected(self, message: VirtualTable.RowSelected) -> None:
        self.selected.append(message.index)


def lines(table: VirtualTable) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


async def test_a_million_rows_are_read_by_windows_only() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        rows = Counted(1_000_000)
        app.table.show(COLUMNS, rows)
        app.table.focus()
        await pilot.press("G")
        await pilot.pause()
        assert lines(app.table)[-1].startswith("▌999999")
        assert sum(stop - start for start, stop in rows.asked) < 1000


async def test_every_line_is_as_wide_as_the_table_whatever_its_characters() -> None:
    app = TableApp()
    async with app.run_test(size=(41, 10)) as pilot:
        app.table.show(COLUMNS, Counted(30))
        await pilot.pause()
        assert {app.table.render_line(y).cell_length for y in range(10)} == {41}
        assert "…" in lines(app.table)[1]


async def test_the_cursor_stays_in_view_when_paging() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(COLUMNS, Counted(100))
        app.table.focus()
        for key, expected in (("pagedown", 8), ("pagedown", 16), ("k", 15), ("j", 16), ("pageup", 8), ("g", 0)):
            await pilot.press(key)
            await pilot.pause()
            assert app.table.cursor == expected
            assert any(line.startswith("▌") and f" {expected} " in line.replace("▌", " ") for line in lines(app.table))


async def test_the_first_rows_are_highlighted_without_a_key() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(COLUMNS, Counted(3))
        await pilot.pause()
        assert app.highlighted == [0]


async def test_fewer_rows_take_the_cursor_back_to_the_last() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(COLUMNS, Counted(50), cursor=40)
        app.table.show(COLUMNS, Counted(5))
        await pilot.pause()
        assert app.table.cursor == 4
        assert app.table.scroll_offset.y == 0


async def test_enter_and_a_second_click_select() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(COLUMNS, Counted(5))
        app.table.focus()
        await pilot.press("j", "enter")
        await pilot.click(VirtualTable, offset=(3, 4))
        await pilot.click(VirtualTable, offset=(3, 4))
        await pilot.pause()
        assert app.selected == [1, 3]


async def test_hostile_cells_are_drawn_without_controls_or_markup() -> None:
    app = TableApp()
    async with app.run_test(size=(60, 10)) as pilot:
        app.table.show(
            COLUMNS, ListRows([("[/INST]", "a\x1b]52;c;ZXZpbA==\x07b\nc[bold]"), (Text("x"), Text("[/foo]"))])
        )
        await pilot.pause()
        text = "\n".join(lines(app.table))
        assert "[/INST]" in text
        assert "c[bold]" in text
        assert "[/foo]" in text
        assert not any(ord(c) < 32 and c != "\n" for c in text)


async def test_an_empty_table_says_what_to_do() -> None:
    app = TableApp()
    async with app.run_test(size=(40, 10)) as pilot:
        app.table.show(COLUMNS, ListRows(()), empty="No runs yet: press n.")
        await pilot.press("j", "enter", "G")
        assert lines(app.table)[0].strip() == "No runs yet: press n."
        assert app.selected == []


def test_a_narrow_table_leaves_out_what_may_be_dropped_first() -> None:
    columns = (Column("a", width=10), Column("b", width=10, drop=1), Column("c", width=10, drop=2))
    assert layout(columns, (1, 1, 1), 40) == [(0, 10), (1, 10), (2, 10)]
    assert layout(columns, (1, 1, 1), 30) == [(0, 10), (1, 10)]
    assert layout(columns, (1, 1, 1), 12) == [(0, 10)]


def test_flexible_columns_share_what_is_left_and_fill_the_width() -> None:
    columns = (Column("a", width=5), Column("b", flex=1, least=4), Column("c", flex=2, least=4))
    assert layout(columns, (1, 1, 1), 40) == [(0, 5), (1, 11), (2, 20)]


def test_a_snug_column_grows_to_its_cells_and_leaves_the_rest_to_others() -> None:
    columns = (Column("a", flex=3, least=4, snug=True), Column("b", flex=1, least=4))
    assert layout(columns, (9, 1), 40) == [(0, 9), (1, 29)]
    assert layout(columns, (9, 1), 10) == [(0, 4), (1, 4)]


async def test_names_cut_in_a_narrow_table_can_be_told_apart() -> None:
    app = TableApp()
    async with app.run_test(size=(20, 10)) as pilot:
        app.table.show(
            (Column("model", flex=1, least=8, apart=True),),
            ListRows([["japanese-stablelm-beta-7b"], ["japanese-stablelm-gamma-7b"]]),
        )
        await pilot.pause()
        assert [line.rstrip()[-8:] for line in lines(app.table)[1:3]] == ["…beta-7b", "gamma-7b"]
