"""The interface of a judge: questions, replies, and the fingerprint of its settings."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol, assert_never

from qtui import paths
from qtui.records import JudgeFacts, JudgeSpec, content_hash

EMPTY_REASON = "empty answer: graded 1 without asking"


@dataclass(frozen=True, slots=True)
class Question:
    """One task and one answer to it."""

    input: str
    reference: str
    criteria: str
    answer: str


@dataclass(frozen=True, slots=True)
class Reply:
    """`grade` is 1–5, or None if no reply could be read: the answer is *ungraded*, with the cause in `reason`."""

    grade: int | None
    reason: str
    seconds: float | None = None
    left_out: tuple[str, ...] | None = None
    """Settings that the endpoint refused, so that its own values applied; None if no endpoint was asked."""
    is_refused: bool = False
    """Whether the endpoint gave no reply to this question, and the cause is not known to be the question."""


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


def fingerprint(spec: JudgeSpec) -> str:
    """Hash of everything that decides a judge's grades. Sends no request."""
    if spec.kind == "reference":
        return content_hash("reference", "chrF", version("sacrebleu"))
    if spec.kind != "openai":
        assert_never(spec.kind)
    template = spec.prompt if spec.prompt is not None else default_template()
    # Until these defaults were switched off, other servers than OpenAI's graded with their own: on another scale.
    defaults = ["defaults off"] if spec.base_url else []
    return content_hash("openai", spec.model, template, spec.temperature, spec.max_tokens, *defaults)


def default_template() -> str:
    """The text of the prompt template that comes with qtui."""
    return (paths.data() / "prompts" / "grade-ja.txt").read_text(encoding="utf-8")
