"""The turns of conversations: which answers a worker can compute together, and what a later turn shows a model.

A later turn has the variant's own answers to the turns before it in its prompt. So the first turns of all tasks are answered first,
then the second turns, and so on: a job per turn, and within a job everything at once. Each job plans its prompts from answers that
the store has, so a run that was killed between or within turns continues where it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qtui.engines.protocol.answering import Item
from qtui.experiment import choice_scoring
from qtui.experiment.choice_scoring import ScoredChoices
from qtui.records import Task, Turn

NO_EARLIER_ANSWER = "the turn before it has no answer"

Place = tuple[int, int]
"""Position of a task, from 1, and sample."""


@dataclass(frozen=True, slots=True)
class TurnItems:
    """The items of one turn: those that can be asked, and those whose turn before has no answer."""

    items: list[Item]
    unanswerable: list[Place]


def turns(tasks: Sequence[Task]) -> list[list[int]]:
    """Return the positions of the tasks by turn, the first turns first."""
    depths: list[int] = []
    for task in tasks:
        depths.append(0 if task.follows is None else depths[task.follows - 1] + 1)
    return [
        [position for position, depth in enumerate(depths, start=1) if depth == turn]
        for turn in range(max(depths, default=0) + 1)
    ]


def earlier(tasks: Sequence[Task], position: int, sample: int, answers: Mapping[Place, str]) -> tuple[Turn, ...] | None:
    """Return the turns before the task at this position; None if one of them has no answer."""
    found: list[Turn] = []
    before = tasks[position - 1].follows
    while before is not None:
        answer = answers.get((before, sample))
        if answer is None:
            return None
        found.append(Turn(tasks[before - 1].input, answer))
        before = tasks[before - 1].follows
    return tuple(reversed(found))


def items(
    tasks: Sequence[Task],
    positions: Sequence[int],
    samples: int,
    answers: Mapping[Place, str],
    scored: Sequence[ScoredChoices] = (),
) -> TurnItems:
    """Return the items of the tasks at these positions. `answers` are those of the variant so far.

    `scored` says of which tasks the choices are scored instead of generating an answer.
    """
    found: list[Item] = []
    unanswerable: list[Place] = []
    for position in positions:
        choices, before_choice = choice_scoring.of_task(tasks[position - 1], scored)
        for sample in range(samples):
            before = earlier(tasks, position, sample, answers)
            if before is None:
                unanswerable.append((position, sample))
            else:
                found.append(Item(position, sample, tasks[position - 1].input, before, choices, before_choice))
    return TurnItems(found, unanswerable)


def by_sort(items: Sequence[Item]) -> list[list[Item]]:
    """Return the items as jobs: those with generated answers, then those whose choices are scored. Without items one empty job."""
    generated, scored = [each for each in items if not each.choices], [each for each in items if each.choices]
    return [job for job in (generated, scored) if job] or [[]]
