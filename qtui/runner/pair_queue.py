"""The questions of a judge that compares: pairs of answers of one run in both orders, filled as answers arrive.

It is used as a `QuestionQueue` is. Equal pairs of texts are one question per take and order, also if they arrive at different
times. First takes come before second ones, and pairs that the judge has to be asked about before those that are decided without
it. Both orders of a pair stand next to each other, because a comparison counts only if both have a reply.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from qtui.judges.protocol import unasked_reply
from qtui.records import JudgeSpec
from qtui.runner.questions import question_of
from qtui.store import Store, judged_places, preferences
from qtui.store.answers import PendingAnswer
from qtui.store.judged_places import JudgedPlace
from qtui.store.judges import StoredJudge
from qtui.store.preferences import PairKey, PendingPair


@dataclass(frozen=True, slots=True)
class AskedPairs:
    """As `question_queue.Asked`: `answers` are pairs, which share the choice."""

    take: int
    answers: list[PendingPair]


@dataclass(frozen=True, slots=True)
class SharedPairs:
    """As `question_queue.Shared`: `answers` are pairs without a preference for a take, `graded` an equal pair that has one."""

    take: int
    graded: PendingPair
    answers: tuple[PendingPair, ...]


_PLAIN = JudgeSpec("openai", pairwise=True)
"""Enough of a judge's settings to tell which pairs it is not asked about."""


@dataclass(slots=True, eq=False)
class _Group:
    """Equal pairs of texts about one task, after the same turns."""

    order: tuple[int, int, int, int, int]
    """Whether no judge is asked, position of the task, sample, position of the variant and order of the first such pair."""
    missing: dict[int, dict[PairKey, PendingPair]] = field(default_factory=dict)
    """Pairs without a preference, by take."""
    judged: dict[int, PendingPair] = field(default_factory=dict)
    """A pair with a preference, by take."""
    asked: dict[int, AskedPairs] = field(default_factory=dict)
    """What is being asked, by take."""


@dataclass(slots=True, eq=False)
class _Sides:
    """The answers of all variants of a model to one task and sample."""

    baseline: JudgedPlace | None = None
    others: list[JudgedPlace] = field(default_factory=list)


