"""Whose failure is it: does one question get no reply, or would every further request fail as well?

A dead key, a wrong model name, a used-up quota or a dead server must be reported after one request. A prompt that is too long or is
filtered costs only itself. Status codes alone do not tell: Gemini refuses a key with 400, DeepSeek an unknown model with 400,
OpenRouter a flagged prompt with 403. So the server's words are read as well, and where they are not clear, what came before
decides: an endpoint that has replied works.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto

from qtui.format import rough_duration

MOST_IN_A_ROW = 8
"""Refusals in a row, without a reply between them, after which an endpoint is given up."""
MOST_FAULTS_IN_A_ROW = 3
"""The same for faults of the server (5xx, each after all retries) and refused permission (403) of an endpoint that has replied."""
OK = 200
LOST = 0
"""In place of a status: a request without a reply (a time-out, a broken connection)."""

_ABOUT_QUESTION = re.compile(
    "|".join(
        (
            r"context[ _-]?(?:length|size|window)|max_model_len|exceed_context|too many tokens|reduce the length",
            r"maximum (?:context|input|prompt|sequence|token)",
            r"(?:prompt|input|message|request|text|sequence)s?\b.{0,60}(?:too long|too large|token limit|exceed|maximum)",
            r"content[ _-]?(?:filter|policy|management|moderation|violat|inspection)|content\b.{0,20}\brisk",
            r"moderat|flagged|recitation|guardrail",
            r"safety (?:filter|system|setting|reason|polic|check)|usage (?:guideline|polic)|responsible ?ai",
            r"prohibited|harmful|jailbreak|(?:inappropriate|sensitive|unsafe) (?:content|information|data|words)",
            r"(?:prompt|content|input|response|output)\b.{0,40}blocked",
        )
    ),
    re.IGNORECASE,
)
_ABOUT_ENDPOINT = re.compile(
    "|".join(
        (
            r"api[ _-]?key|access[ _-]?token|bearer|unauthori[sz]ed|authenticat|credential|permission[ _-]?denied",
            r"quota|billing|balance|credit|payment|subscription|insufficient[ _]funds|rate[ _-]?limit|too many requests",
            r"model[ _-]?not[ _-]?(?:found|exist)|(?:invalid|unknown|unsupported|no such) model|not a valid model",
            r"model.{0,80}?(?:(?:does not|doesn't|not) exist|not (?:be )?found|(?:not|isn't) (?:available|supported|loaded))",
            r"model.{0,80}?(?:no access|is invalid|deprecated|decommissioned)|no models? (?:is |are )?loaded",
            r"deployment.{0,40}?not|invalid url|no route|not allowed to access",
        )
    ),
    re.IGNORECASE,
)


class Scope(Enum):
    """Who is concerned by a failure."""

    QUESTION = auto()
    """This request alone; others may succeed."""
    ENDPOINT = auto()
    """All requests: the key, the model's name, the quota or the server."""
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Failure:
    """A request without a usable reply, from an endpoint that could be reached."""

    status: int
    """The HTTP status; 200 for a body that is no reply, `LOST` for no reply."""
    words: str
    """What the server says, or what is wrong with its reply. May contain secrets."""
    scope: Scope
    is_reply_of_model: bool = False
    """Whether the endpoint speaks the protocol and only this reply is no answer (a filter, a tool call)."""

    @property
    def is_server_fault(self) -> bool:
        return self.status >= 500


def of_status(status: int, words: str) -> Failure:
    """Return the failure that a status (of HTTP, or the code of an error in a body) and the server's words describe."""
    return Failure(status, words, _scope(status, words))


def with_wait(failure: Failure, seconds: float | None) -> Failure:
    """Return the failure with the time that the endpoint asks to wait, if it is given."""
    if seconds is None:
        return failure
    separator = "" if not failure.words or failure.words.endswith((".", "!", "?")) else "."
    return replace(failure, words=f"{failure.words}{separator} It asks to wait {rough_duration(seconds)}".strip())


def _scope(status: int, words: str) -> Scope:
    if status in (401, 402, 407):
        return Scope.ENDPOINT
    if status in (413, 451) or _ABOUT_QUESTION.search(words):
        return Scope.QUESTION if status != 429 else Scope.ENDPOINT
    if status in (404, 405, 410, 429) or (status < 500 and _ABOUT_ENDPOINT.search(words)):
        return Scope.ENDPOINT
    return Scope.UNCLEAR


def explanation(failure: Failure, said: str, *, key_name: str, model: str, tries: int) -> str:
    """Return why an endpoint is given up and what to do. `said` are the server's words as they may be shown, `tries` those made."""
    status = failure.status
    words = f": {said.removesuffix('.')}." if said else "."
    if status in (401, 403):
        return f"the key in {key_name} was refused ({status}){words} Set a valid key and start again."
    if status in (402, 429):
        advice = "What was done so far is kept; start again later."
        return f"the quota is used up, or the rate limit lasts too long ({status}){words} {advice}"
    if status in (404, 405, 410):
        return f'no model "{model}" there ({status}){words} Check the name of the model and base_url.'
    if status == LOST:
        return f"{said.removesuffix('.')}. What was done so far is kept; start again."
    if failure.is_server_fault:
        return f"failed {tries} times ({status}){words} What was done so far is kept; start again later."
    if failure.scope is Scope.ENDPOINT:
        return f"refused the request ({status}){words} Check the key in {key_name}, the name of the model and base_url."
    return f"{MOST_IN_A_ROW} requests in a row had no usable reply; the last one ({status}){words} Check base_url and the model."


class History:
    """What an endpoint has done so far in this process, to decide about failures that are not clear."""

    def __init__(self) -> None:
        self.has_replied = False
        self._in_a_row = 0

    def note_reply(self) -> None:
        """A request was replied to."""
        self.has_replied = True
        self._in_a_row = 0

    def ends_with(self, failure: Failure) -> bool:
        """Note a failure. Return whether the endpoint is given up, because further requests would fail as well."""
        if failure.scope is Scope.ENDPOINT:
            return True
        if failure.scope is Scope.QUESTION and self.has_replied:
            return False
        self._in_a_row += 1
        if failure.scope is Scope.QUESTION or not (failure.is_server_fault or failure.status in (403, LOST)):
            return self._in_a_row >= MOST_IN_A_ROW
        return not self.has_replied or self._in_a_row >= MOST_FAULTS_IN_A_ROW
