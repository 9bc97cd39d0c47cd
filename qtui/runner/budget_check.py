"""Whether a budget in money can be kept by a run: only where every request has a price, and all in one currency."""

from collections.abc import Sequence
from dataclasses import dataclass

from qtui.errors import UserError
from qtui.figures.costs import PlannedCost


@dataclass(frozen=True, slots=True)
class Money:
    """What the requests of a command may cost."""

    limit: float
    currency: str


def checked(limit: float | None, costs: Sequence[PlannedCost]) -> Money | None:
    """Return the budget for these requests; None if none is set. Raises UserError if it cannot be kept.

    If nothing is left to ask, no price is needed; a budget without a currency pays nothing.
    """
    if limit is None:
        return None
    asked = [cost for cost in costs if cost.requests[1]]
    unpriced = [f"{cost.asker} {cost.name}: {cost.price_unknown}" for cost in asked if cost.price is None]
    if unpriced:
        raise UserError(f"--budget needs the price of everything that is asked. {'; '.join(dict.fromkeys(unpriced))}.")
    variants = [cost.name for cost in asked if cost.asker == "variant"]
    if variants:
        raise UserError(
            f"--budget counts what judges ask, and not answers of variants: {', '.join(variants)} are asked at an endpoint, too."
            " Start without --budget and without judges first, then add the judges and start with --budget."
        )
    currencies = sorted({cost.currency for cost in asked})
    if len(currencies) > 1:
        raise UserError(f"--budget is in one currency, and these prices are in {' and '.join(currencies)}.")
    return Money(limit, currencies[0] if currencies else "")
