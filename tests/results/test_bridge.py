"""From the store to figures: the same rows for panes and commands, and nothing heavy where they are shown."""

import json
import pickle
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from qtui.analysis.tables import flag_answers
from qtui.errors import UserError
from qtui.figures.json_form import to_json
from qtui.records import Answer
from qtui.results import frames
from qtui.results.length_figures import length_rows
from qtui.results.score_figures import score_rows
from qtui.results.task_changes import deltas
from qtui.store import open_store
from tests import stores
from tests.filled_store import fill

GOOD = [4, 5, 4, 5, 4, 5, 4, 5, 4, 5, 4, 5]
WORSE = [2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 2]


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_a_graded_pair_has_its_difference_and_verdict(store_path: Path) -> None:
    run_id = fill(store_path, grade_of={"FP16": GOOD, "Q4_K_M": GOOD, "Q2_K": WORSE})
    same, worse = score_rows(store_path, (run_id,)).pairs
    assert (same.candidate, same.difference, same.verdict) == ("Q4_K_M", 0.0, "equivalent")
    assert worse.candidate == "Q2_K"
    assert worse.difference == pytest.approx(sum(WORSE) / 12 - sum(GOOD) / 12, abs=1e-6)
    assert (worse.n, worse.wins, worse.losses, worse.takes) == (12, 0, 12, 1)


def test_a_pair_that_nobody_graded_has_a_row_without_scores(store_path: Path) -> None:
    run_id = fill(store_path)
    rows = score_rows(store_path, (run_id,)).pairs
    assert [(row.candidate, row.judge, row.n, row.difference, row.verdict) for row in rows] == [
        ("Q4_K_M", None, 0, None, "ungraded"),
        ("Q2_K", None, 0, None, "ungraded"),
    ]


def test_ungraded_tasks_are_left_out_and_counted(store_path: Path) -> None:
    run_id = fill(store_path, grade_of={"FP16": GOOD, "Q4_K_M": [None, *GOOD[1:]]})
    row = score_rows(store_path, (run_id,)).pairs[0]
    assert (row.n, row.ungraded) == (11, 1)


def test_two_runs_are_never_thrown_together(store_path: Path) -> None:
    ids = fill(store_path, "first"), fill(store_path, "second")
    rows = length_rows(store_path, ids).variants
    assert [(row.run_id, row.experiment, row.variant, row.raw.n) for row in rows] == [
        (run_id, name, variant, 12)
        for run_id, name in zip(ids, ("first", "second"), strict=True)
        for variant in ("FP16", "Q4_K_M", "Q2_K")
    ]


def test_json_and_rows_say_the_same(store_path: Path) -> None:
    run_id = fill(store_path, grade_of={"FP16": GOOD, "Q2_K": WORSE})
    found = json.loads(json.dumps(to_json(score_rows(store_path, (run_id,)))))["pairs"]
    rows = score_rows(store_path, (run_id,)).pairs
    assert [(p["experiment"], p["candidate"], p["verdict_text"]) for p in found] == [
        (row.experiment, row.candidate, row.verdict_text) for row in rows
    ]


def test_another_margin_is_another_verdict(store_path: Path) -> None:
    run_id = fill(store_path, grade_of={"FP16": GOOD, "Q2_K": WORSE})
    verdicts = {margin: score_rows(store_path, (run_id,), margin).pairs[1].rule for margin in (0.2, 3.0)}
    assert verdicts == {0.2: "worse", 3.0: "equivalent"}


def test_deltas_have_lengths_flags_grades_and_likeness_of_every_task(store_path: Path) -> None:
    run_id = fill(store_path, grade_of={"FP16": GOOD, "Q2_K": WORSE})
    rows = deltas(store_path, run_id, "pet-7b", "FP16", "Q2_K")
    first, third, fourth = rows[0], rows[2], rows[3]
    assert [row.task for row in rows] == list(range(1, 13))
    assert (first.ratio, first.similarity, first.d) == (1.0, 1.0, -2.0)
    assert first.grades == (("openai:strict", 4.0, 2.0),)
    assert third.similarity == 1.0
    assert (fourth.candidate_length, fourth.ratio) == (0, 0.0)
    assert "empty" in fourth.candidate_flags
    assert "truncated" in rows[4].candidate_flags


