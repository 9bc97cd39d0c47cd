from dataclasses import replace

import pytest

from qtui.charts.cost_words import planned_line, planned_total, spent_line, spent_total
from qtui.figures.costs import PlannedCost, SpentCost
from qtui.format import amount, money

PLANNED = PlannedCost(
    asker="judge", name="openai:m", run_id=None, requests=(0, 208), prompt_tokens=(0, 250_400), completion_tokens=(0, 212_992),
    basis="estimated", is_batch=False, price=(0.0, 0.1654), currency="USD", price_unknown="",
)  # fmt: skip
SPENT = SpentCost(
    asker="judge", name="openai:m", run_id=1, items=120, requests=120, prompt_tokens=51_200, cached_tokens=40_960,
    completion_tokens=9_800, unknown=0, known_requests=120, known_prompt_tokens=51_200, known_cached_tokens=40_960,
    known_completion_tokens=9_800, batch_requests=0, price=0.0121, is_at_least=False, currency="USD", price_unknown="",
)  # fmt: skip


def test_what_may_come_is_a_bound() -> None:
    assert planned_line(PLANNED) == (
        "judge openai:m: at most 208 requests, up to 250k tokens in, up to 213k out (estimated); 0.00–0.17 USD"
    )


def test_what_is_certain_is_a_number() -> None:
    exact = replace(PLANNED, requests=(1, 1), prompt_tokens=(900, 900), completion_tokens=(0, 20), price=(0.1, 0.1))
    assert planned_line(exact) == "judge openai:m: 1 request, 900 tokens in, up to 20 out (estimated); 0.10 USD"


def test_price_that_is_unknown_says_why() -> None:
    unknown = replace(PLANNED, price=None, price_unknown="[prices] has none")
    assert planned_line(unknown).endswith("; price unknown: [prices] has none")
    assert list(planned_total([PLANNED, PLANNED, unknown])) == [
        "all together: 0.00–0.33 USD, without 1 whose price is unknown"
    ]


def test_nothing_left_to_ask_is_said() -> None:
    done = replace(PLANNED, requests=(0, 0), prompt_tokens=(0, 0), completion_tokens=(0, 0))
    assert planned_line(done) == "judge openai:m: no requests; everything is in the store"


def test_currencies_are_not_added() -> None:
    assert list(planned_total([PLANNED, replace(PLANNED, currency="EUR")])) == []
    assert list(spent_total([SPENT, replace(SPENT, currency="EUR"), SPENT])) == ["all together: 0.024 USD"]


def test_what_was_used() -> None:
    assert spent_line(SPENT) == "judge openai:m: 120 requests, 51,200 tokens in (40,960 cached), 9,800 out; 0.012 USD"


def test_unknown_counts_are_said() -> None:
    some = replace(
        SPENT,
        requests=None,
        prompt_tokens=None,
        cached_tokens=None,
        completion_tokens=None,
        unknown=20,
        is_at_least=True,
    )
    assert spent_line(some) == (
        "judge openai:m: at least 120 requests, at least 51,200 tokens in (at least 40,960 cached), 9,800 out"
        " (of 20 of 120 grades unknown); at least 0.012 USD"
    )
    nothing = replace(some, unknown=120, price=None, price_unknown="no tokens are counted")
    assert spent_line(nothing) == (
        "judge openai:m: 120 grades, requests and tokens unknown; price unknown: no tokens are counted"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00 USD"),
        (1234.5, "1,234.50 USD"),
        (0.1, "0.10 USD"),
        (0.0042, "0.0042 USD"),
        (0.00001234, "0.000012 USD"),
    ],
)
def test_money(value: float, text: str) -> None:
    assert money(value, "USD") == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (1_500, "1.5k"), (45_300, "45k"), (1_340_000, "1.3M"), (45e6, "45M")]
)
def test_amount(number: float, text: str) -> None:
    assert amount(number) == text
