"""What a scorer is asked and what it returns. A scorer is a function of a question and settings: the same input, the same score.

*Unscored* is not a score of 0. An answer from which nothing could be taken is wrong (0), as the field counts it; a task that lacks
what the scorer compares with is unscored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qtui.records import ChoiceScore, Score, Task

LONGEST_TAKEN = 80
"""Characters of what was taken from an answer that a reason quotes."""

Settings = Mapping[str, Any]
"""The settings of a scorer, complete: those that an experiment leaves out have their default."""


@dataclass(frozen=True, slots=True)
class Question:
    """One answer to one task. `choice_scores` are in the order of the task's choices, None if the engine gave none."""

    task: Task
    answer: str
    choice_scores: tuple[ChoiceScore, ...] | None = None

    @property
    def references(self) -> tuple[str, ...]:
        """Every answer that is right, each once: the task's reference and its further ones."""
        all_references = (self.task.reference, *self.task.expected.references)
        return tuple(dict.fromkeys(text for text in all_references if text.strip()))


Scorer = Callable[[Question, Settings], Score]

NO_REFERENCE = Score(None, "the task has no reference to compare with")


class ScorerError(Exception):
    """The scorer cannot work for any answer (a sandbox that does not start); the message says why and what to do."""


def unscored(reason: str) -> Score:
    return Score(None, reason)


def taken(score: float, what: str, expected: str = "") -> Score:
    """Return a score with what was taken from the answer, and what was expected if that differs."""
    return Score(float(score), f"took {quoted(what)}" + (f", expected {quoted(expected)}" if expected else ""))


def quoted(text: str) -> str:
    """The text in one line, cut if it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TAKEN else f"{line[: LONGEST_TAKEN - 1]}…"
