"""`qtui divergence` where there is nothing to run: imports, names that do not exist, what was measured elsewhere."""

import json
from pathlib import Path

import pytest

from qtui.exchange.export import DIVERGENCE_COLUMNS
from qtui.records import AnswerDivergence, FirstDifference, TokenChoice
from qtui.store import divergences, open_store, runs
from tests.cli.conftest import Invoke
from tests.filled_store import fill


def measured_elsewhere(store_path: Path, candidate: int = 1) -> None:
    """A row for every answer, as a store from another machine brings them: three tokens, the second one far off."""
    import numpy as np

    store = open_store(store_path)
    variants = runs.summaries(store)[0].variants
    pair = divergences.Pair(variants[0].id, variants[candidate].id)
    kl, logp = (np.array(values, "<f4").tobytes() for values in ([0, 0.25, 0], [-0.5, -0.25, -1]))
    for answer in divergences.missing(store, pair):
        parting = FirstDifference(1, 1, TokenChoice("\x1b[31m猫", 0.5, 0.25), TokenChoice("犬", 0.25, 0.5))
        made = AnswerDivergence(f"{candidate} {answer.key}", kl, logp, logp, b"\3\2\3", parting)
        divergences.commit(store, pair, answer, divergences.Weights("b", "c"), made)
    store.close()


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose run was imported; $QTUI_STORE names it."""
    path = tmp_path / "imported.sqlite"
    fill(path, source="import")
    monkeypatch.setenv("QTUI_STORE", str(path))
    return path


def test_imported_run_says_that_its_models_are_not_here(imported: Path, invoke: Invoke) -> None:
    done = invoke("divergence")
    assert "run 1 (pets) was imported: its models are not on this machine" in str(done.exception)


def test_unknown_names_are_answered_with_those_there_are(store_path: Path, invoke: Invoke) -> None:
    done = invoke("divergence", "--candidate", "Q3")
    assert "there is no such pair to compare (pairs: pet-7b: FP16 → Q4_K_M, pet-7b: FP16 → Q2_K)" in str(done.exception)


def test_what_was_measured_elsewhere_is_shown_without_a_model(imported: Path, invoke: Invoke) -> None:
    measured_elsewhere(imported, 1)
    measured_elsewhere(imported, 2)
    done = invoke("divergence", "--json")
    assert done.exit_code == 0, done.stderr
    first, second = json.loads(done.stdout)["pairs"]
    assert (first["candidate"], second["candidate"], first["tasks"], first["tokens"]) == ("Q4_K_M", "Q2_K", 12, 36)
    assert first["kl"]["mean"] == 0.25 / 3
    assert first["same_top"] == 2 / 3
    assert first["perplexity"]["ratio"] == 1.0
    assert [task["task"] for task in first["per_task"]] == list(range(1, 13))
    assert first["per_task"][0]["answers"][0]["first_difference"]["token"] == 1


def test_only_what_is_known_where_that_is_asked_for(store_path: Path, invoke: Invoke) -> None:
    measured_elsewhere(store_path, 2)
    done = invoke("divergence", "--known", "--json")
    assert [pair["candidate"] for pair in json.loads(done.stdout)["pairs"]] == ["Q2_K"]
    assert invoke("divergence", "--known", "--candidate", "Q4_K_M").stdout.strip() == "Nothing measured yet."


def test_table_shows_no_text_of_a_model_raw(store_path: Path, invoke: Invoke) -> None:
    measured_elsewhere(store_path)
    done = invoke("divergence", "--known")
    assert "\x1b" not in done.stdout
    assert "another most likely token in 12 of 12 answers, first at token 2 (median)" in done.stdout


def test_export_has_a_row_for_each_pair_that_was_measured(store_path: Path, invoke: Invoke) -> None:
    measured_elsewhere(store_path, 2)
    done = invoke("export", "divergence", "--format", "jsonl")
    assert done.exit_code == 0, done.stderr
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["model"], row["candidate"], row["tokens"], row["kl_max"]) == ("pet-7b", "Q2_K", 36, 0.25)
    assert row["perplexity_ratio"] == 1.0
    assert tuple(row) == DIVERGENCE_COLUMNS
