"""Tasks on a real store: the list, its order and filters, the task whole, the way to Compare."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from qtui.store import Store, notes, open_store, runs
from qtui.store.notes import Note
from qtui.ui.app import QtuiApp
from qtui.ui.panes.tasks.pane import TasksPane
from tests.ui.hostile import HOSTILE
from tests.ui.hostile import fill as fill_hostile
from tests.ui.panes.compare.test_compare_pane import MODEL, NARROW, WIDE
from tests.ui.waiting import screen_text, until, until_shown


async def opened(pilot: Pilot[None], app: QtuiApp) -> TasksPane:
    await pilot.press("2")
    await until(pilot, lambda: app.screen.query(TasksPane) and app.screen.query_one(TasksPane).details.text)
    await pilot.pause()
    return app.screen.query_one(TasksPane)


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_list_and_the_whole_task_are_on_the_screen(
    store_path: Path, study: int, size: tuple[int, int]
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await opened(pilot, app)
        screen = screen_text(pilot)
        assert "4 tasks" in screen
        assert "日本の四季" in screen
        for part in ("Input", "Reference", "海の風 子らの笑い声 波の上", "Criteria", "五七五になっているか。"):
            assert part in screen
        assert "E empty" in screen


async def test_the_task_is_beside_the_list_where_it_is_wide_and_below_where_it_is_not(
    store_path: Path, study: int
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        assert tasks.table.region.y == tasks.details.region.y
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: tasks.details.region.y > tasks.table.region.y)


async def test_the_cursor_leads_the_task_and_enter_compares_it(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        await pilot.press("j", "j")
        await until(pilot, lambda: "4個です。" in tasks.details.text)
        await pilot.press("enter")
        await until(pilot, lambda: "Task 3 of 4" in screen_text(pilot))


async def test_the_list_comes_back_at_the_task_that_compare_went_to(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "Task 1 of 4" in screen_text(pilot))
        await pilot.press("n", "n")
        await until(pilot, lambda: "Task 3 of 4" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: tasks.shown and tasks.table.cursor == 2)


async def test_o_sorts_by_length_ratio_and_the_cursor_stays_on_its_task(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        await pilot.press("o", "o")
        await until(pilot, lambda: tasks.scope.order == "ratio" and tasks.tasks.tasks != (1, 2, 3, 4))
        await until(pilot, lambda: tasks.tasks.rows[tasks.table.cursor].task == tasks.scope.task == 1)


async def test_a_star_goes_to_the_task_of_the_cursor_however_fast_the_keys_come(
    store: Store, store_path: Path, study: int
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        # As a terminal sends what was typed ahead: the scope follows the cursor a message later.
        for key in ("j", "s"):
            app.post_message(events.Key(key, key))
        await until(pilot, lambda: notes.of_model(store, study, MODEL))
        assert notes.of_model(store, study, MODEL) == {tasks.tasks.tasks[1]: notes.Note(starred=True)}


async def test_f_lists_only_flagged_and_starred_tasks(store: Store, store_path: Path, study: int) -> None:
    notes.put(store, study, MODEL, 4, notes.Note(starred=True))
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        await pilot.press("f")
        await until(pilot, lambda: tasks.tasks.tasks == (3, 4))  # the answer that repeats itself, once flags are there
        await until(pilot, lambda: "flagged or starred" in screen_text(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: len(tasks.tasks.rows) == 4)


async def test_the_filter_finds_text_in_tasks_and_answers_and_escape_ends_it(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        await pilot.press("slash")
        await pilot.press(*"12")
        await until(pilot, lambda: tasks.tasks.tasks == (3,))
        await until(pilot, lambda: "4個です。" in tasks.details.text)
        await pilot.press("escape")
        await until(pilot, lambda: len(tasks.tasks.rows) == 4)
        await until(pilot, lambda: tasks.table.has_focus)


async def test_a_percent_sign_in_the_filter_is_a_percent_sign(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        await pilot.press("slash", "percent_sign")
        await until(pilot, lambda: tasks.scope.text == "%" and tasks.tasks.tasks == ())
        await until(pilot, lambda: "No task matches the filter" in screen_text(pilot))


async def test_flags_say_what_is_wrong_with_an_answer(store: Store, store_path: Path) -> None:
    fill_hostile(store)
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        tasks = await opened(pilot, app)
        empty = HOSTILE.index("") + 1
        await until(pilot, lambda: tasks.tasks.row(empty))
        row = tasks.tasks.row(empty)
        assert row is not None
        assert "E" in row.figures.baseline_flags
        assert "S" in row.figures.candidate_flags


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_hostile_tasks_are_text_and_nothing_else(store: Store, store_path: Path, size: tuple[int, int]) -> None:
    fill_hostile(store)
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        tasks = await opened(pilot, app)
        for task in range(1, len(HOSTILE) + 1):
            await until(pilot, partial(_is_at, tasks, task))
            await pilot.pause()
            screen = screen_text(pilot)
            assert not [c for c in screen if c != "\n" and (ord(c) < 32 or 0x7F <= ord(c) < 0xA0)]
            assert not set(screen) & set("\u202e\u2066\u200b\u200d\ufeff\u2028\ufe0f")
            await pilot.press("j")


async def test_a_run_without_tasks_left_and_an_empty_store_say_so(store: Store, store_path: Path, study: int) -> None:
    runs.delete(store, study)
    open_store(store_path).close()
    app = QtuiApp(store_path)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "No runs yet" in screen_text(pilot))


def _is_at(tasks: TasksPane, task: int) -> bool:
    return tasks.scope.task == task


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_legend_of_signs_is_whole(store_path: Path, study: int, size: tuple[int, int]) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "E empty")
        [legend] = [line for line in screen_text(pilot).splitlines() if "E empty" in line]
        assert "…" not in legend
        assert "Δ" in legend


async def test_while_a_run_writes_figures_are_not_computed_anew_for_every_answer(
    store_path: Path, store: Store, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    submit = ProcessPoolExecutor.submit

    def counting(self: ProcessPoolExecutor, *work: Any) -> Any:
        nonlocal asked
        asked += 1
        return submit(self, *work)

    monkeypatch.setattr(ProcessPoolExecutor, "submit", counting)
    app = QtuiApp(store_path)
    async with app.run_test(size=WIDE) as pilot:
        pane = await opened(pilot, app)
        await until(pilot, lambda: pane.figures_known)
        computed = asked

        async def write(comment: str) -> None:
            notes.put(store, study, MODEL, 1, Note(False, comment))
            await until(pilot, lambda: pane.tasks.rows[0].line.note.comment == comment)

        for number in range(3):
            await write(f"comment {number}")
        assert asked <= computed + 1
        await until(pilot, lambda: asked > computed)
