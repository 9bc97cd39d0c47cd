"""What the tokens of models cost: the table `[prices]` of the user's config.toml. qtui ships no price and guesses none.

A price belongs to a model by the name that its endpoint uses. With `base_url` it is in force at that address alone and goes before
one without. The same model at several addresses is an array of tables, `[[prices.MODEL]]`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from qtui.files import toml_text
from qtui.secrets import url_secrets

MILLION = 1_000_000
OPENAI_HOST = "api.openai.com"
OPENAI_BATCH = 0.5
"""OpenAI's own server charges half for what is asked in a batch, says its documentation of the Batch API."""
LONGEST_CURRENCY = 12


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, in `currency`."""

    input: float
    output: float
    cached_input: float | None = None
    """Of the input, what the endpoint had in its cache; None costs as much as other input."""
    currency: str = "USD"
    batch: float | None = None
    """Factor for what is asked in a batch; None is unknown, but for OpenAI's own server."""
    base_url: str | None = None

    def of_tokens(self, prompt: float, cached: float, completion: float) -> float:
        """Return what so many tokens cost outside of batches; `cached` are those of the prompt that were in the cache."""
        cached = min(cached, prompt)
        of_cached = self.input if self.cached_input is None else self.cached_input
        return ((prompt - cached) * self.input + cached * of_cached + completion * self.output) / MILLION

    def batch_factor(self, base_url: str | None) -> float | None:
        """Return what part of the price a batch at an address costs; None if nobody has said."""
        if self.batch is not None:
            return self.batch
        return OPENAI_BATCH if _place(base_url) == OPENAI_HOST else None


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of all models: (name of the model, price), in the order of the file."""

    entries: tuple[tuple[str, Price], ...] = ()

    def of(self, model: str, base_url: str | None) -> Price | None:
        """Return the price of a model at an address (None is OpenAI's own server); None if there is none."""
        named = [price for name, price in self.entries if name == model]
        at_address = [price for price in named if price.base_url and _place(price.base_url) == _place(base_url)]
        anywhere = [price for price in named if price.base_url is None]
        return next(iter((*at_address, *anywhere)), None)


NO_PRICES = Prices()
Problem = tuple[tuple[str | int, ...], str]
"""Where in the file, from `prices` on, and what is wrong there."""


def read(table: Any) -> tuple[Prices, list[Problem]]:
    """Return the prices of a table `[prices]`, and every problem of it."""
    if not isinstance(table, dict):
        return NO_PRICES, [
            (("prices",), '"prices" is a table: [prices."MODEL"], then input and output per million tokens')
        ]
    entries: list[tuple[str, Price]] = []
    problems: list[Problem] = []
    for place, model, values in _tables(table, ("prices",)):
        found = list(_problems(place, model, values))
        problems += found
        if not found:
            numbers: dict[str, Any] = {name: float(each) if _is_number(each) else each for name, each in values.items()}
            price = Price(**numbers)
            if any(name == model and _same_address(price, other) for name, other in entries):
                problems.append((place, f'"{model}" has two prices for one address; give each its own base_url'))
            entries.append((model, price))
    return Prices(tuple(entries)), problems


def _tables(table: Mapping[str, Any], place: tuple[str | int, ...], name: str = "") -> Iterator[tuple[Any, str, Any]]:
    """Yield (place, model, values) of each price.

    A name with a dot that is not in quotes, `[prices.gpt-4.1]`, is two nested tables for TOML, which are joined here.
    """
    for key, value in table.items():
        model, inner = f"{name}.{key}" if name else key, (*place, key)
        if isinstance(value, list):
            yield from (((*inner, number), model, each) for number, each in enumerate(value))
        elif isinstance(value, dict) and value and all(isinstance(each, dict | list) for each in value.values()):
            yield from _tables(value, inner, model)
        elif isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values()):
            # gpt-4 has a price, and gpt-4.1 too.
            own = {key: each for key, each in value.items() if not isinstance(each, dict | list)}
            yield inner, model, own
            yield from _tables({key: each for key, each in value.items() if key not in own}, inner, model)
        else:
            yield inner, model, value


def _problems(place: tuple[str | int, ...], model: str, values: Any) -> Iterable[Problem]:
    if not isinstance(values, dict):
        example = f'write [prices."{model}"], then input = … and output = … on lines of their own'
        yield place, f'"{model}" is a table of prices per million tokens, not {toml_text.shown(values)}; {example}'
        return
    known = [each.name for each in fields(Price)]
    for key, value in values.items():
        if key not in known:
            yield (*place, key), f'no key "{key}" (known: {", ".join(known)})'
        elif problem := _value_problem(key, value):
            yield (*place, key), f'"{key}" {problem}, not {toml_text.shown(value)}'
    for key in ("input", "output"):
        if key not in values:
            yield place, f'"{model}" has no "{key}", the price of a million tokens'
    if _has_secret(values.get("base_url")):
        secret = (
            "contains a password or key; write the address without it, or ${NAME} in its place, as the judge has it"
        )
        yield (*place, "base_url"), f'"base_url" {secret}'


def _value_problem(key: str, value: Any) -> str:
    """What a value should be; empty if it is that."""
    if key == "base_url":
        return "" if isinstance(value, str) and _is_address(value) else "is an address in quotes, as the judge has it"
    if key == "currency":
        is_one = (
            isinstance(value, str) and 0 < len(value) <= LONGEST_CURRENCY and value.isprintable() and " " not in value
        )
        return "" if is_one else 'is a currency in quotes, e.g. "EUR"'
    if not _is_number(value) or not 0 <= value <= MILLION:
        return "is a price per million tokens, a number from 0 on" if key != "batch" else "is a factor from 0 to 1"
    return "is a factor from 0 to 1" if key == "batch" and value > 1 else ""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_address(text: str) -> bool:
    return bool(text.strip()) and not any(each.isspace() or not each.isprintable() for each in text)


def _has_secret(address: Any) -> bool:
    if not isinstance(address, str):
        return False
    return not all(url_secrets.is_placeholder(address[start:end]) for start, end in url_secrets.spans(address))


def _same_address(one: Price, other: Price) -> bool:
    if one.base_url is None or other.base_url is None:
        return one.base_url is other.base_url
    return _place(one.base_url) == _place(other.base_url)


def _place(base_url: str | None) -> str:
    """An address without what does not tell servers apart: secrets, a slash at its end, the path of OpenAI's own server."""
    if base_url is None:
        return OPENAI_HOST
    shown = url_secrets.masked(base_url, placeholders=True).rstrip("/")
    try:
        host = urlsplit(shown).hostname
    except ValueError:
        host = None
    return OPENAI_HOST if host == OPENAI_HOST else shown
