"""Which candidate panes open on: the most changed one, until the user chooses, and never another under the reader's eyes."""

from pathlib import Path

from qtui.store import Store, runs
from qtui.store.task_answers import differing_answers
from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import MainScreen
from tests import stores
from tests.ui.conftest import TASKS, fill, fill_candidates, reference_answer
from tests.ui.waiting import until, until_shown


def screen_of(app: QtuiApp) -> MainScreen:
    screen = app.screen_stack[0]
    assert isinstance(screen, MainScreen)
    return screen


def test_answers_that_differ_are_counted_per_variant(store: Store) -> None:
    run_id = fill_candidates(store, {"F16": 0, "Q4_K_M": 1, "Q2_K": 3})
    assert differing_answers(store, run_id, "org/several", "FP16") == {"Q4_K_M": 1, "Q2_K": 3}


async def test_compare_opens_on_the_candidate_whose_answers_differ_most(store_path: Path, store: Store) -> None:
    fill_candidates(store, {"F16": 0, "Q2_K": 3, "Q4_K_M": 1})
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Candidate Q2_K")


async def test_where_nothing_differs_it_is_the_first(store_path: Path, store: Store) -> None:
    fill_candidates(store, {"F16": 0, "Q8_0": 0})
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "Candidate F16")


async def test_a_chosen_candidate_stays_also_after_another_model(store_path: Path, store: Store) -> None:
    fill_candidates(store, {"F16": 0, "Q2_K": 3, "Q4_K_M": 1})
    fill(store, "another", models=("org/other",))
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = screen_of(app)
        await until(pilot, lambda: screen.scope.model == "org/other")
        await pilot.press("right_square_bracket")
        assert (screen.scope.model, screen.scope.candidate) == ("org/several", "Q2_K")
        await pilot.press("v")
        assert screen.scope.candidate == "Q4_K_M"
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert (screen.scope.model, screen.scope.candidate) == ("org/several", "Q4_K_M")


async def test_answers_that_come_in_do_not_exchange_the_candidate_that_is_being_read(
    store_path: Path, store: Store
) -> None:
    run_id = fill_candidates(store, {"F16": 0, "Q4_K_M": 1})
    app = QtuiApp(store_path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = screen_of(app)
        await pilot.press("3")
        await until_shown(pilot, "Candidate Q4_K_M")
        [_, f16, _] = runs.summaries(store, [run_id])[0].variants
        for number, task in enumerate(TASKS, start=1):
            stores.answer(store, run_id, "F16", number, reference_answer(f16.id, task, differs=True))
        runs_before = screen.runs
        runs.set_variant(store, f16.id, state="done")
        await until(pilot, lambda: screen.runs != runs_before)
        assert screen.scope.candidate == "Q4_K_M"
