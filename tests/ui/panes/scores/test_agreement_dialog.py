"""The dialog on agreement: figures of judges against people, at both sizes, and nothing to compare."""

from pathlib import Path

import pytest

from qtui.store import Store, grades
from qtui.store.task_answers import sides
from qtui.ui.app import QtuiApp
from qtui.ui.dialogs.agreement import AgreementScreen
from tests.ui.waiting import screen_text, until, until_shown

SIZES = [(160, 50), (80, 24)]


@pytest.mark.parametrize("size", SIZES)
async def test_a_judge_and_a_person_are_compared(
    store: Store, store_path: Path, study: int, size: tuple[int, int]
) -> None:
    for task, grade in ((1, 3), (2, 4), (3, 4), (4, 3)):
        of_task = sides(store, study, "org/small", task)
        assert of_task is not None
        grades.commit_human(store, grades.Place(of_task.sides[0].answers[0].answer_id, of_task.task_id), grade)
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "verdict")
        await pilot.press("a")
        await until_shown(pilot, "openai:gpt-4 against human: 4 answers to 4 tasks")
        screen = screen_text(pilot)
        assert "exact                    75 % (" in screen
        assert "quadratic κ" in screen
        assert "Krippendorff's α" in screen
        assert "task 3: by 2.0; 2.0 and 4.0 for" in screen
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, AgreementScreen))


async def test_a_single_grader_is_said_to_be_alone(store_path: Path, study: int) -> None:
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "verdict")
        await pilot.press("a")
        await until_shown(pilot, "no answer has grades of two graders")
