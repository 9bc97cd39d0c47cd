"""What a batch replied to one question: a grade, or what becomes of the question.

After a reply that cannot be read, after a fault that passes, and if the batch did not come to it, a question is asked again in the
next batch. What concerns one question (too long, filtered by its prompt) costs that question alone. What concerns the key or the
account is no reply to anybody's question.
"""

from dataclasses import dataclass
from enum import Enum, auto

from qtui.endpoints import completion, failures, sending, server_words
from qtui.endpoints.batches import Line
from qtui.endpoints.completion import Completion
from qtui.endpoints.failures import Failure, Scope
from qtui.endpoints.openai_dialect import Dialect
from qtui.judges import reading
from qtui.judges.openai import OpenAIJudge
from qtui.judges.protocol import Question
from qtui.records import NOTHING_USED, Usage

_PASSES = (408, 409, 425, 429)
_NOT_WORKED_ON = ("batch_expired", "batch_cancelled", "batch_canceled")


class Fate(Enum):
    """What becomes of a question."""

    GRADED = auto()
    AGAIN = auto()
    """It is asked again, a few times."""
    REFUSED = auto()
    """The endpoint refused it, and the cause is not known to be the question."""
    UNGRADED = auto()
    """It is not asked again."""
    RELEARNED = auto()
    """It is asked again with other settings."""
    STOPS = auto()
    """Every question would fare like this one: see the reason."""


@dataclass(frozen=True, slots=True)
class BatchReply:
    """What a batch replied to one question. `reason` is the judge's own for a grade, else why there is none, without secrets."""

    fate: Fate
    grade: int | None
    reason: str
    usage: Usage
    left_out: tuple[str, ...] | None = None
    """As in `Grade`."""


def no_line(status: str) -> BatchReply:
    """Return what becomes of a question that no file of a batch mentions. `status` is the batch's."""
    return BatchReply(
        Fate.AGAIN, None, f"the batch is {status} and its files have no reply to this question", NOTHING_USED
    )


def read(judge: OpenAIJudge, line: Line, question: Question, used_dialect: Dialect) -> BatchReply:
    """Return what a line of a batch's files says to this question. The batch was sent in this dialect."""
    if line.status is None:
        return _unanswered(line)
    used = completion.usage(line.body)
    if not 200 <= line.status < 300:
        words = server_words.words(line.body) or line.words
        return _refused(judge, failures.of_status(line.status, words), Usage(1, 0, 0, 0), used_dialect)
    outcome = completion.read(line.body, "chat")
    if isinstance(outcome, Failure):
        if outcome.scope is Scope.ENDPOINT:
            return _refused(judge, outcome, used, used_dialect)
        return BatchReply(Fate.AGAIN, None, f"no reply: the endpoint {server_words.shown(outcome.words)}", used)
    return _replied(judge, outcome, question, used, used_dialect)


def _replied(
    judge: OpenAIJudge, replied: Completion, question: Question, used: Usage, used_dialect: Dialect
) -> BatchReply:
    reply = judge.read(replied, question)
    if reply.grade is not None:
        judge.note_readable()
        return BatchReply(Fate.GRADED, reply.grade, reply.reason, used, judge.left_out(used_dialect))
    return BatchReply(Fate.AGAIN, None, reading.last_reply(replied, reply.reason), used)


def _unanswered(line: Line) -> BatchReply:
    said = server_words.shown(line.words) or "no reply"
    if line.code in _NOT_WORKED_ON:
        return BatchReply(Fate.AGAIN, None, said, NOTHING_USED)
    fate = Fate.STOPS if sending.is_about_account(line.words) else Fate.AGAIN
    return BatchReply(fate, None, f"no reply: {said}", Usage(1, 0, 0, 0))


def _refused(judge: OpenAIJudge, failure: Failure, used: Usage, dialect: Dialect) -> BatchReply:
    said = f"the endpoint refused the question ({failure.status}): {server_words.shown(failure.words)}"
    if failure.status in _PASSES or failure.status >= 500:
        fate = Fate.STOPS if sending.is_about_account(failure.words) else Fate.AGAIN
    elif failure.scope is Scope.QUESTION:
        fate = Fate.UNGRADED
    elif failure.status in (400, 422) and judge.learn_refusal(failure.words, dialect):
        fate = Fate.RELEARNED
    else:
        fate = Fate.STOPS if failure.scope is Scope.ENDPOINT else Fate.REFUSED
    return BatchReply(fate, None, f"no reply: {said}", used)
