"""A chat model behind any OpenAI-compatible endpoint as the judge.

The openai library retries temporary failures (rate limits, server errors, broken connections) with growing pauses. After a reply
that cannot be read the question is asked again; if no reply can be read, the answer is *ungraded*, never given a low grade. A
question that the endpoint refuses or filters costs that grade. Lasting failures (no key, no quota, no such model, no server) stop
the judge with a message that says what to do (see `endpoints.failures`). The server's sampling defaults are switched off, as for
variants: a grade must not depend on the server that runs the judge's model.

The reply is bound to its form by the endpoint itself, if it can do that: by a JSON schema, else to a JSON object, else only by the
prompt's words. The first questions find out which; a refusal costs no grade, and the same question is asked again in the next form.
"""

import os
import time
from typing import TYPE_CHECKING, Any

from qtui.endpoints import completion, endpoint, failures, openai_dialect, server_words
from qtui.endpoints.completion import Completion
from qtui.endpoints.failures import Failure, History, Scope
from qtui.endpoints.openai_dialect import Dialect, SharedDialect
from qtui.errors import UserError
from qtui.judges import prompt, reading
from qtui.judges.protocol import EMPTY_REASON, Question, Reply, default_template, fingerprint
from qtui.records import JudgeFacts, JudgeSpec, Sampling
from qtui.secrets.redaction import redact, redact_message

if TYPE_CHECKING:
    import openai

REQUEST_TRIES = 6
REPLY_TRIES = 3
TIMEOUT_SECONDS = 120.0
SHOWN_CHARACTERS = 300
SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "grade": {"type": "integer", "minimum": reading.LOWEST, "maximum": reading.HIGHEST},
    },
    "required": ["reason", "grade"],
    "additionalProperties": False,
}
"""JSON schema of a reply. The reason comes first, because a grade that comes first is given before the reason is thought of."""


