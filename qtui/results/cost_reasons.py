"""Why a price is unknown, in words."""


def no_price(model: str) -> str:
    """Return the reason where the user's table has no price of a model."""
    return f'[prices] of config.toml has no "{model}"'


def no_batch_price(model: str, address: str) -> str:
    """Return the reason where nobody has said what batches at an address cost."""
    return f'what {address} charges for batches is not known; set "batch" in [prices."{model}"] of config.toml'
