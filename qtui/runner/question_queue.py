"""The questions of one judge about one run, the most informative first; what is asked next follows from the answers there are.

Equal answers to a task are one question per take, also if they arrive at different times: a later one shares the grade. First takes
come before second ones. Within a take, questions about tasks in which baseline and candidate differ come first, those that make a
pair whole before all others; then questions whose other side has no answer yet, then tasks with equal texts. Both sides of a task
stand next to each other, because a pair counts only if both have a grade.

The store is read whole when the queue begins, when answers were linked or removed, and when their number has doubled; otherwise
only new answers are read. So the work grows with the run, not with its square.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from qtui.store import Store, judged_places
from qtui.store.answers import PendingAnswer
from qtui.store.judged_places import JudgedPlace
from qtui.store.judges import StoredJudge

if TYPE_CHECKING:
    from qtui.runner.deciding import Deciding

_Key = tuple[int, int]
"""(id of the answer, id of the task)."""

Closed = tuple[object, ...]
"""(id of the answer, id of the task, take)."""


class Rank(IntEnum):
    """How much a grade of an answer says about a pair, the most first."""

    DIFFERENT = 0
    UNKNOWN = 1
    """There is no answer of the other side yet."""
    EQUAL = 2
    """Both sides share the grade: the difference is 0, whatever the grade is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that is being asked: `answers` share the grade, the first one is shown to the judge.

    Equal answers that arrive meanwhile are appended.
    """

    take: int
    answers: list[PendingAnswer]


@dataclass(frozen=True, slots=True)
class Shared:
    """Answers that have no grade for a take, and an equal answer that has one."""

    take: int
    graded: PendingAnswer
    answers: tuple[PendingAnswer, ...]


@dataclass(slots=True, eq=False)
class _Group:
    """Equal answers to one task, after the same turns."""

    order: tuple[int, int, int]
    """Position of the task, sample and position of the variant of the first place."""
    missing: dict[int, dict[_Key, PendingAnswer]] = field(default_factory=dict)
    """Answers without a grade, by take."""
    graded: dict[int, PendingAnswer] = field(default_factory=dict)
    """An answer with a grade, by take."""
    asked: dict[int, Asked] = field(default_factory=dict)
    """What is being asked, by take."""
    sides: "list[_Sides]" = field(default_factory=list)
    variants: set[tuple[str, str, bool]] = field(default_factory=set)
    """Whose answers they are: (model, variant, whether it is the baseline)."""
    rank: Rank = Rank.UNKNOWN


@dataclass(slots=True, eq=False)
class _Sides:
    """The answers of all variants of a model to one task and sample."""

    baseline: _Group | None = None
    others: list[_Group] = field(default_factory=list)

    def differing(self, group: _Group) -> list[_Group]:
        """The answers of the other side that differ from this one."""
        if group is self.baseline:
            return [other for other in self.others if other is not group]
        return [self.baseline] if self.baseline is not None else []

    def rank(self, group: _Group) -> Rank:
        if self.differing(group):
            return Rank.DIFFERENT
        return Rank.EQUAL if group is self.baseline and self.others else Rank.UNKNOWN


class _Entry(NamedTuple):
    """A question in the queue, with the rank that it was given."""

    group: _Group
    take: int
    rank: Rank


class QuestionQueue:
    """The questions about the run's answers that the judge was not asked yet.

    With `again`, answers that are *ungraded* now are asked again, once; those that are `closed` were asked before.
    """

    def __init__(
        self, store: Store, judge: StoredJudge, takes: int, *, again: bool = False, closed: Iterable[Closed] = ()
    ) -> None:
        self.deciding: Deciding | None = None
        """If it is set before the first reading, only what its verdicts wait for is asked, in its order."""
        self._store = store
        self._judge = judge
        self._takes = range(1, takes + 1)
        self._again = again
        self._closed = set(closed)
        """What was asked already, also if the store has no grade of it."""
        self._in_progress: dict[tuple[bytes, int], Asked] = {}
        self._groups: dict[bytes, _Group] = {}
        self._sides: dict[tuple[str, int, int], _Sides] = {}
        self._heap: list[tuple[tuple[int, ...], int, _Entry]] = []
        self._numbers = count()
        self._newest = 0
        """The greatest id of an answer that was read."""
        self._state = (-1, 0)
        self._whole_at = 0
        """How many places the run had when they were last read whole."""

    def refill(self, *, whole: bool = False) -> list[Shared]:
        """Read what has arrived. Return which answers can have the grade of an equal one at once."""
        places = [] if whole else self._read_new()
        if places:
            known, ids = self._state
            self._state = known + len(places), ids + sum(place.answer.answer_id for place in places)
        elif not whole and judged_places.state(self._store, self._judge.run_id) == self._state:
            return []
        if not places or self._state[0] >= 2 * self._whole_at:
            places = self._read_whole()
        return self._add(places)

    def pop(self) -> Asked | None:
        """Return the next question, or None if there is none now."""
        while self._heap:
            _, _, (group, take, rank) = heapq.heappop(self._heap)
            answers = group.missing.get(take)
            if not answers or rank != group.rank:
                continue  # asked meanwhile, or in the queue once more with another rank
            if self.deciding and not self.deciding.is_wanted(group.variants):
                continue
            del group.missing[take]
            asked = group.asked[take] = Asked(take, list(answers.values()))
            self._closed |= {(item.answer_id, item.task_id, take) for item in asked.answers}
            self._in_progress[_identity(asked.answers[0]), take] = asked
            return asked
        return None

    def close(self, asked: Asked, *, has_grade: bool) -> None:
        """Note that a question was replied to; equal answers that arrive later share its grade, if it has one."""
        identity = _identity(asked.answers[0])
        self._in_progress.pop((identity, asked.take), None)
        if group := self._groups.get(identity):
            group.asked.pop(asked.take, None)
            if has_grade:
                group.graded[asked.take] = asked.answers[0]

    def __len__(self) -> int:
        """The number of questions that are waiting."""
        return sum(bool(answers) for group in self._groups.values() for answers in group.missing.values())

    def _read_new(self) -> list[JudgedPlace]:
        if not self._newest:
            return []
        judge = self._judge
        return judged_places.read(self._store, judge.run_id, judge.label, judge.fingerprint, after=self._newest)

    def _read_whole(self) -> list[JudgedPlace]:
        """Return all places. What is being asked and what was asked stays known."""
        judge = self._judge
        self._state = judged_places.state(self._store, judge.run_id)
        self._whole_at = self._state[0]
        self._groups, self._sides, self._heap = {}, {}, []
        return judged_places.read(self._store, judge.run_id, judge.label, judge.fingerprint)

    def _add(self, places: Sequence[JudgedPlace]) -> list[Shared]:
        changed: dict[_Group, None] = {}
        for place in places:
            self._newest = max(self._newest, place.answer.answer_id)
            group = self._group(place)
            sides = self._sides.setdefault((place.model, place.answer.task_id, place.sample), _Sides())
            if place.is_baseline:
                sides.baseline = group
            else:
                sides.others.append(group)
            group.sides.append(sides)
            group.variants.add((place.model, place.name, place.is_baseline))
            self._add_takes(group, place)
            changed |= dict.fromkeys([sides.baseline, *sides.others] if sides.baseline else sides.others)
        shared = [each for group in changed for each in self._share(group)]
        self._push(changed)
        return shared

    def _group(self, place: JudgedPlace) -> _Group:
        identity = _identity(place.answer)
        group = self._groups.get(identity)
        if group is None:
            group = self._groups[identity] = _Group((place.position, place.sample, place.variant))
            for take in self._takes:
                if asked := self._in_progress.get((identity, take)):
                    group.asked[take] = asked
        return group

    def _add_takes(self, group: _Group, place: JudgedPlace) -> None:
        item = place.answer
        for take in self._takes:
            if place.takes.get(take) is not None:
                group.graded.setdefault(take, item)
            elif (item.answer_id, item.task_id, take) in self._closed or take in place.in_batch:
                continue
            elif take not in place.takes or self._again:
                self._add_missing(group, take, item)

    def _add_missing(self, group: _Group, take: int, item: PendingAnswer) -> None:
        if asked := group.asked.get(take):
            asked.answers.append(item)
            self._closed.add((item.answer_id, item.task_id, take))
        else:
            group.missing.setdefault(take, {})[item.answer_id, item.task_id] = item

    def _share(self, group: _Group) -> list[Shared]:
        """Take from a group the answers that have the grade of an equal one."""
        shared = []
        for take in [take for take in group.missing if take in group.graded]:
            items = tuple(group.missing.pop(take).values())
            self._closed |= {(item.answer_id, item.task_id, take) for item in items}
            shared.append(Shared(take, group.graded[take], items))
        return shared

    def _push(self, groups: Iterable[_Group]) -> None:
        for group in groups:
            group.rank = min(sides.rank(group) for sides in group.sides)
            for take in group.missing:
                entry = _Entry(group, take, group.rank)
                heapq.heappush(self._heap, (self._priority(group, take), next(self._numbers), entry))

    def _priority(self, group: _Group, take: int) -> tuple[int, ...]:
        """Return what is compared, the smallest first."""
        if self.deciding:
            return (self.deciding.rank(group.order[0]), take, *group.order)
        makes_whole = any(take in other.graded for sides in group.sides for other in sides.differing(group))
        return (take, group.rank, 0 if makes_whole else 1, *group.order)


def _identity(item: PendingAnswer) -> bytes:
    """Return the hash of what a judge is shown: the same for equal answers to a task after the same turns."""
    digest = blake2b(digest_size=16)
    turns = (part for turn in item.earlier for part in (turn.input, turn.answer))
    for part in (str(item.task_id), item.text, *turns):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode() + data)
    return digest.digest()
