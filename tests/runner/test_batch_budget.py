"""Batches are cut to what the rest of the budget pays, at the price of batches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.endpoints.budget import Budget, spending
from qtui.prices import Price, Prices
from qtui.store import grades
from tests.judges.batch_endpoint import BatchServer, Script, Work, batch_server
from tests.runner.batch_run import QUESTIONS, grade_run, judge_of, new_run, spec

PRICE = Price(input=10.0, output=100.0, cached_input=5.0, batch=0.5)
PRICES = Prices((("grader", PRICE),))
OF_REPLY = 0.5 * PRICE.of_tokens(100, 60, 10)
"""What the endpoint of these tests charges for one reply in a batch."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_KEY", "a-key-of-the-tests")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[BatchServer]:
    with batch_server(tmp_path / "endpoint.json", Script()) as server:
        yield server


def most(served: BatchServer) -> float:
    """What one question costs at most in a batch, about."""
    return 0.5 * Budget(1.0, "USD", PRICES).bound("grader", served.base_url, 2400, 1024).cost


async def test_batch_holds_what_the_budget_pays_and_the_next_what_is_left(tmp_path: Path, served: BatchServer) -> None:
    judge = spec(served.base_url)
    store, run_id = new_run(tmp_path / "s.sqlite", judge)
    purse = Budget(3 * most(served), "USD", PRICES)
    with spending(purse):
        await grade_run(store, run_id, judge)
    sizes = [batch["request_counts"]["total"] for batch in served.batches]
    assert sizes[0] < QUESTIONS, "what the batch costs at most is reserved"
    assert sum(sizes) == QUESTIONS, "what it did not cost pays the others"
    assert purse.spent == pytest.approx(QUESTIONS * OF_REPLY)
    assert set(served.asked.values()) == {1}


async def test_budget_stops_the_judge_and_the_rest_is_asked_later(tmp_path: Path, served: BatchServer) -> None:
    judge = spec(served.base_url)
    store, run_id = new_run(tmp_path / "s.sqlite", judge)
    purse = Budget(1.2 * most(served), "USD", PRICES)
    # Each reply makes the rest a little smaller, until a question could cost more.
    purse.spent = 0.3 * most(served)
    with spending(purse):
        await grade_run(store, run_id, judge)
    assert purse.is_spent
    assert purse.spent <= purse.limit
    assert judge_of(store).state == "stopped"
    asked = len(served.asked)
    assert 0 <= asked < QUESTIONS
    await grade_run(store, run_id, judge)
    assert judge_of(store).state == "done"
    assert set(served.asked.values()) == {1}
    assert len(grades.rows(store, [run_id])) == 8


async def test_batch_that_is_not_worked_on_costs_nothing(tmp_path: Path, served: BatchServer) -> None:
    served.script = Script(works=(Work(("expired",), replied=0), Work()))
    judge = spec(served.base_url)
    store, run_id = new_run(tmp_path / "s.sqlite", judge)
    purse = Budget(100 * most(served), "USD", PRICES)
    with spending(purse):
        await grade_run(store, run_id, judge)
    assert purse.spent == pytest.approx(QUESTIONS * OF_REPLY)
    assert judge_of(store).state == "done"
