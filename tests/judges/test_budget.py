"""A budget holds, whatever the endpoint counts and however many requests are under way at once."""

import asyncio
import random
import threading

import pytest

from qtui.endpoints import budget
from qtui.endpoints.budget import Budget, BudgetSpentError
from qtui.errors import UserError
from qtui.judges import Question, Reply, create_judge
from qtui.prices import Price, Prices
from qtui.records import JudgeSpec
from tests.judges.endpoint import Broken, Endpoint, Failure, Said, Say, endpoint

PRICE = Price(input=10.0, output=100.0, cached_input=5.0)
PRICES = Prices((("grader", PRICE),))
MAX_TOKENS = 200
GOOD = '{"reason": "r", "grade": 4}'


class Counting:
    """An endpoint that counts as one with a tokenizer of bytes does, and keeps what it would charge."""

    def __init__(self, say: Say | None = None, *, factor: float = 1.0) -> None:
        self.cost = 0.0
        self._say = say
        self._factor = factor
        self._random = random.Random(7)
        self._lock = threading.Lock()

    def __call__(self, prompt: str, number: int) -> "str | Said | Failure | Broken":
        said = self._say(prompt, number) if self._say else GOOD
        if not isinstance(said, str):
            return said
        with self._lock:
            tokens = round(len(prompt.encode()) * self._factor)
            cached = self._random.randrange(tokens)
            replied = self._random.randrange(1, MAX_TOKENS + 1)
            self.cost += PRICE.of_tokens(tokens, cached, replied)
        usage = {
            "prompt_tokens": tokens,
            "completion_tokens": replied,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return Said(said, usage=usage)


def ask(served: Endpoint, purse: Budget, questions: int, *, concurrency: int = 16) -> list[Reply | BaseException]:
    """Ask so many questions at once. Returns the replies, and the errors in place of replies."""

    async def all_of_them() -> list[Reply | BaseException]:
        spec = JudgeSpec(
            "openai",
            "grader",
            base_url=served.base_url,
            max_tokens=MAX_TOKENS,
            prompt="{pred}",
            concurrency=concurrency,
        )
        judge = create_judge(spec)
        with budget.spending(purse):
            try:
                asked = (judge.grade(Question("i", "r", "c", f"答え{i}" * (i % 9 + 1)), 1) for i in range(questions))
                return await asyncio.gather(*asked, return_exceptions=True)
            finally:
                await judge.close()

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("limit", [0.05, 0.2, 0.3])
def test_sixteen_requests_at_once_do_not_exceed_it(limit: float) -> None:
    counting, purse = Counting(), Budget(limit, "USD", PRICES)
    with endpoint(counting) as served:
        replies = ask(served, purse, 64)
    graded = [each for each in replies if isinstance(each, Reply)]
    assert counting.cost <= limit
    assert purse.spent == pytest.approx(counting.cost)
    assert purse.requests == len(served.prompts) >= len(graded) > 0
    assert all(isinstance(each, Reply | BudgetSpentError) for each in replies)


def test_it_is_used_until_the_next_request_could_be_too_expensive() -> None:
    counting, purse = Counting(), Budget(0.2, "USD", PRICES)
    with endpoint(counting) as served:
        ask(served, purse, 64)
    most = purse.bound("grader", served.base_url, 600, MAX_TOKENS).cost
    assert 0.2 - counting.cost < most


def test_what_is_paid_for_everything_stops_nothing() -> None:
    counting, purse = Counting(), Budget(100.0, "USD", PRICES)
    with endpoint(counting) as served:
        replies = ask(served, purse, 20)
    assert all(isinstance(each, Reply) and each.grade == 4 for each in replies)
    assert not purse.is_spent


def test_endpoint_that_counts_more_than_the_bound_is_learned_from_its_first_reply() -> None:
    counting, purse = Counting(factor=200.0), Budget(5.0, "USD", PRICES)
    with endpoint(counting) as served:
        ask(served, purse, 64)
    assert counting.cost <= 5.0


def test_replies_without_counts_are_charged_at_their_most_and_this_is_said() -> None:
    purse = Budget(0.2, "USD", PRICES)
    with endpoint(lambda *_: GOOD) as served:
        replies = ask(served, purse, 64)
    graded = [each for each in replies if isinstance(each, Reply)]
    assert 0 < len(graded) < 64
    assert purse.uncounted == purse.requests == len(graded)
    [words] = {str(each) for each in replies if isinstance(each, BudgetSpentError)}
    assert f"{len(graded)} of them charged at their most because their tokens are not known" in words


def test_lost_replies_are_charged_and_refusals_are_not() -> None:
    def say(_: str, number: int) -> str | Failure | Broken:
        return {0: Failure(500, {"error": {"message": "busy"}}), 1: Broken()}.get(number, GOOD)  # type: ignore[return-value]

    counting, purse = Counting(say), Budget(1.0, "USD", PRICES)
    with endpoint(counting) as served:
        [reply] = ask(served, purse, 1)
    assert isinstance(reply, Reply)
    assert (purse.requests, purse.uncounted) == (3, 1)
    assert purse.spent > counting.cost


def test_budget_that_pays_no_request_sends_none() -> None:
    with endpoint(Counting()) as served:
        [error] = ask(served, Budget(0.0001, "USD", PRICES), 1)
        assert isinstance(error, BudgetSpentError)
        assert served.prompts == []


@pytest.mark.parametrize("prices", [Prices(), Prices((("grader", Price(1.0, 1.0, currency="EUR")),))])
def test_without_a_price_in_its_currency_nothing_is_asked(prices: Prices) -> None:
    with endpoint(Counting()) as served:
        [error] = ask(served, Budget(1.0, "USD", prices), 1)
        assert isinstance(error, UserError)
        assert 'a budget needs a price in USD: [prices] of config.toml has none of "grader"' in str(error)
        assert served.prompts == []
