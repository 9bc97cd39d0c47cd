"""Waiting for what a pilot test expects: a condition, never a time."""

import time
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.notifications import Notification
from textual.pilot import Pilot

SECONDS = 60.0
"""Only a test that fails waits so long; a machine that is busy with other work is slow, and not wrong."""


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Let the app work until the condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "what the test waits for did not happen:\n" + screen_text(pilot)
        await pilot.pause(0.02)


async def until_shown(pilot: Pilot[Any], text: str) -> None:
    """Let the app work until the text is on the screen."""
    await until(pilot, lambda: text in screen_text(pilot))


def notices(app: App[Any]) -> list[Notification]:
    """The notices that the app shows now. Textual has no public name for them."""
    return list(app._notifications)


def screen_text(pilot: Pilot[Any]) -> str:
    """What the terminal shows, a line per row. Textual has no public name for it."""
    screen = pilot.app.screen
    strips = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)