def test_a_run_without_answers_has_no_rows(store_path: Path) -> None:
    run_id = fill(store_path, is_answered=False)
    assert score_rows(store_path, (run_id,)).pairs == ()
    assert length_rows(store_path, (run_id,)).pairs == ()
    assert deltas(store_path, run_id, "pet-7b", "FP16", "Q2_K") == ()


def test_an_unknown_run_is_named(store_path: Path) -> None:
    fill(store_path)
    with pytest.raises(UserError, match="has no run 9"):
        score_rows(store_path, (9,))


def test_a_missing_store_says_how_one_is_made(store_path: Path) -> None:
    with pytest.raises(UserError, match="no store there"):
        length_rows(store_path, (1,))


def test_what_comes_back_needs_no_numpy_to_be_read(store_path: Path, tmp_path: Path) -> None:
    run_id = fill(store_path, grade_of={"FP16": GOOD, "Q2_K": WORSE})
    found = (
        score_rows(store_path, (run_id,)),
        length_rows(store_path, (run_id,)),
        deltas(store_path, run_id, "pet-7b", "FP16", "Q2_K"),
    )
    (tmp_path / "found.pickle").write_bytes(pickle.dumps(found))
    script = (
        "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'));"
        "print(sorted({'numpy', 'pandas', 'scipy', 'pyarrow', 'rapidfuzz'} & set(sys.modules)))"
    )
    asked = [sys.executable, "-c", script, str(tmp_path / "found.pickle")]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_the_study_is_read_as_its_reference_has_it(shared: Path, store_path: Path) -> None:
    from qtui.exchange import gpt4_autoeval

    store = open_store(store_path)
    run_id = gpt4_autoeval.write(store, gpt4_autoeval.read(shared / "data/gpt4-autoeval/assets")).run_id
    scores = {row.model: row for row in score_rows(store_path, (run_id,)).pairs}
    assert any("24 of 100 answers empty" in guard for guard in scores["japanese-stablelm-instruct-beta-7b"].guards)
    assert scores["Swallow-7b-instruct"].behaviour == "changed"
    lengths = {(row["model"], row["variant"]): row for row in to_json(length_rows(store_path, (run_id,)))["variants"]}
    reference = json.loads((shared / "reference/lengths.json").read_text())["pairs"]["Xwin-7B"]["raw"]["fp16"]
    assert lengths["Xwin-LM-7B-V0.1", "FP16"]["raw"] == reference


def test_scores_and_lengths_share_the_flags_of_the_same_answers(
    store_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, other = fill(store_path), fill(store_path, "other")
    asked: list[int] = []

    def counted(answers: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
        asked.append(len(answers))
        return flag_answers(answers, tasks)

    monkeypatch.setattr(frames, "flag_answers", counted)
    length_rows(store_path, (other,))  # this process keeps the flags that an earlier test asked for
    asked.clear()
    for _ in range(2):
        score_rows(store_path, (run_id,))
        length_rows(store_path, (run_id,))
    assert asked == [36]


def test_an_answer_that_changed_is_flagged_anew(store_path: Path) -> None:
    run_id = fill(store_path)
    assert length_rows(store_path, (run_id,)).variants[0].flags["empty_strip"] == 0
    with closing(open_store(store_path)) as store:
        stores.answer(store, run_id, "FP16", 1, Answer("given again", "", "stop", 10, 5, 0.5))
    assert length_rows(store_path, (run_id,)).variants[0].flags["empty_strip"] == 1


def test_other_runs_have_flags_of_their_own(store_path: Path) -> None:
    ids = fill(store_path, "first"), fill(store_path, "second")
    both = [length_rows(store_path, (run_id,)).variants[2].flags["empty_strip"] for run_id in ids]
    assert both == [1, 1]
    assert [row.flags["empty_strip"] for row in length_rows(store_path, ids).variants] == [0, 0, 1, 0, 0, 1]
