"""The two lines on top: what is compared is whole at 80 columns, also while a run goes on."""

from pathlib import Path

import pytest

from qtui.store import Store
from qtui.ui.app import QtuiApp
from tests.ui.conftest import fill
from tests.ui.panes.runs.test_runs_pane import answer, begin
from tests.ui.waiting import screen_text, until, until_shown

LONG = "ELYZA-japanese-Llama-2-7b-instruct"


@pytest.mark.parametrize("columns", [80, 100, 160])
async def test_the_longest_model_of_the_study_its_pair_and_judge_are_whole(
    store_path: Path, store: Store, columns: int
) -> None:
    fill(store, models=(LONG,))
    async with QtuiApp(store_path).run_test(size=(columns, 24)) as pilot:
        await until_shown(pilot, f"{LONG} · FP16 → Q4_K_M · openai:gpt-4")


async def test_a_model_of_two_runs_is_named_with_its_experiment(store_path: Path, store: Store) -> None:
    fill(store, "cold")
    fill(store, "hot")
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "org/small (hot) · FP16 → Q4_K_M")


async def test_where_room_is_short_the_pair_stays_and_the_model_is_cut(store_path: Path, store: Store) -> None:
    fill(store, "an experiment", models=(LONG + LONG,))
    async with QtuiApp(store_path).run_test(size=(80, 24)) as pilot:
        await until_shown(pilot, "… · FP16 → Q4_K_M")
        assert "qtui" in screen_text(pilot).splitlines()[0]


@pytest.mark.parametrize(("columns", "said"), [(80, "4/20 ━"), (160, "live running 4 of 20 ━")])
async def test_a_run_s_progress_stands_beside_the_tabs(store_path: Path, store: Store, columns: int, said: str) -> None:
    run_id = begin(store)
    answer(store, run_id, 0, 4)
    async with QtuiApp(store_path).run_test(size=(columns, 24)) as pilot:
        await until(pilot, lambda: said in screen_text(pilot).splitlines()[1])
        assert "m · FP16 → Q4_K_M" in screen_text(pilot).splitlines()[0]
