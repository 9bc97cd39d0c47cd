"""The differences of pairs, task by task in an order drawn by lot, and the verdict that holds however early judging stops.

A value of the sequence is the mean difference (candidate − baseline) over the takes, samples and turns of one *unit*: a task, or a
conversation, which counts once. Units are taken in the order of lots that depend on the tasks alone. Only the units before the
first one that was not asked whole count: which replies come first may depend on the answers. Units without a readable grade on one
side are left out. Equal answers to a task differ by 0: they stand in the order as all others do, since to leave them out, or to
ask them last, would make the others' mean that of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from qtui.analysis import verdict as verdicts
from qtui.analysis.sequential import ConfidenceSequence, lot
from qtui.figures.scores import margin_on
from qtui.records import Scale
from qtui.store.judged_places import JudgedPlace

DECIDED = ("equivalent", "higher", "not_worse", "worse")
"""Verdicts that say on which side of the margin a candidate is."""

_Key = tuple[int, int]
"""(id of the answer, id of the task)."""
_Task = list[tuple[_Key, _Key]]
"""Baseline's and candidate's answer to one task, for each sample."""


@dataclass(slots=True, eq=False)
class PairSequence:
    """The sequence of one pair."""

    model: str
    candidate: str
    scale: Scale
    units: list[list[_Task]]
    """In their order; a unit is a list of tasks."""
    bound: ConfidenceSequence = field(default_factory=ConfidenceSequence)
    next: int = 0
    """The number of units before the first one that was not asked whole."""

    @property
    def n(self) -> int:
        """Units with a difference."""
        return self.bound.n

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of the mean difference, in grades."""
        span = self.scale.highest - self.scale.lowest
        return 2 * span * self.bound.low - span, 2 * span * self.bound.high - span

    def add(self, difference: float) -> None:
        span = self.scale.highest - self.scale.lowest
        self.bound.add((difference + span) / (2 * span))

    def verdict(self, margin: float) -> verdicts.VerdictName:
        """Return the verdict at a margin in grades of 1–5."""
        return verdicts.decide(self.interval, margin_on(margin, (self.scale.lowest, self.scale.highest)))

    def is_decided(self, margin: float) -> bool:
        return self.n >= verdicts.FEWEST_TASKS and self.verdict(margin) in DECIDED


class Sequences:
    """The sequences of all pairs of a run under one judge, up to what is graded."""

    def __init__(self, places: Sequence[JudgedPlace], takes: int, scale: Scale) -> None:
        self._takes = range(1, takes + 1)
        self._grades: dict[_Key, dict[int, int | None]] = {}
        for place in places:
            self._grades.setdefault(_key(place), {}).update(place.takes)
        self.ranks = _ranks(places)
        """Position of a task → rank of its unit in the order."""
        self.pairs = _pairs(places, self.ranks, scale)
        for pair in self.pairs:
            self._advance(pair)

    def note(self, answers: Iterable[_Key], take: int, grade: int | None) -> None:
        """Note that answers were asked about; None is no readable reply."""
        for key in answers:
            self._grades.setdefault(key, {})[take] = grade
        for pair in self.pairs:
            self._advance(pair)

    def _advance(self, pair: PairSequence) -> None:
        while pair.next < len(pair.units) and self._is_asked(pair.units[pair.next]):
            differences = [d for task in pair.units[pair.next] if (d := self._difference(task)) is not None]
            if differences:
                pair.add(fmean(differences))
            pair.next += 1

    def _is_asked(self, unit: list[_Task]) -> bool:
        keys = (key for task in unit for sides in task for key in sides)
        return all(take in self._grades[key] for key in keys for take in self._takes)

    def _difference(self, task: _Task) -> float | None:
        found = [
            candidate - baseline
            for sides in task
            for baseline, candidate in [(self._grade(sides[0]), self._grade(sides[1]))]
            if baseline is not None and candidate is not None
        ]
        return fmean(found) if found else None

    def _grade(self, key: _Key) -> float | None:
        found = [grade for take in self._takes if (grade := self._grades[key].get(take)) is not None]
        return fmean(found) if found else None


def _key(place: JudgedPlace) -> _Key:
    return place.answer.answer_id, place.answer.task_id


def _ranks(places: Sequence[JudgedPlace]) -> dict[int, int]:
    """Position of a task → rank of its unit: a conversation has the lot of its first turn."""
    tasks = {place.position: place.answer.task for place in places}
    first: dict[int, int] = {}
    for position in sorted(tasks):
        follows = tasks[position].follows
        first[position] = position if follows is None else first.get(follows, follows)
    lots = {unit: (lot(tasks[unit].hash) if unit in tasks else lot(str(unit)), unit) for unit in set(first.values())}
    order = {unit: rank for rank, unit in enumerate(sorted(lots, key=lambda unit: lots[unit]))}
    return {position: order[unit] for position, unit in first.items()}


def _pairs(places: Sequence[JudgedPlace], ranks: dict[int, int], scale: Scale) -> list[PairSequence]:
    baselines = {(place.model, place.position, place.sample): _key(place) for place in places if place.is_baseline}
    found: dict[tuple[str, str], dict[int, dict[int, _Task]]] = {}
    for place in places:
        baseline = baselines.get((place.model, place.position, place.sample))
        if place.is_baseline or baseline is None:
            continue
        unit = found.setdefault((place.model, place.name), {}).setdefault(ranks[place.position], {})
        unit.setdefault(place.position, []).append((baseline, _key(place)))
    return [
        PairSequence(model, name, scale, [list(units[rank].values()) for rank in sorted(units)])
        for (model, name), units in found.items()
    ]
