"""Which tasks of an experiment are not answered in words: the engines score their choices for a scorer by log-likelihood."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qtui import scorers
from qtui.experiment.problems import Problems
from qtui.records import ScorerSpec, Task, TaskSet
from qtui.scorers.choice import texts_to_score


@dataclass(frozen=True, slots=True)
class ScoredChoices:
    """What engines score for the tasks of some task sets."""

    subsets: tuple[str, ...]
    """Names of task sets; empty is all."""
    settings: tuple[tuple[str, Any], ...]
    """Those settings of the scorer that decide the texts."""

    @property
    def before(self) -> str | None:
        """What stands between prompt and choice; None leaves it to the prompt."""
        before = dict(self.settings)["before"]
        return None if before == "auto" else before

    def texts(self, task: Task) -> tuple[str, ...]:
        """Return the texts to score, one per choice of the task; empty if the task is answered in words."""
        if (self.subsets and task.subset not in self.subsets) or not task.expected.choices:
            return ()
        return texts_to_score(task.expected.choices, dict(self.settings)) or ()


def of_scorers(specs: Sequence[ScorerSpec]) -> tuple[ScoredChoices, ...]:
    """Return what the scorers by log-likelihood make the engines score."""
    found = (ScoredChoices(spec.subsets, _settings(spec)) for spec in specs if is_by_likelihood(spec))
    return tuple(dict.fromkeys(found))


def of_task(task: Task, scored: Sequence[ScoredChoices]) -> tuple[tuple[str, ...], str | None]:
    """Return the texts to score for a task, and what stands before them; ((), None) if it is answered in words."""
    for each in scored:
        if texts := each.texts(task):
            return texts, each.before
    return (), None


def is_by_likelihood(spec: ScorerSpec) -> bool:
    """Whether the scorer needs the likelihoods of choices instead of an answer in words."""
    return spec.kind == "choice" and spec.settings.get("by") == "log_likelihood"


def check(named: Sequence[ScorerSpec], task_set: TaskSet, problems: Problems) -> None:
    """Add the problems of scorers that want different answers to the same tasks, and of tasks without choices."""
    for number, spec in enumerate(named):
        if not is_by_likelihood(spec):
            continue
        own = [task for task in task_set.tasks if not spec.subsets or task.subset in spec.subsets]
        place = ("scorers", number)
        if own and not any(task.expected.choices for task in own):
            problems.add(
                (*place, "by"), "none of its tasks has choices, so there is nothing to score by log-likelihood."
            )
        few = next(
            (t for t in own if t.expected.choices and texts_to_score(t.expected.choices, _all(spec)) is None), None
        )
        if few is not None:
            problems.add((*place, "labels"), f"are too few for a task with {len(few.expected.choices)} choices.")
        for problem in _conflicts(spec, named):
            problems.add((*place, "by"), problem)


def notes(specs: Sequence[ScorerSpec], *, has_judges: bool) -> tuple[str, ...]:
    """Return sentences on what else becomes of such tasks."""
    if not has_judges or not any(map(is_by_likelihood, specs)):
        return ()
    return (
        "Tasks scored by log-likelihood are not answered in words: the judges see the likeliest choice as their answer.",
    )


def _conflicts(spec: ScorerSpec, named: Sequence[ScorerSpec]) -> Iterator[str]:
    for other in named:
        if other is spec or not _meet(spec, other):
            continue
        if not is_by_likelihood(other):
            yield (
                f'the scorer {other.label} needs generated answers, and with by = "log_likelihood" the same tasks have none: '
                "name different task sets in the subsets of the two, or make two experiments."
            )
        elif _settings(other) != _settings(spec):
            yield (
                f"the scorer {other.label} scores other texts of the same tasks: give both the same continuation, labels and "
                "before."
            )


def _meet(one: ScorerSpec, other: ScorerSpec) -> bool:
    return not one.subsets or not other.subsets or bool(set(one.subsets) & set(other.subsets))


def _settings(spec: ScorerSpec) -> tuple[tuple[str, Any], ...]:
    settings = _all(spec)
    labels = settings["labels"] if settings["continuation"] == "label" else ""
    labels = labels if isinstance(labels, str) else tuple(labels)
    return (("continuation", settings["continuation"]), ("labels", labels), ("before", settings["before"]))


def _all(spec: ScorerSpec) -> dict[str, Any]:
    return scorers.complete_settings(spec)
