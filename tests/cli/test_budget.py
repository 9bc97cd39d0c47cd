"""`--budget`: a run stops before its requests cost more, says so, and goes on by the same command."""

import subprocess
import sys
from pathlib import Path

import pytest

from qtui.records import Answer, Task, TaskSet, content_hash
from qtui.store import Store, grades, open_store, runs
from tests import stores
from tests.judges.endpoint import Endpoint, endpoint
from tests.priced import PER_REPLY, counted, set_price

TASKS = TaskSet("forty", tuple(Task(f"task {i}", "r", "c") for i in range(20)))
STOPPED = 4


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An imported run with forty different answers."""
    opened = open_store(tmp_path / "s.sqlite")
    add_run(opened, "study")
    return opened


def add_run(store: Store, name: str) -> None:
    run_id = stores.new_run(store, name, TASKS, stores.variants(TASKS, ("FP16", "Q4")), source="import")
    stores.answer_all(
        store,
        run_id,
        lambda variant, number, _: Answer(content_hash(name, variant.name, number), f"{variant.name} {number}", "stop"),
    )


def judge(store: Store, served: Endpoint, *more: str) -> "subprocess.CompletedProcess[str]":
    prompt = store.path.with_name("prompt.txt")
    prompt.write_text("{input_text}|{pred}")
    at = ("--model", "grader", "--base-url", served.base_url, "--prompt", str(prompt), "--concurrency", "16")
    return qtui(store, "judge", "openai", *at, *more)


def qtui(store: Store, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store.path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_budget_is_not_exceeded_and_the_run_goes_on_later(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        done = judge(store, served, "--budget", "0.25")
        asked = len(served.prompts)
        assert 0 < asked * PER_REPLY <= 0.25
        assert (done.returncode, runs.summaries(store)[0].state) == (STOPPED, "stopped")
        assert len(grades.rows(store, [1])) == asked
        assert "the budget of 0.25 USD is spent: " in done.stderr
        assert f"USD for {asked} requests" in done.stderr
        assert f"{40 - asked} grades missing; the same command goes on." in done.stderr
        again = qtui(store, "resume", "1", "--budget", "100")
        assert again.returncode == 0, again.stderr
        assert sorted(served.prompts) == sorted(set(served.prompts)), "nothing is asked twice"
        assert len(grades.rows(store, [1])) == 40


def test_budget_that_is_enough_changes_nothing(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        assert judge(store, served, "--budget", "50").returncode == 0
        assert len(served.prompts) == 40
    assert runs.summaries(store)[0].state == "done"


def test_without_a_price_it_is_refused_and_the_judge_is_not_added(store: Store) -> None:
    with endpoint(lambda *_: counted()) as served:
        done = judge(store, served, "--budget", "5")
        assert served.prompts == []
    assert done.returncode == 1
    assert (
        "--budget needs the price of everything that is asked. judge openai:grader: [prices] of config.toml"
        in done.stderr
    )
    assert runs.summaries(store)[0].judges == ()


def test_batches_elsewhere_need_their_factor(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        done = judge(store, served, "--budget", "5", "--batch")
    assert 'set "batch" in [prices."grader"]' in done.stderr
    assert done.returncode == 1


def test_it_is_for_one_run(store: Store) -> None:
    set_price()
    add_run(store, "another")
    with endpoint(lambda *_: counted()) as served:
        done = judge(store, served, "--budget", "5")
        assert served.prompts == []
        assert "--budget is for one run, and these would be graded: 1, 2. Choose one with --run." in done.stderr
        assert judge(store, served, "--budget", "5", "--run", "2").returncode == 0


def test_other_judges_of_the_run_are_paid_from_it_too(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        judge(store, served, "--budget", "0.06")
        at = ("--model", "another", "--base-url", served.base_url)
        done = qtui(store, "judge", "openai", *at, "--budget", "5")
    assert 'judge openai:another: [prices] of config.toml has no "another"' in done.stderr


@pytest.mark.parametrize("value", ["0", "-1", "nan", "much"])
def test_what_is_no_sum_of_money_is_refused(store: Store, value: str) -> None:
    done = qtui(store, "resume", "1", "--budget", value)
    assert done.returncode == 2
    assert "--budget" in done.stderr
