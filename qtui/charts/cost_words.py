"""Costs in words: a sentence for what a judge or variant will use and for what it used. The caller makes them safe."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from qtui.figures.costs import PlannedCost, SpentCost
from qtui.format import amount, count, money


def planned_line(cost: PlannedCost) -> str:
    """`judge openai:m: 120 requests, 45k–75k tokens in, up to 123k out (estimated …); 0.01–0.09 USD`."""
    low, high = cost.requests
    if high == 0:
        return f"{cost.asker} {cost.name}: no requests; everything is in the store"
    requests = count(high, "request") if low == high else f"at most {count(high, 'request')}"
    tokens = f"{_span(cost.prompt_tokens)} tokens in, {_span(cost.completion_tokens)} out ({cost.basis})"
    how = " in batches" if cost.is_batch else ""
    return f"{cost.asker} {cost.name}: {requests}{how}, {tokens}; {_planned_price(cost)}"


def planned_total(costs: Sequence[PlannedCost]) -> Iterator[str]:
    """Yield the sum for each currency, where several costs have a price."""
    priced = sorted((cost for cost in costs if cost.price is not None), key=lambda cost: cost.currency)
    for currency, group in groupby(priced, key=lambda cost: cost.currency):
        spans = [cost.price for cost in group if cost.price is not None]
        if len(spans) > 1:
            total = _money_span((sum(low for low, _ in spans), sum(high for _, high in spans)), currency)
            unpriced = sum(cost.price is None for cost in costs)
            yield f"all together: {total}" + (f", without {unpriced} whose price is unknown" if unpriced else "")


def spent_line(cost: SpentCost) -> str:
    """`judge openai:m: 120 requests, 51,200 tokens in (40,960 cached), 9,800 out; 0.0121 USD`."""
    noun = "grade" if cost.asker == "judge" else "answer"
    return f"{cost.asker} {cost.name}: {_used(cost, noun)}; {_spent_price(cost)}"


def spent_total(costs: Sequence[SpentCost]) -> Iterator[str]:
    """Yield the sum for each currency, where several costs have a price."""
    priced = sorted((cost for cost in costs if cost.price is not None), key=lambda cost: cost.currency)
    for currency, group in groupby(priced, key=lambda cost: cost.currency):
        found = list(group)
        if len(found) > 1:
            is_least = any(cost.is_at_least for cost in found) or len(priced) < len(costs)
            total = money(sum(cost.price or 0.0 for cost in found), currency)
            yield f"all together: {'at least ' if is_least else ''}{total}"


def _used(cost: SpentCost, noun: str) -> str:
    if cost.items and cost.unknown == cost.items:
        return f"{count(cost.items, noun)}, requests and tokens unknown"
    requests = "" if cost.known_requests is None else f"{_known(cost.requests, cost.known_requests, 'request')}, "
    counted = "" if cost.known_requests is not None else f"{count(cost.items, noun)}, "
    least = "" if cost.prompt_tokens is not None else "at least "
    cached = "" if cost.known_cached_tokens is None else f" ({cost.known_cached_tokens:,} cached)"
    if cost.known_cached_tokens is not None and cost.cached_tokens is None:
        cached = f" (at least {cost.known_cached_tokens:,} cached)" if cost.known_cached_tokens else " (cached unknown)"
    tokens = f"{least}{cost.known_prompt_tokens:,} tokens in{cached}, {cost.known_completion_tokens:,} out"
    unknown = f" (of {cost.unknown} of {count(cost.items, noun)} unknown)" if cost.unknown else ""
    return f"{requests}{counted}{tokens}{unknown}"


def _known(exact: int | None, known: int, noun: str) -> str:
    return count(known, noun) if exact is not None else f"at least {count(known, noun)}"


def _spent_price(cost: SpentCost) -> str:
    if cost.price is None:
        return f"price unknown: {cost.price_unknown}"
    return f"{'at least ' if cost.is_at_least else ''}{money(cost.price, cost.currency)}"


def _planned_price(cost: PlannedCost) -> str:
    if cost.price is None:
        return f"price unknown: {cost.price_unknown}"
    return _money_span(cost.price, cost.currency)


def _money_span(span: tuple[float, float], currency: str) -> str:
    low, high = money(span[0], currency), money(span[1], currency)
    return high if low == high else f"{low.removesuffix(f' {currency}')}–{high}"


def _span(tokens: tuple[float, float]) -> str:
    low, high = amount(tokens[0]), amount(tokens[1])
    return high if low == high else f"up to {high}" if tokens[0] == 0 else f"{low}–{high}"
