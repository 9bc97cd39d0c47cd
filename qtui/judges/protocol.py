"""What a judge is asked and what it replies, and which judge an experiment means."""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Protocol

from qtui import paths
from qtui.endpoints import endpoint
from qtui.errors import UserError
from qtui.records import JudgeSpec, content_hash

EMPTY_REASON = "empty answer: graded 1 without asking"


@dataclass(frozen=True, slots=True)
class Question:
    """One answer held against its task."""

    input: str
    reference: str
    criteria: str
    answer: str


@dataclass(frozen=True, slots=True)
class Reply:
    """`grade` is 1–5, or None where no reply could be read: *ungraded*, with the cause in `reason`."""

    grade: int | None
    reason: str
    seconds: float | None = None


class Judge(Protocol):
    concurrency: int
    """How many questions may be open at once."""
    fingerprint: str
    """See `fingerprint`; grades of two fingerprints are not on the same scale."""

    async def grade(self, question: Question, take: int) -> Reply:
        """Grade one answer. Raises UserError where going on makes no sense (no key, no quota, nobody there)."""
        ...

    async def close(self) -> None: ...


def fingerprint(spec: JudgeSpec) -> str:
    """Hash of everything that decides a judge's grades, without asking it anything."""
    if spec.kind == "reference":
        return content_hash("reference", "chrF", version("sacrebleu"))
    template = spec.prompt if spec.prompt is not None else default_template()
    # A server of one's own used to grade with its own defaults: those grades are not on the same scale.
    defaults = ["defaults off"] if spec.base_url else []
    return content_hash("openai", spec.model, template, spec.temperature, spec.max_tokens, *defaults)


def default_template() -> str:
    """qtui's own prompt for a judge."""
    return (paths.data() / "prompts" / "grade-ja.txt").read_text(encoding="utf-8")


def check(spec: JudgeSpec) -> None:
    """Raises UserError if a judge that a person describes cannot work here, or would put a secret into the store.

    The judge itself is not asked.
    """
    if spec.kind == "openai":
        from qtui.judges import openai

        address = spec.base_url or ""
        problems = [
            ("base_url", problem) for problem in (endpoint.address_problem(address), *endpoint.unset_variables(address))
        ]
        if spec.api_key_env:
            problems.append(("api_key_env", endpoint.key_name_problem(spec.api_key_env)))
        if lines := [f"judge {spec.label}: {key}: {problem}" for key, problem in problems if problem]:
            raise UserError("\n".join(lines))
        openai.check(spec)


def make(spec: JudgeSpec) -> Judge:
    """The judge that a spec describes. Raises UserError if it cannot work here (its key is not set, say)."""
    if spec.kind == "reference":
        from qtui.judges.reference import ReferenceJudge

        return ReferenceJudge(fingerprint(spec))
    from qtui.judges.openai import OpenAIJudge

    return OpenAIJudge(spec)
