"""A budget in money for the requests of a command: asked before each request, told what each used.

Before a request is sent its most expensive outcome is reserved: every byte of the prompt a token, none of it cached, and a reply as
long as its limit. So the budget holds however many requests are under way. A request that does not fit waits until others are over,
because they use less than was reserved for them; if none is under way, the budget is spent. The first request goes alone: it
shows whether the endpoint counts more than the bound, and what is reserved for the others grows by as much.

A request whose usage nobody knows (the endpoint counts nothing, or the reply was lost) is charged as reserved, and the end says so.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from qtui.endpoints import completion
from qtui.endpoints.allowance import SpentError
from qtui.endpoints.sending import Received
from qtui.errors import UserError
from qtui.format import money
from qtui.prices import Price, Prices
from qtui.records import Usage

TOLERANCE = 1e-9
"""Sums of floating-point numbers are off by less, as a share of the budget."""


class BudgetSpentError(SpentError):
    """The budget does not pay the next request. Nothing is wrong with the judge: the same command goes on later."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that one request costs."""

    price: Price
    prompt_tokens: int
    completion_tokens: int

    @property
    def cost(self) -> float:
        most_per_token = max(self.price.input, self.price.cached_input or 0.0)
        return (self.prompt_tokens * most_per_token + self.completion_tokens * self.price.output) / 1e6


class Budget:
    """What a command may spend on requests, shared by all that it asks. Belongs to one event loop."""

    def __init__(self, limit: float, currency: str, prices: Prices) -> None:
        self.limit = limit
        self.currency = currency
        self._prices = prices
        self.spent = 0.0
        """What the requests that are over cost; those whose usage is unknown as reserved."""
        self.requests = 0
        self.uncounted = 0
        """Requests that were charged as reserved."""
        self.is_spent = False
        """Whether a request did not fit any more."""
        self._reserved = 0.0
        self._under_way = 0
        self._factor = 1.0
        """How much more than its bound a request cost at most."""
        self._is_proven = False
        """Whether a request has shown what the endpoint counts."""
        self._changed = asyncio.Event()

    @property
    def left(self) -> float:
        """What is neither spent nor reserved."""
        return max(0.0, self.limit - self.spent - self._reserved)

    def bound(self, model: str, base_url: str | None, prompt_tokens: int, completion_tokens: int) -> Bound:
        """Return the most that a request of these sizes costs. Raises UserError if the model has no price in this currency."""
        price = self._prices.of(model, base_url)
        if price is None or price.currency != self.currency:
            in_currency = f" in {self.currency}" if self.currency else ""
            raise UserError(f'a budget needs a price{in_currency}: [prices] of config.toml has none of "{model}".')
        return Bound(price, prompt_tokens, completion_tokens)

    def batch_factor(self, bound: Bound, base_url: str | None) -> float:
        """Return what part of the price a batch at an address costs. Raises UserError if nobody has said."""
        factor = bound.price.batch_factor(base_url)
        if factor is None:
            raise UserError('a budget needs to know what a batch costs: set "batch" in [prices] of config.toml.')
        return factor

    async def enter(self, bound: Bound) -> float:
        """Reserve what a request costs at most, and return that. Raises BudgetSpentError if it does not fit any more."""
        while True:
            if self.is_spent:
                raise BudgetSpentError(self.in_words)
            cost = bound.cost * self._factor
            is_alone = self._under_way == 0
            if (self._is_proven or is_alone) and self._fits(cost):
                self._reserved += cost
                self._under_way += 1
                return cost
            if is_alone:
                raise self.stop()
            await self._changed.wait()

    def stop(self) -> BudgetSpentError:
        """Note that the budget does not pay what is left to ask. Return the error to raise."""
        self.is_spent = True
        self._notify()
        return BudgetSpentError(self.in_words)

    def leave(self, reserved: float, bound: Bound, used: Usage | None) -> None:
        """Note that a request is over, and what it used; None or unknown counts are charged as reserved."""
        self._reserved = max(0.0, self._reserved - reserved)
        self._under_way -= 1
        self.requests += 1
        # Any reply shows what the endpoint counts, or that it counts nothing. A refusal shows neither.
        self._is_proven = self._is_proven or (used is not None and used.prompt_tokens != 0)
        self.spent += self._cost(reserved, bound, used)
        self._notify()

    def reserve(self, bound: Bound, factor: float) -> float | None:
        """Reserve what a question of a batch costs at most, and return that; None if it does not fit. `settle` ends it."""
        cost = bound.cost * factor * self._factor
        if self.is_spent or not self._fits(cost):
            return None
        self._reserved += cost
        return cost

    def settle(self, reserved: float, bound: Bound, factor: float, used: Usage) -> None:
        """Note what a question of a batch used, for which so much was reserved; unknown counts are charged as reserved."""
        self._reserved = max(0.0, self._reserved - reserved)
        self.requests += used.requests or 0
        if used.requests != 0:
            self.spent += self._cost(reserved, bound, used, factor)
        self._notify()

    @property
    def in_words(self) -> str:
        """`the budget of 5.00 USD is spent: 4.98 USD for 312 requests`."""
        unknown = ""
        if self.uncounted:
            unknown = f", {self.uncounted} of them charged at their most because their tokens are not known"
        spent = f"{money(self.spent, self.currency)} for {self.requests} requests{unknown}"
        return f"the budget of {money(self.limit, self.currency)} is spent: {spent}; the next request could cost more than is left"

    def _cost(self, reserved: float, bound: Bound, used: Usage | None, factor: float = 1.0) -> float:
        if used is None or used.prompt_tokens is None or used.completion_tokens is None:
            self.uncounted += 1
            return reserved
        cost = bound.price.of_tokens(used.prompt_tokens, used.cached_tokens or 0, used.completion_tokens)
        if cost > bound.cost > 0:
            self._factor = max(self._factor, cost / bound.cost)
        return cost * factor

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _fits(self, cost: float) -> bool:
        return self.spent + self._reserved + cost <= self.limit * (1 + TOLERANCE)


_BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)


def current() -> Budget | None:
    """Return the budget of the requests of this task; None if they may cost what they will."""
    return _BUDGET.get()


@contextmanager
def spending(budget: Budget | None) -> Iterator[None]:
    """Let everything that is asked within the block be paid from a budget, tasks that begin there included."""
    token = _BUDGET.set(budget)
    try:
        yield
    finally:
        _BUDGET.reset(token)


def used_by(received: Received) -> Usage | None:
    """Return what one request used; None if nobody knows: no reply came. A refusal uses nothing."""
    if received.headers is None:
        return None
    return completion.usage(received.body) if received.is_ok else Usage(1, 0, 0, 0)
