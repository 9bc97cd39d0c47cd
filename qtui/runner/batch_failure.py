"""Why an endpoint did not work on a batch as a whole, and whether the next one would fare better."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qtui.endpoints import failures, sending, server_words
from qtui.endpoints.batches import Seen
from qtui.endpoints.failures import Scope
from qtui.judges.openai import OpenAIJudge
from qtui.records import JudgeSpec
from qtui.secrets.redaction import redact_message

_FULL = re.compile(r"token_limit_exceeded|enqueued[ _]token|too many (?:enqueued|pending)", re.IGNORECASE)
_OF_ACCOUNT = re.compile(r"billing|quota|credit|payment", re.IGNORECASE)
_PASSES = re.compile(r"internal|server[_ ]error|try again|temporar|unavailable|timeout", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A batch that was not worked on."""

    kind: Literal["full", "again", "stops"]
    """Too many tokens are waiting at the endpoint; the next batch may be taken; every batch would be refused."""
    words: str
    """What the endpoint says, without secrets."""
    lines: Mapping[int, str] = field(default_factory=dict)
    """Reasons of lines (from 1) that alone were refused."""


def is_full(words: str) -> bool:
    """Return whether an endpoint says that too many tokens of batches are waiting."""
    return _FULL.search(words) is not None


def refusal(judge: OpenAIJudge, seen: Seen, questions: int) -> Refusal:
    """Return why a batch failed before its first reply, and learn from it which settings the endpoint takes."""
    said = [f"{problem.message or problem.code}" for problem in seen.problems]
    codes = " ".join(problem.code for problem in seen.problems)
    whole = "; ".join(dict.fromkeys(filter(None, said)))
    words = redact_message(server_words.shown(whole)) or "no reason given"
    if is_full(f"{codes} {whole}"):
        return Refusal("full", words)
    if is_about_account(f"{codes} {whole}"):
        return Refusal("stops", words)
    dialect = judge.dialect
    if any(judge.learn_refusal(problem.message, dialect) for problem in seen.problems):
        return Refusal("again", words)
    lines = {
        problem.line: server_words.shown(problem.message or problem.code)
        for problem in seen.problems
        if problem.line is not None and 1 <= problem.line <= questions
    }
    if failures.of_status(400, f"{codes} {whole}").scope is Scope.ENDPOINT:
        return Refusal("stops", words)
    if lines and len(lines) < questions and all(problem.line for problem in seen.problems):
        return Refusal("again", words, lines)
    is_passing = not seen.problems or _PASSES.search(f"{codes} {whole}")
    return Refusal("again" if is_passing else "stops", words)


def is_about_account(words: str) -> bool:
    """Return whether an endpoint says that the account cannot pay."""
    return sending.is_about_account(words) or _OF_ACCOUNT.search(words) is not None


def failed(where: str, batch_id: str, why: Refusal, spec: JudgeSpec) -> str:
    """Return the sentence about a batch after which no other is submitted."""
    advice = f"Check the model's name ({spec.model}), and whether the endpoint takes it in batches."
    if why.kind == "full":
        advice = "Too many tokens wait there. Start again when other batches of the account are done."
    elif is_about_account(why.words):
        advice = f"Check the account of the key in {spec.api_key_env}, and start again."
    elif why.kind == "again":
        advice = "Start again later."
    name = f"the batch {batch_id}" if batch_id else "a batch"
    return f"{where}: {name} failed: {why.words.removesuffix('.')}. {advice} Grades so far are kept."


def stopped(where: str, reason: str, spec: JudgeSpec) -> str:
    """Return the sentence about questions in a batch that were refused for a reason that concerns all of them."""
    advice = f"Check the key in {spec.api_key_env}, its account and the model's name ({spec.model}), and start again."
    return f"{where}: {reason.removesuffix('.')}. {advice} Grades so far are kept; the other questions were not asked again."
