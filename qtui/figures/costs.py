"""What the requests to endpoints will cost, before they are sent, and what they cost, after."""

from dataclasses import dataclass
from typing import Annotated, Literal

from qtui.figures.rounding import Decimals, Significant

Asker = Literal["judge", "variant"]
Span = tuple[float, float]
Tokens = Annotated[Span, Decimals(0)]
Money = Annotated[float | None, Significant(6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCost:
    """What one judge, or one variant behind an endpoint, will use, from the least to the most. Requests in vain are not in it."""

    asker: Asker
    name: str
    run_id: int | None
    """The run whose answers are there already; None for an experiment that has no run yet."""
    requests: tuple[int, int]
    prompt_tokens: Tokens
    completion_tokens: Tokens
    basis: str
    """How the tokens are known: estimated by a rule, or as earlier grades of this judge used them."""
    is_batch: bool
    price: Annotated[Span | None, Significant(6)]
    """In `currency`; None is unknown, see `price_unknown`."""
    currency: str
    price_unknown: str
    """Why the price is unknown; empty if it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpentCost:
    """What the grades of one judge, or the answers of one variant behind an endpoint, used. A count that is unknown is None."""

    asker: Asker
    name: str
    run_id: int
    items: int
    """Number of grades or answers."""
    requests: int | None
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    unknown: int
    """Number of grades or answers whose tokens are not known: an older qtui or an import, an endpoint that does not count, a reply
    that was lost."""
    known_requests: int | None
    """What those used that are known; None if nothing counts it."""
    known_prompt_tokens: int
    known_cached_tokens: int | None
    known_completion_tokens: int
    batch_requests: int
    """Those of the requests that were asked in batches."""
    price: Money
    """Of what is known, in `currency`, at the prices that are set now; None is unknown, see `price_unknown`."""
    is_at_least: bool
    """Whether the price leaves out what is unknown."""
    currency: str
    price_unknown: str
