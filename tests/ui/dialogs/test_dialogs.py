"""What reaches a dialog that is gone already (the second of two keys in a burst, an answer that was waited for) does nothing."""

import asyncio
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.events import Key
from textual.widgets import OptionList

from qtui.ui import launch
from qtui.ui.app import QtuiApp
from qtui.ui.dialogs.choose_types import ChooseTypesScreen
from qtui.ui.dialogs.confirm import ConfirmScreen
from qtui.ui.dialogs.text_prompt import TextPromptScreen
from qtui.ui.main_screen import MainScreen
from tests.ui.waiting import until


async def test_a_second_enter_in_the_palette_neither_ends_the_workbench_nor_runs_the_choice_again(
    store_path: Path, study: int
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 30)) as pilot:
        asked = 0

        def count() -> None:
            nonlocal asked
            asked += 1

        app.deliver_screenshot = count  # type: ignore[method-assign, assignment]
        await pilot.press("ctrl+p", *"Savescreenshot")
        palette = app.screen
        await until(pilot, lambda: palette.query(CommandList) and palette.query_one(CommandList).option_count)
        await pilot.press("down")
        for _ in range(4):
            app.post_message(Key("enter", "\r"))
        await until(pilot, lambda: isinstance(app.screen, MainScreen) and asked)
        await pilot.pause(0.1)
        assert asked == 1
        assert isinstance(app.screen, MainScreen)


async def test_a_second_answer_to_a_question_is_none(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 30)) as pilot:
        answers: list[object] = []
        for dialog, answer in ((ConfirmScreen("?"), True), (TextPromptScreen("?"), "x")):
            await app.push_screen(dialog, answers.append)
            dialog.dismiss(answer)  # type: ignore[arg-type]
            dialog.dismiss(answer)  # type: ignore[arg-type]
            await until(pilot, lambda: answer in answers)  # noqa: B023
            await pilot.pause(0.1)
        assert answers == [True, "x"]


async def test_types_that_come_after_their_dialog_was_left_are_dropped(
    store_path: Path, study: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = asyncio.Event()

    async def types() -> list[dict[str, object]]:
        await left.wait()
        return [{"name": "Q4_K_M"}]

    monkeypatch.setattr(launch, "types", types)
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 30)) as pilot:
        dialog = ChooseTypesScreen("quantize", "org/small", "")
        await app.push_screen(dialog)
        dialog.dismiss(None)
        left.set()
        await until(pilot, lambda: isinstance(app.screen, MainScreen) and not dialog.is_running)
        assert isinstance(app.screen, MainScreen)


@pytest.mark.parametrize("key", ["pageup", "pagedown", "up", "down", "home", "end"])
async def test_the_palette_survives_a_terminal_without_room_for_its_list(
    store_path: Path, study: int, key: str
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(100, 3)) as pilot:
        await pilot.press("ctrl+p")
        palette = app.screen
        await until(pilot, lambda: palette.query_one(OptionList).option_count)
        await pilot.press(key, key, "escape")
        assert isinstance(app.screen, MainScreen)


@pytest.mark.parametrize("width", [1, 3, 4, 5, 6, 8])
async def test_the_palette_survives_a_terminal_of_a_few_columns(store_path: Path, study: int, width: int) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(width, 20)) as pilot:
        await pilot.press("ctrl+p")
        palette = app.screen
        await until(pilot, lambda: palette.query_one(OptionList).option_count)
        await pilot.press("down", "pagedown", "escape")
        assert isinstance(app.screen, MainScreen)
