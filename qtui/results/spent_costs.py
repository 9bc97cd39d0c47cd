"""What a run's judges, and its variants behind endpoints, used and cost, as the store counted it and at the prices of today."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.figures.costs import Asker, SpentCost
from qtui.figures.rounding import rounded
from qtui.files import toml_text
from qtui.prices import Price, Prices
from qtui.records import UNKNOWN_USAGE
from qtui.results.cost_reasons import no_batch_price, no_price
from qtui.store import Store, judges, runs, spending
from qtui.store.judges import StoredJudge
from qtui.store.spending import JudgeUsed, Used

NOT_COUNTED = "no tokens are counted"


def spent(store: Store, run_id: int, prices: Prices) -> tuple[SpentCost, ...]:
    """Return what the answers of endpoints and the grades of a run cost: variants first, then judges that asked an endpoint."""
    return tuple(rounded(cost) for cost in (*_variants(store, run_id, prices), *_judges(store, run_id, prices)))


def _judges(store: Store, run_id: int, prices: Prices) -> Iterator[SpentCost]:
    used = spending.of_judges(store, run_id)
    for judge in judges.of_run(store, run_id):
        found = used.get((judge.label, judge.fingerprint))
        if found is not None and judge.settings.get("kind") == "openai":
            yield _judge(judge, found, prices)


def _judge(judge: StoredJudge, used: JudgeUsed, prices: Prices) -> SpentCost:
    model, address = str(judge.settings.get("model", "")), judge.settings.get("base_url")
    price = prices.of(model, address)
    unknown = "" if price else no_price(model)
    money = None
    if price is not None:
        factor = price.batch_factor(address) if used.batch.known.requests else 1.0
        if factor is None:
            unknown = no_batch_price(model, endpoint.shown(address))
        else:
            money = _price(price, used.direct) + factor * _price(price, used.batch)
    return _cost(
        used.whole,
        asker="judge",
        name=judge.label,
        run_id=judge.run_id,
        batch_requests=used.batch.known.requests or 0,
        money=money,
        currency=price.currency if price else "",
        price_unknown=unknown,
    )


def _variants(store: Store, run_id: int, prices: Prices) -> Iterator[SpentCost]:
    used = spending.of_variants(store, run_id)
    if not used:
        return
    addresses = _addresses(runs.definition(store, run_id))
    for variant in runs.summaries(store, [run_id])[0].variants:
        if variant.id not in used:
            continue
        address = addresses.get((variant.model, variant.name))
        price = prices.of(variant.weights, address)
        yield _cost(
            used[variant.id],
            asker="variant",
            name=f"{variant.model} {variant.name}",
            run_id=run_id,
            batch_requests=0,
            money=_price(price, used[variant.id]) if price else None,
            currency=price.currency if price else "",
            price_unknown="" if price else no_price(variant.weights),
        )


def _cost(
    used: Used,
    *,
    asker: Asker,
    name: str,
    run_id: int,
    batch_requests: int,
    money: float | None,
    currency: str,
    price_unknown: str,
) -> SpentCost:
    if used.items and used.unknown == used.items:
        money, price_unknown = None, price_unknown or NOT_COUNTED
    exact = used.known if not used.unknown else UNKNOWN_USAGE
    has_cache = used.cache_unknown < used.items
    return SpentCost(
        asker=asker,
        name=name,
        run_id=run_id,
        items=used.items,
        requests=exact.requests,
        prompt_tokens=exact.prompt_tokens,
        cached_tokens=exact.cached_tokens if not used.cache_unknown else None,
        completion_tokens=exact.completion_tokens,
        unknown=used.unknown,
        known_requests=used.known.requests,
        known_prompt_tokens=used.known.prompt_tokens or 0,
        known_cached_tokens=used.known.cached_tokens if has_cache else None,
        known_completion_tokens=used.known.completion_tokens or 0,
        batch_requests=batch_requests,
        price=money,
        is_at_least=money is not None and used.unknown > 0,
        currency=currency,
        price_unknown=price_unknown,
    )


def _price(price: Price, used: Used) -> float:
    return price.of_tokens(
        used.known.prompt_tokens or 0, used.known.cached_tokens or 0, used.known.completion_tokens or 0
    )


def _addresses(definition: str) -> dict[tuple[str, str], str]:
    """The base_url of each variant of an experiment by (model, name), as far as its text can be read."""
    try:
        models: Any = toml_text.parse(definition, Path("the experiment")).get("models", [])
        return {
            (str(model["name"]), str(variant["name"])): str(variant["base_url"])
            for model in models
            for variant in model["variants"]
            if variant.get("base_url")
        }
    except (UserError, KeyError, TypeError, AttributeError):
        return {}
