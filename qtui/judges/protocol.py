"""The interface of a judge: questions, replies, and the fingerprint of its settings."""

from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any, Protocol, assert_never

from qtui.judge_prompts import find_slots, own_pairwise_template, own_template
from qtui.records import (
    FIVE_POINTS,
    NOTHING_USED,
    UNKNOWN_USAGE,
    Choice,
    JudgeFacts,
    JudgeSpec,
    Scale,
    Turn,
    Usage,
    content_hash,
)

_EMPTY, _UNASKED = "empty answer: graded ", " without asking"
_SAME, _BOTH_EMPTY, _ONE_EMPTY = (f"{why}{_UNASKED}" for why in ("equal answers: a tie", "both answers are empty: a tie",
                                                                "an empty answer loses"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class SecondAnswer:
    """The answer that a pairwise judge is shown after the first one."""

    answer: str
    earlier: tuple[Turn, ...] = ()
    """As in `Question`, with the answers of this answer's variant."""


@dataclass(frozen=True, slots=True)
class Question:
    """One task and one answer to it, or two that are compared."""

    input: str
    reference: str
    criteria: str
    answer: str
    earlier: tuple[Turn, ...] = ()
    """The turns before this one in its conversation, with the answers of the variant that is graded."""
    second: SecondAnswer | None = None
    """Only for a pairwise judge: `answer` and `earlier` are then those of the first answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """`grade` is a number of the judge's scale, of a pairwise judge a `Choice`. None: no reply could be read, see `reason`."""

    grade: int | None
    reason: str
    seconds: float | None = None
    left_out: tuple[str, ...] | None = None
    """Settings that the endpoint refused, so that its own values applied; None if no endpoint was asked."""
    is_refused: bool = False
    """Whether the endpoint gave no reply to this question, and the cause is not known to be the question."""
    usage: Usage = UNKNOWN_USAGE
    """What the requests for this grade used, those in vain included."""
    is_unasked: bool = False
    """Whether no judge was asked, because an answer is empty or two are equal."""


class Judge(Protocol):
    concurrency: int
    """How many questions may be asked at once."""
    fingerprint: str
    """See `fingerprint`; grades of two fingerprints are not on the same scale."""

    async def grade(self, question: Question, take: int) -> Reply:
        """Grade one answer. Raises UserError if further requests would fail too (no key, no quota, no server)."""
        ...

    @property
    def facts(self) -> JudgeFacts:
        """How the endpoint is asked, as far as found out."""
        ...

    async def close(self) -> None: ...


def unasked_reply(spec: JudgeSpec, question: Question) -> Reply | None:
    """Return the reply to a question that no judge is asked; None if it is.

    An empty answer has the lowest grade. Of two, equal ones (in equal conversations) and empty ones are a tie, and an empty one
    loses. White space around an answer says nothing.
    """
    first = question.answer.strip()
    if question.second is None:
        return None if first else empty_reply(spec.scale)
    second = question.second.answer.strip()
    if not first and not second:
        return _unasked(Choice.TIE, _BOTH_EMPTY)
    if not first or not second:
        return _unasked(Choice.FIRST if first else Choice.SECOND, _ONE_EMPTY)
    is_same = first == second and question.earlier == question.second.earlier
    return _unasked(Choice.TIE, _SAME) if is_same else None


def is_unasked_choice(reason: str) -> bool:
    """Whether a stored preference with this reason was decided without asking the judge."""
    return reason in (_SAME, _BOTH_EMPTY, _ONE_EMPTY)


def _unasked(choice: Choice, reason: str) -> Reply:
    return Reply(choice, reason, usage=NOTHING_USED, is_unasked=True)


def empty_reply(scale: Scale) -> Reply:
    """Return the reply to an empty answer: the lowest grade, without asking."""
    reason = f"{_EMPTY}{scale.lowest}{_UNASKED}"
    return Reply(scale.lowest, reason, usage=NOTHING_USED, is_unasked=True)


def is_of_empty_answer(reason: str) -> bool:
    """Whether a stored grade with this reason was given to an empty answer, without asking the judge."""
    return reason.startswith(_EMPTY) and reason.endswith(_UNASKED)


def fingerprint(spec: JudgeSpec) -> str:
    """Hash of everything that decides a judge's grades. Sends no request.

    Settings that older versions did not have are part of it only where they are set: fingerprints of older judges stay.
    """
    if spec.kind == "reference":
        return content_hash("reference", "chrF", version("sacrebleu"), *_scale(spec))
    if spec.kind != "openai":
        assert_never(spec.kind)
    # Until these defaults were switched off, other servers than OpenAI's graded with their own: on another scale.
    defaults = ["defaults off"] if spec.base_url else []
    added = {"system": spec.system, "reasoning effort": spec.reasoning_effort}
    newer = [{name: value for name, value in added.items() if value is not None}] if any(added.values()) else []
    kind = "openai pairwise" if spec.pairwise else "openai"
    return content_hash(
        kind, spec.model, template(spec), spec.temperature, spec.max_tokens, *defaults, *newer, *_scale(spec)
    )


def template(spec: JudgeSpec) -> str:
    """The text of a judge's prompt template: its own, or qtui's for its scale or for two answers."""
    if spec.prompt is not None:
        return spec.prompt
    return own_pairwise_template() if spec.pairwise else own_template(spec.scale)


def _scale(spec: JudgeSpec) -> list[dict[str, Any]]:
    """The scale, if it is not 1–5, or if the prompt is told it."""
    if spec.pairwise:
        return []
    is_told = spec.kind == "openai" and "scale" in find_slots(template(spec) + (spec.system or ""))
    return [{"scale": asdict(spec.scale)}] if is_told or spec.scale != FIVE_POINTS else []
