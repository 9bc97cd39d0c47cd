"""`qtui compare` on answers of a megabyte: what is shown, what is said to be left out, what --full and --json have."""

import json
import sys
from contextlib import closing
from pathlib import Path

import pexpect
import pytest

from qtui.cli.compare import LONGEST_SHOWN
from qtui.records import Answer
from qtui.store import open_store
from tests import stores
from tests.cli.conftest import Invoke
from tests.filled_store import fill

BASELINE, CANDIDATE = "猫が走る。" * 200_000, "猫が歩く。" * 200_000
CHARACTERS = len(BASELINE)


@pytest.fixture
def long_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    with closing(open_store(path)) as store:
        for name, text in (("FP16", BASELINE), ("Q4_K_M", CANDIDATE)):
            stores.answer(store, run_id, name, 1, Answer(f"long {name}", text, "stop", 10, 5, 0.5))
    monkeypatch.setenv("QTUI_STORE", str(path))
    return path


def test_text_is_cut_and_says_how_much_is_left_out_and_where_it_is(long_answers: Path, invoke: Invoke) -> None:
    shown = invoke("compare", "1").stdout
    assert len(shown) < 4 * LONGEST_SHOWN
    assert (
        shown.count(
            f"… {CHARACTERS - LONGEST_SHOWN:,} of {CHARACTERS:,} characters are not shown. Show them with --full"
        )
        == 2
    )
    assert f"{CHARACTERS} characters" in shown, "the figures are of the whole answer"
    assert "first difference at character 3" in shown


def test_full_shows_all_of_it(long_answers: Path, invoke: Invoke) -> None:
    shown = invoke("compare", "1", "--full").stdout
    assert BASELINE in shown
    assert CANDIDATE in shown
    assert "not shown" not in shown


def test_json_is_exact(long_answers: Path, invoke: Invoke) -> None:
    found = json.loads(invoke("compare", "1", "--json").stdout)
    assert (found["baseline"]["text"], found["candidate"]["text"]) == (BASELINE, CANDIDATE)


def test_side_by_side_says_it_in_both_columns(long_answers: Path) -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "qtui", "compare", "1"], dimensions=(50, 120), timeout=60)
    shown = terminal.read().decode()
    assert len(shown) < 20 * LONGEST_SHOWN
    assert shown.count(f"of {CHARACTERS:,} characters") == 2
