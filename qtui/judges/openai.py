"""A chat model behind any OpenAI-compatible endpoint as the judge.

The library retries what is worth retrying (rate limits, server faults, broken connections), with growing pauses. A reply that
cannot be read is asked again; after that the answer is *ungraded*, never a low grade. What will not get better by itself (no key,
no quota, no such model, nobody there) stops the judge with a message that says what to do. Defaults of a server are switched off as
they are where a variant answers: a grade is not to depend on which server the judge's model runs in.
"""

import os
import time
from typing import TYPE_CHECKING, Any

from qtui.endpoints import endpoint, openai_dialect
from qtui.errors import UserError
from qtui.judges import prompt
from qtui.judges.protocol import EMPTY_REASON, Question, Reply, default_template, fingerprint
from qtui.records import JudgeSpec, Sampling
from qtui.secrets.redaction import redact, redact_message

if TYPE_CHECKING:
    import openai

REQUEST_TRIES = 6
REPLY_TRIES = 3
TIMEOUT_SECONDS = 120.0
SHOWN_CHARACTERS = 200


class OpenAIJudge:
    def __init__(self, spec: JudgeSpec) -> None:
        self.concurrency = spec.concurrency
        self._spec = spec
        check(spec)
        self._template = spec.prompt if spec.prompt is not None else default_template()
        self.fingerprint = fingerprint(spec)
        self._client = _client(spec)
        self._dialect = openai_dialect.of(spec.base_url)

    async def grade(self, question: Question, take: int) -> Reply:
        if not question.answer.strip():
            return Reply(1, EMPTY_REASON)
        began = time.perf_counter()
        text: str | None = None
        for _ in range(REPLY_TRIES):
            text = await self._ask(prompt.fill(self._template, question))
            if text is not None and (reply := prompt.read(text)):
                return Reply(reply.grade, redact(reply.reason), time.perf_counter() - began)
        if text is None:
            raise UserError(
                f"{_where(self._spec)}: what answers there does not speak OpenAI's protocol. Does base_url lack a /v1?"
                " Grades so far are kept."
            )
        shown = text[:SHOWN_CHARACTERS] + ("…" if len(text) > SHOWN_CHARACTERS else "")
        return Reply(
            None, f"no readable grade in {REPLY_TRIES} replies; the last: {shown!r}", time.perf_counter() - began
        )

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, text: str) -> str | None:
        """The reply's text, or None where what came is no reply of the protocol (a proxy's page, a body cut off)."""
        import openai

        try:
            completion = await self._complete(text)
        except openai.OpenAIError as error:
            raise UserError(_explain(error, self._spec)) from error
        except ValueError:
            return None
        return _content(completion)

    async def _complete(self, text: str) -> object:
        import openai

        sampling = Sampling(max_tokens=self._spec.max_tokens, temperature=self._spec.temperature)
        create: Any = self._client.chat.completions.create
        dialect = self._dialect  # other questions learn at the same time
        while True:
            try:
                return await create(
                    model=self._spec.model,
                    messages=[{"role": "user", "content": text}],
                    **dialect.settings(sampling),
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                other = dialect.after(error.message)
                if other is None:
                    raise
                self._dialect = dialect = other


def _content(completion: object) -> str | None:
    """The library checks nothing of a body: it may be any JSON, or a page's text."""
    try:
        choices = completion.choices  # type: ignore[attr-defined]
        content = choices[0].message.content if choices else ""
    except (AttributeError, LookupError, TypeError):
        return None
    return redact(content) if isinstance(content, str) else "" if content is None else None


def check(spec: JudgeSpec) -> None:
    """Raises UserError if the prompt has no place for the answer, or the cloud's key is not set."""
    prompt.check(spec.prompt if spec.prompt is not None else default_template())
    endpoint.know_key(spec.api_key_env)
    if spec.base_url is None and not os.environ.get(spec.api_key_env):
        raise UserError(
            f"judge {spec.label}: the environment variable {spec.api_key_env} is not set (export {spec.api_key_env}=…)."
        )


def _client(spec: JudgeSpec) -> "openai.AsyncOpenAI":
    import openai

    return endpoint.client(
        openai.AsyncOpenAI,
        spec.base_url,
        spec.api_key_env,
        max_retries=REQUEST_TRIES - 1,
        timeout=TIMEOUT_SECONDS,
    )


def _explain(error: "openai.OpenAIError", spec: JudgeSpec) -> str:
    import openai

    where = _where(spec)
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return f"{where}: the key in {spec.api_key_env} was refused ({error.status_code}). Set another and start again."
    if isinstance(error, openai.RateLimitError):
        return f"{where}: no quota left, or too many requests for too long. Grades so far are kept; start again later."
    if isinstance(error, openai.NotFoundError):
        return f'{where}: no model "{spec.model}" there (404). Check model and base_url.'
    if isinstance(error, openai.APITimeoutError):
        return f"{where}: no reply within {TIMEOUT_SECONDS:.0f} s, {REQUEST_TRIES} times. Grades so far are kept; start again."
    if isinstance(error, openai.APIConnectionError):
        return f"{where}: cannot be reached. Is the server running, and base_url right? Grades so far are kept."
    if isinstance(error, openai.APIStatusError):
        return f"{where}: refused the request ({error.status_code}): {_shown(error)}"
    return f"{where}: {error}"


def _shown(error: "openai.APIStatusError") -> str:
    """Cleaned before it is cut: half a key is no longer found."""
    return redact_message(error.message)[:SHOWN_CHARACTERS]


def _where(spec: JudgeSpec) -> str:
    return f"judge {spec.label} at {endpoint.shown(spec.base_url)}"
