"""From the files of a batch that is over to grades, and to what becomes of the questions without one. Sends and stores nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from qtui.endpoints import batches as protocol
from qtui.judges import batch_replies
from qtui.judges.batch_replies import BatchReply, Fate
from qtui.judges.openai import OpenAIJudge
from qtui.records import NOTHING_USED, Grade, Usage
from qtui.runner import batch_questions
from qtui.runner.batch_questions import Row
from qtui.runner.questions import question_of
from qtui.store.batches import Outcome, Planned

SUBMISSIONS = 3
"""Batches that reply to a question in vain before it is ungraded."""


@dataclass(slots=True)
class Results:
    """What is written of a batch."""

    outcomes: list[Outcome] = field(default_factory=list)
    grades: list[Row] = field(default_factory=list)
    stops: str = ""
    """Why no further question would be replied to; empty if others would be."""
    again: int = 0
    """Questions that are asked again."""
    questions: int = 0

    @property
    def note(self) -> str:
        """Why a batch did not grade everything it held; empty if it did."""
        return f"{self.again} of {self.questions} questions have no grade from it" if self.again else ""


@dataclass(frozen=True, slots=True)
class Over:
    """A batch that is over, with its files."""

    status: str
    files: tuple[bytes, ...]
    is_cancelled_by_user: bool = False


@dataclass(frozen=True, slots=True)
class Grading:
    """Whose questions a batch asks, and what came before. `earlier` are replies in vain; see `store.batches.earlier`."""

    judge: OpenAIJudge
    label: str
    questions: Sequence[Planned]
    earlier: Mapping[str, tuple[int, Usage]]
    has_graded: bool


def results(grading: Grading, over: Over) -> Results:
    """Return what a batch replied."""
    replies = _replies(grading, over.files)
    is_proven = grading.has_graded or any(reply.fate is Fate.GRADED for reply in replies.values())
    found = Results()
    for question in grading.questions:
        reply = replies.get(question.key) or batch_replies.no_line(over.status)
        _add(found, grading, question, _decided(grading, over, question, reply, is_proven=is_proven))
    return found


def without_lines(grading: Grading, refused: Mapping[int, str]) -> Results:
    """Return what becomes of the questions of a batch that was refused for some of its lines (from 1), with their reasons."""
    found = Results()
    for number, question in enumerate(grading.questions, start=1):
        why = refused.get(number)
        reason = f"no reply: the endpoint refused the question in its batch: {why}" if why is not None else ""
        fate = Fate.RELEARNED if why is None else Fate.UNGRADED
        _add(found, grading, question, BatchReply(fate, None, reason, NOTHING_USED))
    return found


def _replies(grading: Grading, files: Iterable[bytes]) -> dict[str, BatchReply]:
    """The replies to questions of the batch by custom id. Of several to one question, a grade counts, else the first."""
    judge, dialect = grading.judge, grading.judge.dialect
    asked = {question.key: question_of(question.same[0][1]) for question in grading.questions}
    found: dict[str, BatchReply] = {}
    for content in files:
        for line in protocol.read_lines(content):
            if line.custom_id not in asked:
                continue
            reply = batch_replies.read(judge, line, asked[line.custom_id], dialect)
            if line.custom_id not in found or (
                reply.fate is Fate.GRADED and found[line.custom_id].fate is not Fate.GRADED
            ):
                found[line.custom_id] = reply
    return found


def _decided(grading: Grading, over: Over, question: Planned, reply: BatchReply, *, is_proven: bool) -> BatchReply:
    """The reply with its fate as it follows from what came before."""
    if reply.fate is Fate.REFUSED:
        return replace(reply, fate=Fate.UNGRADED if is_proven else Fate.STOPS)
    if reply.fate is not Fate.AGAIN:
        return reply
    if over.is_cancelled_by_user and reply.usage.requests == 0:
        return replace(reply, fate=Fate.RELEARNED)  # its turn had not come: that is no try
    times = grading.earlier.get(question.key, (0, NOTHING_USED))[0] + 1
    if times < SUBMISSIONS:
        return reply
    noun = "choice" if question_of(question.same[0][1]).second else "grade"
    return replace(reply, fate=Fate.UNGRADED, reason=f"no readable {noun} in {times} batches; {reply.reason}")


def _add(found: Results, grading: Grading, question: Planned, reply: BatchReply) -> None:
    """Add what becomes of one question."""
    found.questions += 1
    if reply.fate is Fate.STOPS:
        found.stops = found.stops or reply.reason
    outcome = _OUTCOMES.get(reply.fate, "returned")
    if outcome in ("graded", "ungraded"):
        used = grading.earlier.get(question.key, (0, NOTHING_USED))[1] + reply.usage
        judge, label = grading.judge.fingerprint, grading.label
        grade = Grade("", label, question.take, reply.grade, reply.reason, judge, usage=used, left_out=reply.left_out)
        found.grades += batch_questions.rows(question, grade)
    else:
        found.again += 1
    for key, _ in question.same:
        found.outcomes.append(Outcome(key, outcome, reply.reason, reply.usage if key == question.key else NOTHING_USED))


_OUTCOMES = {Fate.GRADED: "graded", Fate.UNGRADED: "ungraded", Fate.AGAIN: "again"}
