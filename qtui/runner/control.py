"""What the user wants of a run that is going on: cancel, hold, go on. Parts of the runner wait on it."""

import asyncio


class Control:
    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.going = asyncio.Event()
        self.held = asyncio.Event()
        """The opposite of `going`, to be waited for."""
        self.reason = ""
        self.going.set()

    def cancel(self, reason: str) -> None:
        """Ends everything; a held run is let go so that it can end."""
        self.reason = self.reason or reason
        self.cancelled.set()
        self.go_on()

    def hold(self) -> None:
        self.going.clear()
        self.held.set()

    def go_on(self) -> None:
        self.held.clear()
        self.going.set()


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
