"""A scorer in the workbench: chosen with the key of judges, drawn in Scores, its findings in Compare, its progress in Runs."""

from pathlib import Path

import pytest

from qtui.records import Score
from qtui.store import Store, scores
from qtui.ui.app import QtuiApp
from tests import stores
from tests.scored_store import CHOICE, MATH, add_scorers, answered_run
from tests.ui.waiting import screen_text, until_shown

SIZES = [(160, 50), (80, 24)]


@pytest.fixture
def run_id(store: Store) -> int:
    """A run without judges, scored by two scorers. The scores are put in, since the panes only read them."""
    run_id = answered_run(store)
    add_scorers(store, run_id, MATH, CHOICE)
    for scorer in scores.current(store, [run_id]):
        found = [
            (
                place,
                Score(0.0, "took 3, expected 2") if "Q4" in place.text or "は3" in place.text else Score(1.0, "took 2"),
            )
            for place in scores.pending(store, scorer)
        ]
        scores.commit(store, scorer, found)
        scores.set_state(store, scorer, "done")
    stores.finish(store, run_id)
    return run_id


@pytest.mark.parametrize("size", SIZES)
async def test_scores_shows_the_scorer_and_the_key_of_judges_the_next(
    store_path: Path, run_id: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "math (last_number), in points of 100")
        await until_shown(pilot, "right → wrong")
        assert "recovery" in screen_text(pilot)
        await pilot.press("J")
        await until_shown(pilot, "choice, in points of 100")
        await pilot.press("J")
        await until_shown(pilot, "math (last_number)")


@pytest.mark.parametrize("size", SIZES)
async def test_compare_shows_what_was_taken_from_the_answer(
    store_path: Path, run_id: int, size: tuple[int, int]
) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("3")
        await until_shown(pilot, "math 0 took 3, expected 2")
        await until_shown(pilot, "math 100 took 2")


async def test_runs_shows_how_many_answers_are_scored(store_path: Path, run_id: int) -> None:
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "Scorers")
        await until_shown(pilot, "24/24")
