"""The key that goes to the pair on which a person's grade tells most, in Compare and Tasks, also blind."""

from pathlib import Path

from qtui.store import Store, grades
from qtui.store.task_answers import sides
from qtui.ui.app import QtuiApp
from tests import stores
from tests.ui.conftest import JUDGE, fill_candidates
from tests.ui.waiting import notices, screen_text, until, until_shown

MODEL = "org/several"


def filled(store: Store) -> int:
    """One model whose answers differ in tasks 1 to 3; the judge sees a loss of 2 in task 3 and of 1 in task 2."""
    run_id = fill_candidates(store, {"Q4_K_M": 3})
    stores.add_judge(store, run_id, JUDGE)
    stores.grade(store, run_id, {"FP16": (4, 4, 4, 4), "Q4_K_M": (4, 3, 2, 4)}, judge=JUDGE)
    return run_id


def grade_both(store: Store, run_id: int, task: int) -> None:
    of_task = sides(store, run_id, MODEL, task)
    assert of_task is not None
    for side in of_task.sides:
        grades.commit_human(store, grades.Place(side.answers[0].answer_id, of_task.task_id), 3)


async def test_pairs_come_in_the_order_of_the_queue_ready_to_be_graded(store: Store, store_path: Path) -> None:
    filled(store)
    app = QtuiApp(store_path)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Task 1 of 4")
        await pilot.press("N")
        await until_shown(pilot, "Task 3 of 4")
        assert "1–5 grade" in screen_text(pilot)
        assert "Task 3, 3 pairs to grade: " in notices(app)[-1].message
        assert notices(app)[-1].message.endswith("Δ −2.00.")
        await pilot.press("N")
        await until_shown(pilot, "Task 2 of 4")
        await pilot.press("N")
        await until_shown(pilot, "Task 1 of 4")
        await pilot.press("N")
        await until_shown(pilot, "Task 3 of 4")


async def test_blind_the_reason_is_not_told(store: Store, store_path: Path) -> None:
    filled(store)
    app = QtuiApp(store_path)
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Task 1 of 4")
        await pilot.press("b", "N")
        await until_shown(pilot, "Task 3 of 4")
        assert notices(app)[-1].message == "Task 3, 3 pairs to grade."


async def test_what_a_person_has_graded_is_not_offered_and_the_end_is_said(store: Store, store_path: Path) -> None:
    run_id = filled(store)
    grade_both(store, run_id, 3)
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("2")
        await until_shown(pilot, "4 tasks")
        await pilot.press("N")
        await until_shown(pilot, "Baseline FP16")
        await until_shown(pilot, "Task 2 of 4")
        grade_both(store, run_id, 2)
        grade_both(store, run_id, 1)
        await until_shown(pilot, "yours 3")
        await pilot.press("N")
        await until(pilot, lambda: any("No pair is left to grade" in notice.message for notice in notices(app)))
