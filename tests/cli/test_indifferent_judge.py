"""A judge that gives (nearly) all answers one grade: no verdict claims that nothing is lost, and `qtui check` does not pass."""

import json
from pathlib import Path

import pytest

from qtui.cli.scores import NOT_MET
from qtui.ui.app import QtuiApp
from tests.cli.conftest import GOOD, Invoke, invoke
from tests.cli.test_main import run
from tests.filled_store import fill
from tests.ui.waiting import screen_text, until

__all__ = ["invoke"]

SAID = "this judge does not discriminate here"
ONE_GRADE = [4] * 12
ALMOST = [*ONE_GRADE[:11], 5]


@pytest.fixture(params=[ONE_GRADE, ALMOST], ids=["one grade", "almost one grade"])
def store_path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "store.sqlite"
    fill(path, names=("FP16", "Q4_K_M"), grade_of={"FP16": request.param, "Q4_K_M": request.param})
    monkeypatch.setenv("QTUI_STORE", str(path))
    return path


def test_check_does_not_pass_and_says_why(store_path: Path, invoke: Invoke) -> None:
    done = run("check")
    assert (done.returncode, SAID in done.stdout) == (NOT_MET, True)
    found = json.loads(invoke("check", "--json").stdout)
    assert (found["met"], found["pairs"][0]["met"], found["pairs"][0]["verdict"]) == (False, False, "guarded")
    assert SAID in found["pairs"][0]["verdict_text"]


def test_a_wide_margin_does_not_open_the_gate(store_path: Path) -> None:
    assert run("check", "--margin", "3").returncode == NOT_MET


def test_scores_say_it_as_text_and_as_a_guard(store_path: Path, invoke: Invoke) -> None:
    assert SAID in invoke("scores").stdout
    [row] = json.loads(invoke("scores", "--json").stdout)["pairs"]
    assert (row["rule"], row["verdict"], row["claim_p"]) == ("equivalent", "guarded", None)
    assert [guard.partition(":")[0] for guard in row["guards"]] == ["no discrimination"]


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_the_pane_says_it(store_path: Path, size: tuple[int, int]) -> None:
    async with QtuiApp(store_path).run_test(size=size) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: SAID in " ".join(screen_text(pilot).split()))
        assert "! guarded" in screen_text(pilot)


def test_a_judge_of_two_grades_tells_answers_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "s.sqlite", names=("FP16", "Q4_K_M"), grade_of={"FP16": GOOD, "Q4_K_M": GOOD})
    monkeypatch.setenv("QTUI_STORE", str(tmp_path / "s.sqlite"))
    assert run("check").returncode == 0
