"""Graders. A judge is handed a question (task and answer) and replies with a grade; it knows nothing of the store."""

from qtui.judges.protocol import EMPTY_REASON, Judge, Question, Reply, check, fingerprint, make

__all__ = ["EMPTY_REASON", "Judge", "Question", "Reply", "check", "fingerprint", "make"]
