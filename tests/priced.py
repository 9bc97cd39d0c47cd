"""Prices in the user's config.toml, and an endpoint that counts as OpenAI's does."""

from qtui import paths
from tests.judges.endpoint import Said

PROMPT_TOKENS, CACHED_TOKENS, COMPLETION_TOKENS = 1000, 400, 50
USAGE = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": COMPLETION_TOKENS,
    "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
}
PER_REPLY = (600 * 10 + 400 * 5 + 50 * 100) / 1e6
"""What one such reply costs at the price of `set_price`."""


def set_price(model: str = "grader", more: str = "") -> None:
    """Write a price into config.toml: 10 per million tokens in, 5 of those cached, 100 out."""
    path = paths.config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'[prices."{model}"]\ninput = 10\ncached_input = 5\noutput = 100\n{more}\n', encoding="utf-8")


def counted(text: str = '{"reason": "r", "grade": 4}') -> Said:
    """Return a reply with its counts."""
    return Said(text, usage=USAGE)
