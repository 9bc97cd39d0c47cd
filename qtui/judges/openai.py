"""A chat model behind any OpenAI-compatible endpoint as the judge.

The openai library retries temporary failures (rate limits, server errors, broken connections) with growing pauses. After a reply
that cannot be read the question is asked again; if no reply can be read, the answer is *ungraded*, never given a low grade. Lasting
failures (no key, no quota, no such model, no server) stop the judge with a message that says what to do. The server's sampling
defaults are switched off, as for variants: a grade must not depend on the server that runs the judge's model.
"""

import os
import time
from typing import TYPE_CHECKING, Any

from qtui.endpoints import endpoint, openai_dialect
from qtui.errors import UserError
from qtui.judges import prompt, reading
from qtui.judges.completion import Completion, read_completion
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
        check_key_and_prompt(spec)
        self._template = spec.prompt if spec.prompt is not None else default_template()
        self.fingerprint = fingerprint(spec)
        self._client = _client(spec)
        self._dialect = openai_dialect.initial_dialect(spec.base_url)

    async def grade(self, question: Question, take: int) -> Reply:
        if not question.answer.strip():
            return Reply(1, EMPTY_REASON)
        began = time.perf_counter()
        completion: Completion | None = None
        why = ""
        for _ in range(REPLY_TRIES):
            completion = await self._ask(prompt.fill(self._template, question))
            if completion is not None:
                reply = reading.read(completion)
                if reply.grade is not None:
                    return Reply(reply.grade, redact(reply.reason), time.perf_counter() - began)
                why = reply.reason
        if completion is None:
            raise UserError(
                f"{_where(self._spec)}: the server there does not speak OpenAI's protocol. Does base_url lack a /v1?"
                " Grades so far are kept."
            )
        # Whole, so that a person can see what the judge meant.
        last = f"last reply ({redact(why)}): {reading.whole_text(completion)}"
        return Reply(None, f"no readable grade in {REPLY_TRIES} replies; {last}", time.perf_counter() - began)

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, text: str) -> Completion | None:
        """The reply; None if the response does not follow the protocol (a proxy's page, a truncated body)."""
        import openai

        try:
            completion = await self._complete(text)
        except openai.OpenAIError as error:
            raise UserError(_explain(error, self._spec)) from error
        except ValueError:
            return None
        return read_completion(completion)

    async def _complete(self, text: str) -> object:
        import openai

        sampling = Sampling(max_tokens=self._spec.max_tokens, temperature=self._spec.temperature)
        create: Any = self._client.chat.completions.create
        dialect = self._dialect  # concurrent questions may replace self._dialect meanwhile
        while True:
            try:
                return await create(
                    model=self._spec.model,
                    messages=[{"role": "user", "content": text}],
                    **dialect.settings(sampling),
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                other = dialect.after_refusal(error.message)
                if other is None:
                    raise
                self._dialect = dialect = other


def check_key_and_prompt(spec: JudgeSpec) -> None:
    """Raises UserError if the prompt has no slot for the answer, or if the key for OpenAI's own server is not set."""
    prompt.check(spec.prompt if spec.prompt is not None else default_template())
    endpoint.announce_key(spec.api_key_env)
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
        return f"{where}: the key in {spec.api_key_env} was refused ({error.status_code}). Set another key and start again."
    if isinstance(error, openai.RateLimitError):
        return f"{where}: the quota is used up, or the rate limit lasts too long. Grades so far are kept; start again later."
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
    """The start of an error's message. Secrets are removed before it is cut, because half a key would not be recognized."""
    return redact_message(error.message)[:SHOWN_CHARACTERS]


def _where(spec: JudgeSpec) -> str:
    return f"judge {spec.label} at {endpoint.shown(spec.base_url)}"
