"""Pictures of panes and dialogs, compared with those in `__snapshots__`. `make pictures` takes them anew.

Each picture is an SVG that a browser shows; a failure writes `snapshot_report.html` with both and their difference.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import MainScreen
from qtui.ui.panes.task_list_pane import TaskListPane
from tests.ui.waiting import screen_text

pytest.importorskip("pytest_textual_snapshot", reason='pictures need pytest-textual-snapshot: pip install "qtui[dev]"')

Compare = Callable[..., bool]
NARROW, WIDE = (80, 24), (160, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
STILL_SECONDS = 1.0
"""A screen that stays the same for so long is complete: what comes late has come."""
PANES = {"runs": "1", "tasks": "2", "compare": "3", "scores": "4", "lengths": "5", "models": "6"}


@SIZES
@pytest.mark.parametrize("pane", PANES)
def test_pane(snap_compare: Compare, store_path: Path, size: tuple[int, int], pane: str) -> None:
    assert taken(snap_compare, store_path, size, PANES[pane])


def test_help_of_a_pane(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "3", "question_mark")


@SIZES
def test_form_for_a_new_run(snap_compare: Compare, store_path: Path, size: tuple[int, int]) -> None:
    assert taken(snap_compare, store_path, size, "n")


def test_question_before_a_run_is_deleted(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "d")


def test_two_answers_as_one_text(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "3", "n", "u")


def test_answers_graded_blind(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "3", "b", "e")


def test_store_without_a_run(snap_compare: Compare, tmp_path: Path) -> None:
    assert taken(snap_compare, tmp_path / "empty.sqlite", NARROW, "2")


def taken(snap_compare: Compare, store_path: Path, size: tuple[int, int], *keys: str) -> bool:
    """Press the keys, each when the screen has come to rest, and compare the picture with the one that is kept."""

    async def press(pilot: Pilot[Any]) -> None:
        await come_to_rest(pilot)
        for key in keys:
            await pilot.press(key)
            await come_to_rest(pilot)
        for field in (*pilot.app.screen.query(Input), *pilot.app.screen.query(TextArea)):
            field.cursor_blink = False
        await come_to_rest(pilot)

    return snap_compare(QtuiApp(store_path), terminal_size=size, run_before=press)


async def come_to_rest(pilot: Pilot[Any]) -> None:
    """Let the app work until nothing on the screen changes any more."""
    still, before = 0.0, ""
    while still < STILL_SECONDS:
        await pilot.pause(0.1)
        now = screen_text(pilot)
        still, before = (still + 0.1 if now == before and not is_computing(pilot.app, now) else 0.0), now


def is_computing(app: App[Any], shown: str) -> bool:
    """Whether figures are still to come."""
    main = app.screen_stack[0]
    assert isinstance(main, MainScreen)
    lists_tasks = isinstance(main.current, TaskListPane) and bool(main.runs)
    return "Computing" in shown or (lists_tasks and not cast(TaskListPane, main.current).figures_known)
