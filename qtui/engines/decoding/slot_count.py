"""How many answers are under way at once where the experiment does not say: as many as the device gains from.

The number is part of an answer's key, because a batch of another size rounds differently. So it depends on the device alone, and
not on the memory that happens to be free: where that is short, an engine takes fewer and says so among its facts.
"""

from qtui.records import VariantSpec

_OF_DEVICE = {"cpu": 16, "metal": 32, "vulkan": 32, "rocm": 64, "cuda": 64}
"""On two cores, 150 M parameters in Q4_K_M: 8 slots 243 tokens a second, 16 slots 310, 32 slots 322."""
_OF_ENDPOINT = 8
"""Requests in flight: what a server takes from one user without refusing."""


def of(variant: VariantSpec, accelerator: str) -> int:
    """`accelerator` is what the variant is computed on, as in `available.accelerator`."""
    if variant.slots is not None:
        return variant.slots
    return _OF_ENDPOINT if variant.engine == "openai" else _OF_DEVICE[accelerator]
