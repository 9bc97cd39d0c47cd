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
from tests.ui.waiting import screen_text, until

pytest.importorskip("pytest_textual_snapshot", reason='pictures need pytest-textual-snapshot: pip install "qtui[dev]"')

Compare = Callable[..., bool]
NARROW, WIDE = (80, 24), (160, 50)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["80x24", "160x50"])
SLOW_SECONDS = 120.0
"""A screen that shows nothing more by then never will."""
STILL_SECONDS = 1.0
"""A screen that stays the same for so long is complete: what comes late has come."""
PANES = {
    "runs": ("1", "36/36"),
    "tasks": ("2", "動物を8匹"),
    "compare": ("3", "猫が1匹"),
    "scores": ("4", "3.92"),
    "lengths": ("5", "Q2_K"),
    "models": ("6", "Xwin-LM-7B"),
}
"""Its key, and what it shows once it has read everything."""


@SIZES
@pytest.mark.parametrize("pane", PANES)
def test_pane(snap_compare: Compare, store_path: Path, size: tuple[int, int], pane: str) -> None:
    key, content = PANES[pane]
    assert taken(snap_compare, store_path, size, key, shows=content)


def test_help_of_a_pane(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "3", "question_mark", shows="Esc")


@SIZES
def test_form_for_a_new_run(snap_compare: Compare, store_path: Path, size: tuple[int, int]) -> None:
    for package in ("torch", "transformers", "llama_cpp"):
        pytest.importorskip(package, reason="the form says which engines are missing")
    assert taken(snap_compare, store_path, size, "n", shows="demo-ja Q4_K_M")


def test_question_before_a_run_is_deleted(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "d", shows="pets")


def test_two_answers_as_one_text(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "3", "n", "u", shows="[−")


def test_answers_graded_blind(snap_compare: Compare, store_path: Path) -> None:
    assert taken(snap_compare, store_path, NARROW, "3", "b", "e", shows="BLIND")


def test_store_without_a_run(snap_compare: Compare, tmp_path: Path) -> None:
    assert taken(snap_compare, tmp_path / "empty.sqlite", NARROW, "2", shows="qtui demo")


def taken(snap_compare: Compare, store_path: Path, size: tuple[int, int], *keys: str, shows: str) -> bool:
    """Press the keys, each when the screen has come to rest, and compare the picture with the one that is kept.

    `shows` is what comes last onto the screen, from the store or from another process: on a busy machine that takes seconds.
    """

    async def press(pilot: Pilot[Any]) -> None:
        await come_to_rest(pilot)
        for key in keys:
            await pilot.press(key)
            await come_to_rest(pilot)
        await until(pilot, lambda: shows in screen_text(pilot), SLOW_SECONDS)
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
