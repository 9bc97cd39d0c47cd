"""Scorers: functions that score an answer from 0 to 1, without a judge, a network or chance. A module per kind.

A scorer knows no store and no model. It may hang (a regular expression of a user's), so the runner calls it in a process of
its own: `qtui.scorers.process`.
"""

from qtui.scorers.kinds import KINDS, complete_settings, fingerprint, score, setting_problems
from qtui.scorers.protocol import Question, ScorerError

__all__ = ["KINDS", "Question", "ScorerError", "complete_settings", "fingerprint", "score", "setting_problems"]
