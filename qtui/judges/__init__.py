"""Graders. A judge receives a question (task and answer) and replies with a grade. It does not know the store."""

from qtui.judges.factory import check_judge, create_judge
from qtui.judges.protocol import Judge, Question, Reply, fingerprint

__all__ = ["Judge", "Question", "Reply", "check_judge", "create_judge", "fingerprint"]
