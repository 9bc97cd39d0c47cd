"""Costs on the command line: said before anything is asked, counted after, and never guessed."""

import json
import subprocess
import sys
from typing import Any

import pytest

from qtui.store import Store
from tests.judges.endpoint import Endpoint, Said, endpoint
from tests.priced import PER_REPLY, counted, set_price
from tests.runner.test_added_judge import judge, store, template

__all__ = ["store"]


def ask(store: Store, served: Endpoint, *more: str) -> "subprocess.CompletedProcess[str]":
    at = ("--model", "grader", "--base-url", served.base_url, "--prompt", template(store))
    return judge(store, "openai", *at, *more)


def planned(store: Store, served: Endpoint, *more: str) -> dict[str, Any]:
    done = ask(store, served, "--check", "--json", *more)
    assert done.returncode == 0, done.stderr
    [cost] = json.loads(done.stdout)["costs"]
    assert isinstance(cost, dict)
    return cost


def spent(store: Store) -> dict[str, Any]:
    command = ["runs", "1", "--json", "--store", str(store.path)]
    done = qtui(*command)
    assert done.returncode == 0, done.stderr
    [cost] = json.loads(done.stdout)["runs"][0]["costs"]
    assert isinstance(cost, dict)
    return cost


def qtui(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "qtui", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_check_asks_nothing_and_counts_what_the_endpoint_then_counts(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        before = planned(store, served, "--takes", "2")
        assert served.prompts == []
        assert ask(store, served, "--takes", "2").returncode == 0
        assert before["requests"] == [len(served.prompts)] * 2 == [4, 4]
        assert planned(store, served, "--takes", "3")["requests"] == [2, 2]


def test_price_before_holds_what_it_costs_after(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        low, high = planned(store, served)["price"]
        ask(store, served)
    after = spent(store)
    assert (after["requests"], after["prompt_tokens"], after["cached_tokens"], after["completion_tokens"]) == (
        2,
        2000,
        800,
        100,
    )
    assert after["price"] == pytest.approx(2 * PER_REPLY)
    assert low < high


def test_earlier_grades_of_the_judge_say_more_than_the_rule(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        assert "estimated from characters" in planned(store, served)["basis"]
        ask(store, served, "--takes", "5")
        before = planned(store, served, "--takes", "6")
    assert before["basis"] == "as 10 earlier grades of this judge"
    assert before["completion_tokens"] == [100, 100]
    low, high = before["prompt_tokens"]
    assert low <= 2000 <= high


def test_price_that_nobody_set_is_unknown_before_and_after(store: Store) -> None:
    with endpoint(lambda *_: counted()) as served:
        before = planned(store, served)
        done = ask(store, served)
    assert (before["price"], before["price_unknown"]) == (None, '[prices] of config.toml has no "grader"')
    assert "price unknown: [prices] of config.toml has no" in done.stderr
    assert (spent(store)["price"], spent(store)["prompt_tokens"]) == (None, 2000)


def test_tokens_that_are_not_counted_are_unknown_and_not_zero(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: '{"reason": "r", "grade": 4}') as served:
        done = ask(store, served)
    after = spent(store)
    assert (after["prompt_tokens"], after["completion_tokens"], after["unknown"]) == (None, None, 2)
    assert after["is_at_least"]
    assert "cost: judge openai:grader: at least 2 requests, at least 0 tokens in" in done.stderr


def test_part_that_is_not_counted_makes_the_price_a_least_one(store: Store) -> None:
    set_price()
    with endpoint(lambda _, number: counted() if number else Said('{"reason": "r", "grade": 4}')) as served:
        done = ask(store, served)
    after = spent(store)
    assert (after["prompt_tokens"], after["known_prompt_tokens"], after["price"]) == (None, 1000, PER_REPLY)
    assert f"at least {PER_REPLY:.3f} USD" in done.stderr


def test_command_says_before_what_it_asks_and_after_what_it_used(store: Store) -> None:
    set_price(more='currency = "EUR"')
    with endpoint(lambda *_: counted()) as served:
        done = ask(store, served)
    before, after = (line for line in done.stderr.splitlines() if line.startswith("cost:"))
    assert before.startswith("cost: judge openai:grader: 2 requests, ")
    assert after == "cost: judge openai:grader: 2 requests, 2,000 tokens in (800 cached), 100 out; 0.026 EUR"


def test_nothing_is_said_before_where_everything_is_graded(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        ask(store, served)
        done = ask(store, served)
        assert len(served.prompts) == 2
    assert len([line for line in done.stderr.splitlines() if line.startswith("cost:")]) == 1


def test_batch_price_elsewhere_is_unknown_until_it_is_set(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        before = planned(store, served, "--batch")
        assert before["price"] is None
        assert 'set "batch" in [prices."grader"]' in before["price_unknown"]
        low, high = planned(store, served)["price"]
        set_price(more="batch = 0.5")
        # One of the two questions may be asked directly, to learn the endpoint's settings.
        assert planned(store, served, "--batch")["price"] == pytest.approx([low / 2, high * 3 / 4], rel=1e-4)


def test_batch_costs_half_at_openai(store: Store) -> None:
    set_price("gpt")
    arguments = ("openai", "--model", "gpt", "--prompt", template(store), "--check", "--json")
    costs = [json.loads(judge(store, *arguments, *more).stdout)["costs"][0]["price"] for more in ((), ("--batch",))]
    (low, high), half = costs
    assert half == pytest.approx([low / 2, high * 3 / 4], rel=1e-4)


def test_reference_judge_costs_nothing(store: Store) -> None:
    done = judge(store, "reference")
    assert "cost:" not in done.stderr
    assert json.loads(qtui("runs", "1", "--json", "--store", str(store.path)).stdout)["runs"][0]["costs"] == []


def test_scores_have_the_costs_of_their_runs(store: Store) -> None:
    set_price()
    with endpoint(lambda *_: counted()) as served:
        ask(store, served)
    [cost] = json.loads(qtui("scores", "--json", "--store", str(store.path)).stdout)["costs"]
    assert (cost["run"], cost["price"]) == (1, pytest.approx(2 * PER_REPLY))


def test_run_that_is_not_there_is_said(store: Store) -> None:
    done = qtui("runs", "9", "--store", str(store.path))
    assert (done.returncode, "has no run 9" in done.stderr) == (1, True)


def test_mistake_in_the_prices_is_said_with_its_line(store: Store) -> None:
    set_price(more="batch = 7")
    done = qtui("runs", "1", "--store", str(store.path))
    assert done.returncode != 0
    assert 'config.toml:5: "batch" is a factor from 0 to 1, not 7' in done.stderr
