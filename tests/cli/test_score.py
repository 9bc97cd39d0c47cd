"""`qtui score` on a stored run, and what the other commands show of scores."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet
import pytest
from click.testing import CliRunner

from qtui.cli import cli
from qtui.errors import UserError
from qtui.store import leases, open_store, runs
from tests.scored_store import answered_run

SCORERS = """
[[scorers]]
kind = "last_number"
name = "math"
subsets = ["sums"]
margin = 0.1

[[scorers]]
kind = "choice"
subsets = ["capitals"]
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with an imported run: no experiment, no runner."""
    path = tmp_path / "s.sqlite"
    with open_store(path) as opened:
        answered_run(opened, source="import")
    (tmp_path / "scorers.toml").write_text(SCORERS, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def qtui(store: Path, *arguments: str) -> Done:
    """Run a command in this process, which has the libraries loaded already."""
    result = CliRunner().invoke(cli, ["--store", str(store), *arguments], standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, UserError):
        raise result.exception
    error = f"error: {result.exception}\n" if result.exception else ""
    return Done(1 if error else result.return_value or 0, result.stdout, result.stderr + error)


def test_an_import_is_scored_by_the_scorers_of_a_file_and_shown(store: Path) -> None:
    done = qtui(store, "score", "1", "--scorers", str(store.with_name("scorers.toml")))
    assert (done.returncode, done.stdout) == (0, "math: 24 scored\nchoice: 24 scored\n"), done.stderr

    shown = qtui(store, "scores").stdout
    assert "scored by math (last_number), margin ±10 points" in shown
    assert "flips: 4 right → wrong, 0 wrong → right (McNemar, exact: p 0.12)" in shown
    assert "recovery 66.7 %" in shown

    rows = json.loads(qtui(store, "scores", "--json").stdout)["scorers"]
    assert {(row["scorer"], row["right_to_wrong"], row["n"]) for row in rows} == {("math", 4, 12), ("choice", 1, 12)}

    assert "took 3, expected 2" in qtui(store, "compare", "1").stdout

    checked = qtui(store, "check", "--json")
    assert checked.returncode == 3
    assert [pair["judge"] for pair in json.loads(checked.stdout)["pairs"]] == ["math", "choice"]

    exported = list(csv.DictReader(io.StringIO(qtui(store, "export", "answer-scores").stdout)))
    assert len(exported) == 48
    assert exported[0]["reason"] == "took 2"
    file = store.with_name("scorers.parquet")
    assert qtui(store, "export", "scorers", "-o", str(file)).returncode == 0
    assert pyarrow.parquet.read_table(file).column("recovery").to_pylist()[0] == pytest.approx(8 / 12, abs=1e-6)


def test_kinds_can_be_added_computed_anew_and_removed(store: Path) -> None:
    assert (
        "chrf: 24 scored, 24 unscored: the task has no reference to compare with (24 answers)"
        in qtui(store, "score", "1", "--kind", "chrf").stdout
    )
    for option in (["--again"], ["--retry", "unscored"], []):
        assert "chrf: 24 scored, 24 unscored" in qtui(store, "score", "1", *option).stdout
    assert qtui(store, "score", "1", "--remove", "chrf").returncode == 0
    assert json.loads(qtui(store, "scores", "--json").stdout)["scorers"] == []
    refused = qtui(store, "score", "1", "--remove", "chrf")
    assert (refused.returncode, refused.stderr) == (1, 'error: run 1 has no scorer "chrf" (scorers: none)\n')


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('[[scorers]]\nkind = "regex"', ":1: scorers[1].pattern: the scorer regex needs it: a regular expression of Python."),
        ('[[scorers]]\nkind = "regex"\npattern = "("', ":3: scorers[1].pattern: is no valid regular expression"),
        ('[[scorers]]\nkind = "code"', "runs no model's code by itself"),
        ('[[scorers]]\nkind = "bleu"\ntokenizer = "flores200"', ':3: scorers[1].tokenizer: "flores200" is not valid for bleu'),
        ('[[scorers]]\nkind = "chrf"\nstyle = "last"', "the scorer chrf has no such setting (its settings: words)"),
        ('[[scorers]]\nkind = "chrf"\nsubsets = ["maths"]', 'no task set is named "maths" (task sets: sums, capitals)'),
        ('[[scorers]]\nkind = "chrf"\n[[scorers]]\nkind = "chrf"', "repeats the name chrf"),
        ('[[scorers]]\nkind = "chrf"\nmargn = 0.1', "no such key; did you mean margin?"),
        ('[[scorers]]\nkind = "json_schema"\nschema_file = "none.json"', "none.json: no such file"),
        ('scorers = 3', "has no scorers"),
        ('[[scorers]', "is not valid TOML"),
    ],
)  # fmt: skip
def test_problems_of_the_file_are_named_by_line_and_key(toml: str, said: str, store: Path) -> None:
    file = store.with_name("wrong.toml")
    file.write_text(toml, encoding="utf-8")
    done = qtui(store, "score", "1", "--scorers", str(file))
    assert done.returncode == 1
    assert f"error: {file}" in done.stderr
    assert said in done.stderr


def test_a_run_that_is_running_has_none_or_is_not_there_is_refused(store: Path) -> None:
    assert "run 1 has no scorers. Name a file" in qtui(store, "score", "1").stderr
    assert "has no run 7" in qtui(store, "score", "7").stderr
    assert "code: command: the scorer code needs it" in qtui(store, "score", "1", "--kind", "code").stderr
    with open_store(store) as opened:
        leases.take(opened, 1, [], None)
        runs.begin(opened, 1)
        assert "is running" in qtui(store, "score", "1", "--kind", "chrf").stderr