class PairQueue:
    """The ordered pairs of the run's answers that the judge was not asked about yet.

    With `again`, pairs that are *unjudged* now are asked about again, once.
    """

    def __init__(
        self,
        store: Store,
        judge: StoredJudge,
        takes: int,
        *,
        again: bool = False,
        closed: Iterable[tuple[object, ...]] = (),
    ) -> None:
        self._store = store
        self._judge = judge
        self._takes = range(1, takes + 1)
        self._again = again
        self._closed: set[tuple[object, ...]] = set(closed)
        """(pair, take) of what was asked already, also if the store has no preference of it."""
        self._in_progress: dict[tuple[object, int], AskedPairs] = {}
        self._groups: dict[object, _Group] = {}
        self._sides: dict[tuple[str, int, int], _Sides] = {}
        self._heap: list[tuple[tuple[int, ...], int, _Group]] = []
        self._numbers = count()
        self._newest = 0
        """The greatest id of an answer that was read."""
        self._state = (0, 0)

    def refill(self, *, whole: bool = False) -> list[SharedPairs]:
        """Read what has arrived. Return which pairs can have the preference of an equal one at once."""
        state = judged_places.state(self._store, self._judge.run_id)
        if state == self._state and not whole:
            return []
        after = 0 if whole else self._newest
        places = self._read(after)
        known = self._state[0] + len(places), self._state[1] + sum(place.answer.answer_id for place in places)
        if after and known != state:
            # Other answers were linked or removed: new ones alone do not explain the change.
            after, places = 0, self._read(0)
        if not after:
            self._groups, self._sides, self._heap = {}, {}, []
        self._state = state
        return self._add(places, after)

    def pop(self) -> AskedPairs | None:
        """Return the next question, or None if there is none now."""
        while self._heap:
            (take, *_), _, group = heapq.heappop(self._heap)
            pairs = group.missing.pop(take, None)
            if pairs:
                asked = group.asked[take] = AskedPairs(take, list(pairs.values()))
                self._closed |= {(key, take) for key in pairs}
                self._in_progress[_content(asked.answers[0]), take] = asked
                return asked
        return None

    def close(self, asked: AskedPairs, *, has_grade: bool) -> None:
        """Note that a question was replied to; equal pairs that arrive later share its choice, if it has one."""
        first = asked.answers[0]
        self._in_progress.pop((_content(first), asked.take), None)
        if group := self._groups.get(_content(first)):
            group.asked.pop(asked.take, None)
            if has_grade:
                group.judged[asked.take] = first

    def __len__(self) -> int:
        """The number of questions that are waiting."""
        return sum(bool(pairs) for group in self._groups.values() for pairs in group.missing.values())

    def _read(self, after: int) -> list[JudgedPlace]:
        judge = self._judge
        return judged_places.read(self._store, judge.run_id, judge.label, judge.fingerprint, after=after)

    def _add(self, places: Sequence[JudgedPlace], after: int) -> list[SharedPairs]:
        judge = self._judge
        takes = preferences.takes(self._store, judge.run_id, judge.label, judge.fingerprint, after=after)
        changed: dict[_Group, None] = {}
        for place in places:
            self._newest = max(self._newest, place.answer.answer_id)
            for pair, order in self._pairs(place):
                group = self._group(pair, order)
                self._add_takes(group, pair, takes.get(pair.key, {}))
                changed[group] = None
        shared = [each for group in changed for each in self._share(group)]
        for group in changed:
            for take in group.missing:
                heapq.heappush(self._heap, ((take, *group.order), next(self._numbers), group))
        return shared

    def _pairs(self, place: JudgedPlace) -> Iterator[tuple[PendingPair, tuple[int, int, int, int, int]]]:
        """Yield the pairs that a new answer makes with those that are there, in both orders."""
        sides = self._sides.setdefault((place.model, place.answer.task_id, place.sample), _Sides())
        if place.is_baseline:
            sides.baseline = place
            made = [(place, other) for other in sides.others]
        else:
            sides.others.append(place)
            made = [(sides.baseline, place)] if sides.baseline else []
        for base, other in made:
            is_unasked = unasked_reply(_PLAIN, question_of(PendingPair(base.answer, other.answer))) is not None
            for is_swapped, (first, second) in enumerate(((base, other), (other, base))):
                order = (int(is_unasked), place.position, place.sample, other.variant, is_swapped)
                yield PendingPair(first.answer, second.answer), order

    def _group(self, pair: PendingPair, order: tuple[int, int, int, int, int]) -> _Group:
        content = _content(pair)
        group = self._groups.get(content)
        if group is None:
            group = self._groups[content] = _Group(order)
            for take in self._takes:
                if asked := self._in_progress.get((content, take)):
                    group.asked[take] = asked
        return group

    def _add_takes(self, group: _Group, pair: PendingPair, takes: preferences.Takes) -> None:
        for take in self._takes:
            has_choice = takes.get(take)
            if has_choice:
                group.judged.setdefault(take, pair)
            elif (pair.key, take) in self._closed or (take in takes and (has_choice is None or not self._again)):
                continue
            elif asked := group.asked.get(take):
                asked.answers.append(pair)
                self._closed.add((pair.key, take))
            else:
                group.missing.setdefault(take, {})[pair.key] = pair

    def _share(self, group: _Group) -> list[SharedPairs]:
        """Take from a group the pairs that have the preference of an equal one."""
        shared = []
        for take in [take for take in group.missing if take in group.judged]:
            pairs = group.missing.pop(take)
            self._closed |= {(key, take) for key in pairs}
            shared.append(SharedPairs(take, group.judged[take], tuple(pairs.values())))
        return shared


def _content(pair: PendingPair) -> tuple[object, ...]:
    """Return what a judge is shown: the same for equal pairs of texts about a task after the same turns."""
    return (*_content_of(pair.first), *_content_of(pair.second))


def _content_of(item: PendingAnswer) -> tuple[object, ...]:
    return item.task_id, item.text, item.earlier
