"""Answers that another run computes at this moment: they are waited for and linked, not computed twice.

A runner waits only when it has computed and given up all that it claimed itself (see `qtui.store.claims`), so two runners never
wait for each other. If the other one ends, pauses or dies, what it has not computed is free, and is computed here.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice

from qtui.format import count
from qtui.runner.control import Control
from qtui.store import Store, answers, claims
from qtui.store.answers import Link

LOOK_SECONDS = 0.5
KEYS_PER_LOOK = 500


async def link_as_they_arrive(
    store: Store, run_id: int, places: Mapping[str, Sequence[Link]], control: Control
) -> AsyncIterator[set[str]]:
    """Link answers of another run when they are stored, and yield their keys. `places` is key → where the answer belongs.

    Ends when all are linked, when one of them is computed by no runner any more, and when the run is cancelled.
    """
    left = dict(places)
    while left and not control.cancelled.is_set():
        # The others come later: a runner computes its answers in about this order.
        looked_at = dict(islice(left.items(), KEYS_PER_LOOK))
        # Claims first: what is stored between the two looks is found by the second.
        claimed = claims.of_others(store, run_id, looked_at)
        stored = answers.link_stored(store, [(link, key) for key, links in looked_at.items() for link in links])
        for key in stored:
            del left[key]
        if stored:
            yield stored
        if looked_at.keys() - stored - claimed.keys():
            return
        if len(stored) < len(looked_at):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await control.cancelled.wait()


def in_words(elsewhere: Mapping[str, int]) -> str:
    """Return what a variant waits for. `elsewhere` is key → the run that computes the answer."""
    runs = Counter(elsewhere.values())
    named = " and ".join(f"run {run} ({count(number, 'answer')})" for run, number in sorted(runs.items()))
    return f"waiting for answers that are being computed by {named}"
