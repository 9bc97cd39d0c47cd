"""`qtui verify` computes fingerprints again from the settings that are stored, and says what it cannot."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtui import scorers
from qtui.cli import cli
from qtui.judges import fingerprint
from qtui.records import JudgeSpec, ScorerSpec, Task, TaskSet, content_hash
from qtui.runner import stored_fingerprints
from qtui.store import Store, new_runs, open_store, runs, verifying
from qtui.store.recomputing import Recompute
from qtui.variant_facts import VariantFacts
from tests import stores

JUDGE = JudgeSpec("openai", model="m", base_url="http://127.0.0.1:9/v1")
SCORER = ScorerSpec("last_number")
TASKS = TaskSet("t", (Task("1 + 2", "3"),))
DEFINITION = """
[[models]]
name = "m"
[[models.variants]]
name = "FP16"
engine = "openai"
weights = "w"
base_url = "http://127.0.0.1:9/v1"
"""
RECOMPUTE = Recompute(stored_fingerprints.of_judge, stored_fingerprints.of_scorer, stored_fingerprints.of_endpoint)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A run with a judge, a scorer and a variant behind an endpoint."""
    variants = stores.variants(TASKS, ["FP16"], engine="openai", conditions={"task_set": TASKS.hash})
    judge = new_runs.NewJudge(JUDGE.label, 1, fingerprint(JUDGE), asdict(JUDGE))
    new = new_runs.NewRun(
        "e", "p", DEFINITION, "run", "", TASKS, variants, [judge], scorers=[(SCORER, scorers.fingerprint(SCORER))]
    )
    with closing(open_store(path)) as store:
        new_runs.add(store, new)
        of_endpoint = content_hash("endpoint", "http://127.0.0.1:9/v1", "w", "chat")
        runs.set_variant(store, 1, facts=VariantFacts(weights_fingerprint=of_endpoint))
        yield store


def verify(path: Path) -> verifying.Verification:
    return verifying.verify(path, RECOMPUTE)


def test_fingerprints_of_judge_scorer_and_endpoint_are_computed_again(store: Store) -> None:
    found = verify(store.path)
    assert found.is_whole
    assert {of: number for of, number in found.keys.items() if "fingerprint" in of} == {
        "judge fingerprint": 1,
        "scorer fingerprint": 1,
        "weights fingerprint": 1,
    }


def test_another_fingerprint_of_the_same_settings_is_no_damage_and_is_said(store: Store) -> None:
    stores.age_judges(store, 1)
    found = verify(store.path)
    assert (found.is_whole, found.unproven["judge fingerprint"]) == (True, 1)
    printed = CliRunner().invoke(cli, ["verify", str(store.path)])
    [line] = [line for line in printed.stdout.splitlines() if "cannot be computed" in line]
    assert "1 judge fingerprint" in line
    assert "1 plan" in line


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE judge SET settings = replace(settings, '\"m\"', '\"n\"')", "judge row 1: its label"),
        ("UPDATE scorer SET settings = replace(settings, 'last_number', 'chrf')", "scorer row 1: its label"),
        ('UPDATE variant SET conditions = \'{"task_set": "other"}\'', "variant row 1: its task set"),
    ],
)
def test_what_contradicts_itself_is_damage(store: Store, statement: str, problem: str) -> None:
    store.execute(statement)
    [found] = verify(store.path).problems
    assert problem in str(found).replace(",", "")
