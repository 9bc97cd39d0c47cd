"""How many answers are computed at once if the experiment does not set it: as many as the device benefits from.

The number is part of an answer's key, because batches of different sizes round differently. So it depends only on the device, not
on the memory that is currently free. If memory is short, an engine uses fewer slots and records the number in its facts.
"""

from qtui.records import VariantSpec

_DEVICE_SLOTS = {"cpu": 16, "metal": 32, "vulkan": 32, "rocm": 64, "cuda": 64}
"""Slots by accelerator. On two CPU cores, 150 M parameters in Q4_K_M: 8 slots 243 tokens per second, 16 slots 310, 32 slots 322."""

_ENDPOINT_SLOTS = 8
"""Concurrent requests that a server accepts from one user."""


def slots_for(variant: VariantSpec, accelerator: str) -> int:
    """Return the number of slots of a variant. `accelerator`: what it is computed on, as returned by `available.accelerator`."""
    if variant.slots is not None:
        return variant.slots
    return _ENDPOINT_SLOTS if variant.engine == "openai" else _DEVICE_SLOTS[accelerator]