class OpenAIJudge:
    def __init__(self, spec: JudgeSpec, known: JudgeFacts) -> None:
        self.concurrency = spec.concurrency
        self._spec = spec
        check_key_and_prompt(spec)
        self._template = spec.prompt if spec.prompt is not None else default_template()
        self.fingerprint = fingerprint(spec)
        self._client = _client(spec)
        self._dialect = SharedDialect(openai_dialect.initial_dialect(spec.base_url, known.reply_form or "json_schema"))
        self._known = known
        self._history = History()
        self._form_is_proven = known.reply_form is not None
        """Whether a reply in the present form was readable."""

    @property
    def facts(self) -> JudgeFacts:
        dialect = self._dialect.now
        left_out = {*self._known.left_out, *dialect.left_out(self._sampling, has_seed=False)}
        return JudgeFacts(dialect.reply_form if self._form_is_proven else None, tuple(sorted(left_out)))

    async def grade(self, question: Question, take: int) -> Reply:
        if not question.answer.strip():
            return Reply(1, EMPTY_REASON)
        began = time.perf_counter()
        filled = prompt.fill(self._template, question)
        outcome: Completion | Failure | None = None
        why = ""
        for _ in range(REPLY_TRIES):
            outcome, used = await self._ask(filled)
            if isinstance(outcome, Completion):
                reply = reading.read(outcome, prompt=filled, answer=question.answer)
                if reply.grade is not None:
                    self._form_is_proven = True
                    left_out = used.left_out(self._sampling, has_seed=False)
                    return Reply(reply.grade, redact(reply.reason), time.perf_counter() - began, left_out)
                why = reply.reason
                self._dialect.learn(self._looser(used) or used)
            elif outcome.status != failures.OK or outcome.scope is Scope.ENDPOINT:
                break
        assert outcome is not None
        seconds = time.perf_counter() - began
        if isinstance(outcome, Failure):
            return self._ungraded(outcome, seconds)
        # Whole, so that a person can see what the judge meant.
        last = f"last reply ({redact(why)}): {redact(reading.whole_text(outcome))}"
        return Reply(None, f"no readable grade in {REPLY_TRIES} replies; {last}", seconds)

    async def close(self) -> None:
        await self._client.close()

    def _ungraded(self, failure: Failure, seconds: float) -> Reply:
        """Return why one question has no grade. Raises UserError if no other question would have one either."""
        said = _shown(failure.words)
        where = _where(self._spec)
        speaks_another_protocol = failure.status == failures.OK and not failure.is_reply_of_model
        if speaks_another_protocol and not self._history.has_replied:
            raise UserError(
                f"{where}: the server there does not speak OpenAI's protocol. Does base_url lack a /v1? It {said}."
                " Grades so far are kept."
            )
        if self._history.ends_with(failure):
            names = {"key_name": self._spec.api_key_env, "model": self._spec.model}
            raise UserError(f"{where}: {failures.explanation(failure, said, **names, tries=REQUEST_TRIES)}")
        refused = said if failure.status == failures.OK else f"refused the question ({failure.status}): {said}"
        return Reply(None, f"no reply: the endpoint {refused}", seconds, is_refused=failure.scope is Scope.UNCLEAR)

    async def _ask(self, text: str) -> tuple[Completion | Failure, Dialect]:
        """Ask once in a dialect that the endpoint takes. Returns what came of it, and the dialect."""
        import openai

        dialect = self._dialect.now
        while True:
            settings = dialect.settings(self._sampling, schema=SCHEMA)
            try:
                outcome = await self._send(text, settings)
            except openai.OpenAIError as error:
                raise UserError(_explain_unreached(error, self._spec)) from error
            if isinstance(outcome, Completion):
                self._history.note_reply()
                self._dialect.learn(dialect)
                return outcome, dialect
            other = self._dialect.after_refusal(dialect, outcome.words, settings)
            if other is None and outcome.scope is Scope.UNCLEAR and "response_format" in settings:
                # Some servers refuse a form without naming it. It is left out for good only if they reply without it.
                other = self._looser(dialect)
            if other is None:
                return outcome, dialect
            dialect = other

    async def _send(self, text: str, settings: dict[str, Any]) -> Completion | Failure:
        """Send a question once (the library retries passing faults). Raises OpenAIError if the endpoint cannot be reached."""
        import openai

        create: Any = self._client.chat.completions.with_raw_response.create
        messages = [{"role": "user", "content": text}]
        try:
            # Settings are sent as they are, also those that the library does not know.
            response = await create(model=self._spec.model, messages=messages, extra_body=settings)
        except openai.APIStatusError as error:
            return failures.of_status(error.status_code, server_words.words(error.response.content))
        return completion.read(response.http_response.content, "chat")

    def _looser(self, used: Dialect) -> Dialect | None:
        """Return the dialect with the next form of reply; None if there is none, or if a reply in the present one was readable."""
        return None if self._form_is_proven else used.with_next_form()

    @property
    def _sampling(self) -> Sampling:
        return Sampling(max_tokens=self._spec.max_tokens, temperature=self._spec.temperature)


def check_key_and_prompt(spec: JudgeSpec) -> None:
    """Raises UserError if the prompt has no slot for the answer, or if the key for OpenAI's own server is not set.

    Also if it is not clear which server is meant.
    """
    prompt.check(spec.prompt if spec.prompt is not None else default_template())
    endpoint.announce_key(spec.api_key_env)
    try:
        endpoint.check_no_other_address(spec.base_url)
    except UserError as error:
        raise UserError(f"judge {spec.label}: {error}") from None
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


def _explain_unreached(error: "openai.OpenAIError", spec: JudgeSpec) -> str:
    import openai

    where = _where(spec)
    if isinstance(error, openai.APITimeoutError):
        return f"{where}: no reply within {TIMEOUT_SECONDS:.0f} s, {REQUEST_TRIES} times. Grades so far are kept; start again."
    if isinstance(error, openai.APIConnectionError):
        return f"{where}: cannot be reached. Is the server running, and base_url right? Grades so far are kept."
    return f"{where}: {error}"


def _shown(words: str) -> str:
    """The start of a server's words. Secrets are removed before they are cut, because half a key would not be recognized."""
    said = redact_message(words).strip() or "it gives no reason"
    return said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "…"


def _where(spec: JudgeSpec) -> str:
    return f"judge {spec.label} at {endpoint.shown(spec.base_url)}"
