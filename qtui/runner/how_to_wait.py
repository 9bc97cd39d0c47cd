"""How a runner goes about its batches."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from qtui.endpoints.batches import Limits


@dataclass(frozen=True, slots=True)
class HowToWait:
    """How a runner goes about its batches."""

    leaves: bool = False
    """Whether it ends when all batches are submitted, and lets a later one fetch them."""
    limits: Limits = Limits()  # noqa: RUF009 - the record is frozen
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits some seconds."""
    again: bool = False
    """Whether what is *ungraded* is asked again, once: in as many batches as any question."""


WAITS = HowToWait()
