"""Control arm and noise floor in the workbench: in words in Scores, Lengths, Models and Runs, in a terminal of 80 columns too."""

from pathlib import Path

import pytest

from qtui.ui.app import QtuiApp
from tests.filled_store import fill
from tests.ui.waiting import screen_text, until, until_shown

GRADES = [4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5]
SIZES = [(160, 50), (80, 24)]


@pytest.fixture
def with_roles(store_path: Path) -> Path:
    """Q4_K_M, which comes first, is the control arm; Q2_K the candidate."""
    grade_of = dict.fromkeys(("FP16", "Q4_K_M", "Q2_K"), GRADES)
    fill(store_path, grade_of=grade_of, roles={"Q4_K_M": "control arm"})
    return store_path


@pytest.mark.parametrize("size", SIZES)
async def test_scores_show_the_candidate_first_held_against_the_control_arm(
    with_roles: Path, size: tuple[int, int]
) -> None:
    async with QtuiApp(with_roles).run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "✓ control arm")
        shown = " ".join(screen_text(pilot).split())
        assert "pet-7b: FP16 → Q2_K" in shown
        assert "answers that differ from the baseline's: Q2_K 10 of 12, control arm 10 of 12" in shown


@pytest.mark.parametrize("size", SIZES)
async def test_scores_of_the_control_arm_say_what_they_are_about(with_roles: Path, size: tuple[int, int]) -> None:
    async with QtuiApp(with_roles).run_test(size=size) as pilot:
        await pilot.press("4")
        await until_shown(pilot, "✓ control arm")
        await pilot.press("g")
        await until_shown(pilot, "pet-7b: FP16 → control arm Q4_K_M")
        await until_shown(pilot, "control arm (effect of the engine): equivalent")


@pytest.mark.parametrize("size", SIZES)
async def test_lengths_label_the_violin_and_its_figures(with_roles: Path, size: tuple[int, int]) -> None:
    async with QtuiApp(with_roles).run_test(size=size) as pilot:
        await pilot.press("5")
        await until(
            pilot, lambda: any("Q4_K_M" in line and "control arm" in line for line in lines(screen_text(pilot)))
        )
        assert not any("Q2_K" in line and "control arm" in line for line in lines(screen_text(pilot)))


@pytest.mark.parametrize(("key", "size"), [(key, size) for key in "16" for size in SIZES])
async def test_runs_and_models_name_the_role(with_roles: Path, key: str, size: tuple[int, int]) -> None:
    async with QtuiApp(with_roles).run_test(size=size) as pilot:
        await pilot.press(key)
        await until_shown(pilot, "Q4_K_M (control arm)")
        await until_shown(pilot, "FP16 (baseline)")


def lines(screen: str) -> list[str]:
    return screen.splitlines()
