"""Control arm and noise floor on the command line: labelled in words within 80 columns, and no part of the gate."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from qtui.cli.page import Page
from tests.cli.conftest import GOOD, WORSE, Invoke
from tests.filled_store import fill, set_roles

WIDTH = 80


@pytest.fixture
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Q2_K, which is far worse, is the noise floor; Q4_K_M, which is not, the control arm."""
    path = tmp_path / "store.sqlite"
    fill(
        path,
        grade_of={"FP16": GOOD, "Q4_K_M": GOOD, "Q2_K": WORSE},
        roles={"Q4_K_M": "control arm", "Q2_K": "noise floor"},
    )
    monkeypatch.setenv("QTUI_STORE", str(path))
    return path


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns, for which the page lays itself out."""
    made = Page.__init__

    def begin(page: Page) -> None:
        made(page)
        page.columns = WIDTH

    monkeypatch.setattr(Page, "__init__", begin)


@pytest.mark.parametrize("command", ["scores", "lengths"])
def test_rows_are_labelled_in_words_within_80_columns(command: str, roles: Path, narrow: None, invoke: Invoke) -> None:
    lines = [line for line in invoke(command).stdout.splitlines() if line.startswith("pet-7b ")]
    labelled = [line for line in lines if "control arm Q4_K_M" in line or "noise floor Q2_K" in line]
    assert len(labelled) == {"scores": 2, "lengths": 4}[command]
    assert max(map(len, labelled)) <= WIDTH


def test_a_verdict_says_that_it_is_not_about_quantization(roles: Path, invoke: Invoke) -> None:
    said = invoke("scores").stdout
    assert "pet-7b: FP16 → control arm Q4_K_M\n  control arm (effect of the engine): equivalent" in said
    assert "  answers that differ from the baseline's: control arm 10 of 12, noise floor 10 of 12\n" in said


def test_the_gate_is_for_candidates_unless_a_pair_is_named(roles: Path, invoke: Invoke) -> None:
    assert "there is no such pair to check" in str(invoke("check").exception)
    set_roles(roles, {"Q2_K": "noise floor"})
    assert gate(invoke("check", "--json")) == (True, ["Q4_K_M"])
    assert gate(invoke("check", "--pair", "pet-7b:Q2_K", "--json")) == (False, ["Q2_K"])


def gate(result: Result) -> tuple[bool, list[str]]:
    """Whether it was passed, and by whom."""
    found = json.loads(result.stdout)
    return found["met"], [pair["candidate"] for pair in found["pairs"]]


def test_compare_takes_a_candidate_before_a_control_arm(roles: Path, invoke: Invoke) -> None:
    set_roles(roles, {"Q4_K_M": "control arm"})
    assert json.loads(invoke("compare", "1", "--json").stdout)["candidate"]["variant"] == "Q2_K"


def test_check_of_a_file_says_what_would_be_run_as_what(tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "e.toml").write_text(
        'name = "e"\ntasks = "demo"\n[[models]]\nname = "m"\ncontrol = true\nnoise_floor = true\n'
        '[[models.variants]]\nname = "FP16"\nengine = "transformers"\nweights = "demo"\n'
    )
    assert invoke("run", str(tmp_path / "e.toml"), "--check").stdout.splitlines()[1:] == [
        "  m FP16 (transformers, the baseline)",
        "  m F16 (llama.cpp, the control arm)",
        "  m noise floor (transformers, the baseline again with 1 slot)",
    ]
