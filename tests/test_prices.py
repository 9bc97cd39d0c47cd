"""The table `[prices]` of config.toml: which price is in force where, and every mistake with its place."""

from pathlib import Path

import pytest

from qtui import config, paths
from qtui.errors import UserError
from qtui.prices import Price, Prices

HERE = "http://localhost:8000/v1"


def write(text: str) -> Path:
    path = paths.config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_no_price_is_shipped() -> None:
    assert config.load().prices == Prices()


def test_price_is_that_of_the_model_with_the_currency_that_is_named() -> None:
    write('[prices."m"]\ninput = 1\noutput = 2.5\ncached_input = 0.25\ncurrency = "JPY"\nbatch = 0.6\n')
    assert config.load().prices.of("m", HERE) == Price(1.0, 2.5, 0.25, "JPY", 0.6)
    assert config.load().prices.of("n", HERE) is None


def test_currency_is_dollars_unless_said() -> None:
    write('[prices."m"]\ninput = 0\noutput = 0\n')
    price = config.load().prices.of("m", None)
    assert price is not None
    assert (price.currency, price.cached_input) == ("USD", None)


@pytest.mark.parametrize("name", ["gpt-4.1", '"gpt-4.1"'])
def test_name_with_a_dot_may_be_without_quotes(name: str) -> None:
    write(f"[prices.gpt-4]\ninput = 3\noutput = 4\n[prices.{name}]\ninput = 1\noutput = 2\n")
    assert config.load().prices.of("gpt-4.1", None) == Price(1.0, 2.0)
    assert config.load().prices.of("gpt-4", None) == Price(3.0, 4.0)


def test_price_at_an_address_goes_before_one_without() -> None:
    write(f'[[prices.m]]\ninput = 1\noutput = 2\n[[prices.m]]\ninput = 3\noutput = 4\nbase_url = "{HERE}/"\n')
    prices = config.load().prices
    assert [prices.of("m", address).input for address in (HERE, "http://other/v1", None)] == [3.0, 1.0, 1.0]  # type: ignore[union-attr]


def test_price_at_an_address_alone_is_none_elsewhere() -> None:
    write(f'[prices.m]\ninput = 1\noutput = 2\nbase_url = "{HERE}"\n')
    assert config.load().prices.of("m", "http://other/v1") is None


def test_address_with_a_placeholder_is_that_of_the_judge() -> None:
    write('[prices.m]\ninput = 1\noutput = 2\nbase_url = "https://me:${PASSWORD}@host/v1"\n')
    assert config.load().prices.of("m", "https://me:${PASSWORD}@host/v1") is not None


def test_batch_costs_half_at_openai_alone() -> None:
    price = Price(1.0, 2.0)
    assert [price.batch_factor(at) for at in (None, "https://api.openai.com/v1/", HERE)] == [0.5, 0.5, None]
    assert Price(1.0, 2.0, batch=0.8).batch_factor(None) == 0.8
    assert Price(1.0, 2.0, batch=0.8).batch_factor(HERE) == 0.8


def test_cached_tokens_have_their_price_or_that_of_others() -> None:
    assert Price(2.0, 10.0, 0.5).of_tokens(1_000_000, 400_000, 100_000) == pytest.approx(1.2 + 0.2 + 1.0)
    assert Price(2.0, 10.0).of_tokens(1_000_000, 400_000, 100_000) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('prices = "m"', ':1: "prices" is a table: [prices."MODEL"], then input and output per million tokens'),
        (
            "[prices]\nm = 3",
            ':2: "m" is a table of prices per million tokens, not 3; write [prices."m"], then input = …',
        ),
        ("[prices.m]\ninput = 1", ':1: "m" has no "output", the price of a million tokens'),
        ("[prices.m]\ninput = 1\noutput = 1\nouput = 1", ':4: no key "ouput" (known: input, output, cached_input,'),
        ("[prices.m]\noutput = 1\ninput = -1", ':3: "input" is a price per million tokens, a number from 0 on, not -1'),
        (
            "[prices.m]\noutput = 1\ninput = nan",
            ':3: "input" is a price per million tokens, a number from 0 on, not nan',
        ),
        (
            '[prices.m]\noutput = 1\ninput = "1"',
            ':3: "input" is a price per million tokens, a number from 0 on, not "1"',
        ),
        (f"[prices.m]\noutput = 1\ninput = {'9' * 400}", ':3: "input" is a price per million tokens'),
        (
            "[prices.m]\ninput = true\noutput = 1",
            ':2: "input" is a price per million tokens, a number from 0 on, not true',
        ),
        ("[prices.m]\ninput = 1\noutput = 1\nbatch = 2", ':4: "batch" is a factor from 0 to 1, not 2'),
        (
            "[prices.m]\ninput = 1\noutput = 1\ncurrency = 3",
            ':4: "currency" is a currency in quotes, e.g. "EUR", not 3',
        ),
        ('[prices.m]\ninput = 1\noutput = 1\nbase_url = ""', ':4: "base_url" is an address in quotes'),
        (
            '[prices.m]\ninput = 1\noutput = 1\nbase_url = "https://u:secret@h/v1"',
            ':4: "base_url" contains a password or key',
        ),
        (
            "[[prices.m]]\ninput = 1\noutput = 1\n[[prices.m]]\ninput = 2\noutput = 1",
            ':4: "m" has two prices for one address',
        ),
    ],
)
def test_mistake_is_named_with_file_line_and_key(text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(UserError) as raised:
        config.load()
    assert str(raised.value).startswith(f"{path}{message}")
    assert "secret@" not in str(raised.value)
