"""How a command grades: what it chose beyond the experiment. Handed to the runner's process as arguments."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qtui import config
from qtui.endpoints.allowance import Allowance, RequestLimit
from qtui.endpoints.budget import Budget
from qtui.figures.costs import PlannedCost
from qtui.runner import budget_check

AGAIN, DECIDED = "ungraded", "decided"


@dataclass(frozen=True, slots=True)
class HowToGrade:
    leaves_batches: bool = False
    """Whether the runner ends when the batches of judges are submitted, and a later one fetches them."""
    asks_again: bool = False
    """Whether what is *ungraded* is asked again, once."""
    most_requests: int | None = None
    """The most requests to judges; None is any number."""
    until_decided: bool = False
    """Whether a pair is graded until its verdict at the margin of config.toml is reached."""

    budget: float | None = None
    """What the requests of judges may cost; None is any sum."""
    currency: str = ""
    """Of the budget; known when the prices of what is asked are."""

    def arguments(self) -> list[str]:
        """Return the arguments of the runner's process."""
        return [
            *(["--detach-batch"] if self.leaves_batches else []),
            *(["--retry", AGAIN] if self.asks_again else []),
            *(["--requests", str(self.most_requests)] if self.most_requests is not None else []),
            *(["--until", DECIDED] if self.until_decided else []),
            *(["--budget", repr(self.budget)] if self.budget is not None else []),
            *(["--currency", self.currency] if self.currency else []),
        ]

    def until_margin(self) -> float | None:
        """Return the margin of the verdicts that are enough, in grades of 1–5; None if everything is graded."""
        return config.load().margin if self.until_decided else None

    def checked(self, costs: Sequence[PlannedCost]) -> "HowToGrade":
        """Return this with the currency of the budget. Raises UserError if these costs have no price in one currency."""
        money = budget_check.checked(self.budget, costs)
        return self if money is None else replace(self, budget=money.limit, currency=money.currency)

    def purse(self) -> Budget | None:
        """Return a new budget for the runner's requests; None if they may cost any sum."""
        return None if self.budget is None else Budget(self.budget, self.currency, config.load().prices)

    def allowance(self) -> Allowance | None:
        """Return a new allowance for the runner's requests; None if it may send any number."""
        return None if self.most_requests is None else RequestLimit(self.most_requests)


AS_USUAL = HowToGrade()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `HowToGrade.arguments` to the parser of the runner's process."""
    parser.add_argument("--detach-batch", action="store_true", help="end when the batches of judges are submitted")
    parser.add_argument("--retry", choices=[AGAIN], help="ask again what is ungraded")
    parser.add_argument("--budget", type=float, help="what requests may cost, in --currency")
    parser.add_argument("--currency", default="")
    parser.add_argument("--until", choices=[DECIDED], help="grade a pair until its verdict is reached")
    parser.add_argument("--requests", type=int, help="send at most so many requests to judges")


def from_arguments(arguments: argparse.Namespace) -> HowToGrade:
    """Return what the parsed arguments say."""
    return HowToGrade(
        leaves_batches=arguments.detach_batch,
        asks_again=arguments.retry == AGAIN,
        most_requests=arguments.requests,
        until_decided=arguments.until == DECIDED,
        budget=arguments.budget,
        currency=arguments.currency,
    )
