"""Stores that earlier versions wrote open, and show the figures that those versions showed, to the digit.

Each is the dump of the demo's store, with what `qtui scores --json` and `qtui lengths --json` of its version printed.
"""

import gzip
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qtui.store import open_store, runs
from qtui.store.schema import MIGRATIONS

DUMPS = sorted(Path(__file__).with_name("stores").glob("*.sql.gz"))
REWORDED = {
    "another engine: transformers against llama.cpp": "different engines: transformers vs llama.cpp",
    "control arm (what the engine does): ": "control arm (effect of the engine): ",
    "difference of grades: ": "difference in grades: ",
    "the p values beside it are not": "the other p values are not",
}
"""Beginnings or ends of sentences as earlier versions printed them, and as they are printed now."""
ADDED = ("behaviour_p", "behaviour_comparisons", "behaviour_flags")
"""Keys that pairs have since the length is the primary test of behaviour and flags are secondary."""
PRIMARY_P_HOLM = {
    "scores": {"F16": None, "Q4_K_M": 0.68583, "Q2_K": 2 * 0.233953},
    "lengths": {"F16": None, "Q4_K_M": 0.6858, "Q2_K": 0.4679},
}
"""Before, one family of all tests gave 1.0 and 0.935811: Wilcoxon's p of Q2_K, 0.233953, times 4."""
FORMER_NOTES = ("behaviour is Holm-adjusted", "up to 3 comparisons under one judge")
"""Beginnings of the notes on corrections that earlier versions printed."""
NOTES = {
    "scores": ["claims of one run under one judge, up to 3 here, are Holm-adjusted together (claim_p_holm)"],
    "lengths": ["the other p values are not adjusted"],
}
NOTES_ON_BEHAVIOUR = (
    "behaviour: its primary test is the length of paired answers (Wilcoxon), Holm-adjusted over the pairs of a run",
    "flags are secondary (McNemar on short, looping and newly Latin answers), Benjamini–Hochberg-adjusted over all flags of a run",
)

NEWER = (
    "scorers",
    "preferences",
    "thoughts",
    "thinking_tokens",
    "unfinished_thought",
    "scale",
    "units",
    "sample_spread",
    "resolution",
    "stopped_early",
    "costs",
)
"""Figures that earlier versions did not have."""


@pytest.fixture(params=DUMPS, ids=lambda dump: dump.name)
def landed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A store of an earlier version, and the path of its dump."""
    dump: Path = request.param
    path = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(gzip.decompress(dump.read_bytes()).decode())
    return path, dump


def test_there_is_one_at_least() -> None:
    assert DUMPS


@pytest.mark.parametrize("command", ["scores", "lengths"])
def test_the_figures_are_the_same_to_the_digit(command: str, landed: tuple[Path, Path]) -> None:
    store, dump = landed
    done = subprocess.run(
        [sys.executable, "-m", "qtui", command, "--json", "--store", str(store)],
        capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    before = dump.with_name(dump.name.replace(".sql.gz", f"-{command}.json"))
    text = before.read_text(encoding="utf-8")
    for former, present in REWORDED.items():
        text = text.replace(former, present)
    found, expected = _without_newer(json.loads(done.stdout)), json.loads(text)
    for pair in found["pairs"]:
        assert all(pair.pop(key) is not None or key == "behaviour_p" for key in ADDED)
    for pair in expected["pairs"]:
        pair["behaviour_p_holm"] = PRIMARY_P_HOLM[command][pair["candidate"]]
    kept = [note for note in expected["notes"] if not note.startswith(FORMER_NOTES)]
    assert {*found.pop("notes")} == {*kept, *NOTES[command], *NOTES_ON_BEHAVIOUR}
    del expected["notes"]
    assert found == expected


def _without_newer(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_newer(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _without_newer(each) for name, each in value.items() if name not in NEWER}


def test_a_store_is_migrated_and_keeps_its_rows(landed: tuple[Path, Path]) -> None:
    path, _ = landed
    with closing(sqlite3.connect(path)) as connection:
        before = connection.execute("SELECT key FROM answer ORDER BY key").fetchall()
    with open_store(path) as store:
        [run] = runs.summaries(store)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM answer ORDER BY key").fetchall() == before
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    assert (run.state, run.answered, run.expected) == ("done", len(before), len(before))
    assert all(variant.facts.weights_fingerprint for variant in run.variants)


def test_runs_are_listed_with_the_facts_that_are_known(landed: tuple[Path, Path]) -> None:
    store, _ = landed
    done = subprocess.run(
        [sys.executable, "-m", "qtui", "runs", "--json", "--store", str(store)],
        capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    [run] = json.loads(done.stdout)["runs"]
    facts = [variant["facts"] for variant in run["variants"]]
    assert all("weights_fingerprint" in each and "other" not in each and None not in each.values() for each in facts)
