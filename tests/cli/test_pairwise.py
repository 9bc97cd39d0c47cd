"""What the commands show of a judge that compares, and how it is added and removed."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result

from qtui.cli import cli
from qtui.errors import UserError
from qtui.store import open_store, preferences, runs
from tests.compared_store import fill
from tests.judges.endpoint import endpoint
from tests.runner.pairwise_run import TEMPLATE, always, longest

LABEL = "openai:arbiter pairwise"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "s.sqlite"
    monkeypatch.setenv("QTUI_STORE", str(found))
    with open_store(found) as store:
        fill(store)
    return found


def qtui(*arguments: str) -> Result:
    result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, UserError):
        raise result.exception
    return result


def test_scores_show_the_win_rate_beside_the_mean_difference(path: Path) -> None:
    shown = qtui("scores").stdout
    assert "graded by openai:strict" in shown
    assert f"compared by {LABEL} in both orders, 1 take, margin 0.5 ± 0.05" in shown
    assert (
        "19 comparisons: won 0 (0 %), tied 4 (21 %), lost 15 (79 %); of the ties 1 turned with the order; 1 unjudged"
        in shown
    )
    assert "20 comparisons: won 4 (20 %), tied 16 (80 %), lost 0 (0 %); of the ties 10 answers equal" in shown
    assert "position: the first answer is preferred in 17 of 32 preferences (53 %; sign test, exact: p 1)" in shown


def test_json_has_a_row_per_pair_and_judge(path: Path) -> None:
    found = json.loads(qtui("scores", "--json").stdout)
    rows = {row["candidate"]: row for row in found["preferences"]}
    assert set(rows) == {"Q8_0", "Q2_K"}
    assert rows["Q8_0"]["win_rate"] == pytest.approx(0.6)
    assert (rows["Q2_K"]["verdict"], rows["Q2_K"]["turned"], rows["Q2_K"]["unread"]) == ("worse", 1, 1)
    assert all(pair["judge"] != LABEL for pair in found["pairs"])


def test_check_asks_for_the_win_rate_too(path: Path) -> None:
    result = qtui("check", "--judge", LABEL, "--json")
    found = json.loads(result.stdout)
    assert {pair["candidate"]: pair["met"] for pair in found["pairs"]} == {"Q8_0": True, "Q2_K": False}
    assert not found["met"]


def test_compare_shows_both_orders_with_their_reasons(path: Path) -> None:
    shown = qtui("compare", "16", "--candidate", "Q2_K").stdout
    assert f"{LABEL}, take 1, FP16 shown first: prefers FP16" in shown
    assert f"{LABEL}, take 1, Q2_K shown first: prefers Q2_K\n  最初の回答が良い" in shown
    found = json.loads(qtui("compare", "20", "--candidate", "Q2_K", "--json").stdout)
    assert [(each["first"], each["choice"], each["preferred"]) for each in found["preferences"]] == [
        ("FP16", None, None),
        ("Q2_K", None, None),
    ]


def test_exports_have_every_reply_and_every_win_rate(path: Path, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(qtui("export", "preferences").stdout)))
    assert len(rows) == 2 * 20 * 2
    assert {row["choice"] for row in rows} == {"first", "second", "tie", ""}
    assert qtui("export", "win-rates", "-o", str(tmp_path / "w.parquet")).exit_code == 0
    table = pyarrow.parquet.read_table(tmp_path / "w.parquet")
    assert table.column("candidate").to_pylist() == ["Q8_0", "Q2_K"]


def test_run_without_such_a_judge_has_the_columns_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.cli.conftest import GOOD
    from tests.filled_store import fill as graded

    found = tmp_path / "g.sqlite"
    monkeypatch.setenv("QTUI_STORE", str(found))
    graded(found, grade_of={"FP16": GOOD, "Q4_K_M": GOOD, "Q2_K": GOOD})
    header = qtui("export", "win-rates").stdout.strip().split(",")
    assert {"win_rate", "interval90_low", "turned"} <= set(header)
    assert json.loads(qtui("scores", "--json").stdout)["preferences"] == []


def test_judge_is_added_by_a_command_compares_and_is_removed(path: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "duel.txt"
    prompt.write_text(TEMPLATE.replace("answer_a", "output_1").replace("answer_b", "output_2"), encoding="utf-8")
    with endpoint(longest) as served:
        options = (
            "--model",
            "other",
            "--base-url",
            served.base_url,
            "--pairwise",
            "--margin",
            "0.2",
            "--prompt",
            str(prompt),
        )
        assert qtui("judge", "openai", *options).return_value == 0
        # 30 pairs of answers differ: 10 of Q8_0 and 20 of Q2_K.
        assert len(served.prompts) == 2 * 30
    row = next(each for each in json.loads(qtui("scores", "--json").stdout)["preferences"] if "other" in each["judge"])
    assert (row["judge"], row["margin"]) == ("openai:other pairwise", 0.2)
    removed = qtui("judge", "remove", "openai:other pairwise")
    assert "its 80 preferences are no longer shown" in removed.stderr
    with open_store(path) as store:
        assert {each["judge"] for each in preferences.rows(store, [1])} == {LABEL}
        assert [each.label for each in runs.summaries(store)[0].judges] == ["openai:strict", LABEL]


def test_judge_that_always_prefers_the_first_wins_nothing(path: Path) -> None:
    with endpoint(always("A")) as served:
        assert (
            qtui("judge", "openai", "--model", "first", "--base-url", served.base_url, "--pairwise").return_value == 0
        )
    rows = [
        each
        for each in json.loads(qtui("scores", "--json").stdout)["preferences"]
        if each["judge"] == "openai:first pairwise"
    ]
    assert [(row["wins"], row["losses"], row["turned"], row["equal"]) for row in rows] == [
        (0, 0, 10, 10),
        (0, 0, 20, 0),
    ]
    assert {row["first_share"] for row in rows} == {1.0}
    assert all(row["position_p"] < 0.01 for row in rows)
    assert {row["verdict"] for row in rows} <= {"guarded", "inconclusive"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pairwise", "--scale", "1-10"), "--scale: a judge that compares"),
        (("--margin", "0.1"), "--margin is that of a win rate"),
        (("--pairwise", "--prompt", "grade-en"), "compare-ja and compare-en"),
        (("--prompt", "compare-en"), "with --pairwise"),
        (("--pairwise", "--slot", "answer=x"), "--prompt names no file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(path: Path, options: tuple[str, ...], said: str) -> None:
    result = qtui("judge", "openai", "--model", "m", "--base-url", "http://127.0.0.1:9/v1", *options)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)


def test_check_before_a_run_promises_no_resolution_in_grades(tmp_path: Path) -> None:
    variants = "".join(
        f'[[models.variants]]\nname = "{name}"\nengine = "openai"\nweights = "w"\nbase_url = "http://127.0.0.1:9/v1"\n'
        for name in ("FP16", "Q4")
    )
    judge = '[[judges]]\nkind = "openai"\nmodel = "j"\nbase_url = "http://127.0.0.1:9/v1"\npairwise = true\n'
    file = tmp_path / "e.toml"
    file.write_text(f'name = "e"\ntasks = "demo"\n[[models]]\nname = "m"\n{variants}{judge}', encoding="utf-8")
    shown = qtui("run", str(file), "--check", "--store", str(tmp_path / "none.sqlite")).stdout
    assert "judge openai:j pairwise, 1 take, in both orders, margin 0.5 ± 0.05" in shown
    assert "inconclusive" not in shown
    assert (
        json.loads(qtui("run", str(file), "--check", "--json", "--store", str(tmp_path / "none.sqlite")).stdout)[
            "resolution"
        ]
        == []
    )
