"""How much of its slots an engine left idle, kept apart by the case that was timed.

An engine's facts are those of its last answers alone, and several cases take turns on one engine: each share is read right after
its own case, or it is another's.
"""

from collections.abc import Sequence

from qtui.engines.protocol.answering import Answered, Engine, Request

LIMITS_KNOWN, LENGTHS_UNKNOWN = "limits known", "lengths not known"


class IdleShares:
    def __init__(self, engine: Engine, requests: Sequence[Request]) -> None:
        self._engine = engine
        self._requests = requests
        self.by_case: dict[str, float] = {}
        """Case → share of slot-steps that were idle, 0 to 1, in its last round."""

    def answer(self, case: str) -> int:
        """Answer all requests as one round of `case`. Returns how many were answered."""
        count = sum(isinstance(event, Answered) for event in self._engine.answer(self._requests))
        self.by_case[case] = self._engine.facts().idle_slot_share or 0.0
        return count

    def __str__(self) -> str:
        return ", ".join(f"{share:.1%} ({case})" for case, share in self.by_case.items())
