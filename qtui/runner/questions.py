"""What a judge is asked: the answers, or pairs of them, that it was not asked about, as questions, and equal ones together."""

from collections.abc import Sequence
from dataclasses import replace

from qtui.judges import Question
from qtui.judges.protocol import SecondAnswer
from qtui.records import NOTHING_USED, Grade
from qtui.store import Store, answers, grades, preferences
from qtui.store.answers import PendingAnswer
from qtui.store.grades import Place
from qtui.store.judges import StoredJudge
from qtui.store.preferences import PendingPair

Pending = PendingAnswer | PendingPair
"""What is graded: an answer, or two answers in the order in which a pairwise judge is shown them."""


def pending(store: Store, judge: StoredJudge, take: int) -> list[Pending]:
    """Return what the judge was not asked about in this take. Equal pairs of texts, judged before, get their choices here.

    See `answers.pending` and `preferences.pending`.
    """
    asked = (store, judge.run_id, judge.label, judge.fingerprint, take)
    if not judge.is_pairwise:
        return list(answers.pending(*asked))
    found = preferences.pending(*asked)
    return list(_without_known(store, judge, take, found)) if found else []


def question_of(item: Pending) -> Question:
    """Return what a judge is asked about an answer or a pair."""
    if isinstance(item, PendingPair):
        task, first = item.first.task, item.first
        second = SecondAnswer(item.second.text, item.second.earlier)
        return Question(task.input, task.reference, task.criteria, first.text, first.earlier, second)
    return Question(item.task.input, item.task.reference, item.task.criteria, item.text, item.earlier)


def key_of(item: Pending, judge: StoredJudge, take: int) -> str:
    """Return the key of the grade or preference."""
    if isinstance(item, PendingPair):
        answer_keys = item.first.answer_key, item.second.answer_key
        return preferences.key(answer_keys, item.first.task.hash, judge.label, judge.fingerprint, take)
    return grades.key(item.answer_key, item.task.hash, judge.label, judge.fingerprint, take)


def place_of(item: Pending) -> Place:
    """Return what a grade or preference belongs to."""
    if isinstance(item, PendingPair):
        return Place(item.first.answer_id, item.task_id, item.second.answer_id)
    return Place(item.answer_id, item.task_id)


def group_same_answers(missing: Sequence[Pending]) -> list[list[Pending]]:
    """Return the answers (or pairs) grouped by task, text and the turns before: each group is one question and shares its grade.

    Groups are in the order of their first items.
    """
    groups: dict[object, list[Pending]] = {}
    for item in missing:
        groups.setdefault(_content(item), []).append(item)
    return list(groups.values())


def _content(item: Pending) -> tuple[object, ...]:
    if isinstance(item, PendingPair):
        return (*_content(item.first), *_content(item.second))
    return item.task_id, item.text, item.earlier


def _without_known(store: Store, judge: StoredJudge, take: int, missing: Sequence[PendingPair]) -> list[PendingPair]:
    """Give pairs whose texts were judged before the same choice; return the others."""
    known = {_content(item): grade for item, grade in preferences.known(store, judge, take)}
    shared = [(item, known[_content(item)]) for item in missing if _content(item) in known]
    if shared:
        grades.commit(store, ((place_of(item), _again(grade, key_of(item, judge, take))) for item, grade in shared))
    return [item for item in missing if _content(item) not in known]


def _again(grade: Grade, key: str) -> Grade:
    return replace(grade, key=key, seconds=None, usage=NOTHING_USED)
