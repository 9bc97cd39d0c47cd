"""The user's requests to a running run: cancel, pause, resume. Parts of the runner wait for them."""

import asyncio


class Control:
    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.running = asyncio.Event()
        self.paused = asyncio.Event()
        """The opposite of `running`, so that code can wait for either."""
        self.reason = ""
        self.running.set()

    def cancel(self, reason: str) -> None:
        """Cancel the run. A paused run is resumed, so that it can end."""
        self.reason = self.reason or reason
        self.cancelled.set()
        self.resume()

    def pause(self) -> None:
        self.running.clear()
        self.paused.set()

    def resume(self) -> None:
        self.paused.clear()
        self.running.set()


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
