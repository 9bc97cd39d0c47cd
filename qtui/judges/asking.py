"""Asking a chat model behind an OpenAI-compatible endpoint something, until its reply can be read.

What is asked and how a reply is read is the caller's: a grade, or which of two answers is better. What all have in common is here.
Faults that pass are tried again (`endpoints.sending`), and limits of the endpoint are kept. After a reply that cannot be read the
question is asked again. A question that the endpoint refuses or filters costs that question alone. Lasting failures (no key, no
quota, no such model, no server) stop the judge with a message that says what to do (see `endpoints.failures`). The server's
sampling defaults are switched off, as for variants: a grade must not depend on the server that runs the judge's model.

The reply is bound to its form by the endpoint itself, if it can do that: by a JSON schema, else to a JSON object, else only by the
prompt's words. The first questions find out which; a refusal costs no grade, and the same question is asked again in the next form.
"""

import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qtui.endpoints import (
    allowance,
    budget,
    completion,
    endpoint,
    failures,
    openai_dialect,
    rate_limits,
    sending,
    token_estimate,
)
from qtui.endpoints.allowance import Outgoing
from qtui.endpoints.budget import Bound
from qtui.endpoints.completion import Completion
from qtui.endpoints.failures import Failure, History, Scope
from qtui.endpoints.openai_dialect import Dialect, SharedDialect
from qtui.endpoints.sending import Received
from qtui.errors import UserError
from qtui.judges import reading
from qtui.records import NOTHING_USED, JudgeFacts, JudgeSpec, Sampling, Usage
from qtui.secrets.redaction import redact_message

if TYPE_CHECKING:
    import openai

REPLY_TRIES = 3
TIMEOUT_SECONDS = 120.0
SHOWN_CHARACTERS = 300

Messages = Sequence[Mapping[str, str]]
Read = Callable[[Completion], str | None]
"""Reads a reply. Returns None if it could be read, else why it could not."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a question."""

    problem: str
    """Why there is no reply that could be read; empty if there is one."""
    usage: Usage
    """What all its requests used."""
    seconds: float
    is_refused: bool = False
    """See `Reply.is_refused`."""
    left_out: tuple[str, ...] | None = None
    """Settings that the endpoint refused for the reply that could be read; None if there is none."""


class Asker:
    """Asks one judge's endpoint. `schema` is the JSON schema of a reply."""

    def __init__(self, spec: JudgeSpec, known: JudgeFacts, schema: Mapping[str, Any]) -> None:
        self._spec = spec
        self._schema = schema
        self._client = _client(spec)
        self._limiter = rate_limits.limiter(spec.base_url, spec.api_key_env, spec.model)
        dialect = openai_dialect.initial_dialect(spec.base_url, known.reply_form or "json_schema")
        self._dialect = SharedDialect(replace(dialect, refused=frozenset(known.refused), limit_name=known.limit_name))
        self._known = known
        self._history = History()
        self._form_is_proven = known.reply_form is not None
        """Whether a reply in the present form was readable."""

    @property
    def facts(self) -> JudgeFacts:
        """How the endpoint is asked, as far as found out."""
        dialect = self._dialect.now
        left_out = {*self._known.left_out, *self.left_out(dialect)}
        form = dialect.reply_form if self._form_is_proven else None
        return JudgeFacts(form, tuple(sorted(left_out)), tuple(sorted(dialect.refused)), dialect.limit_name)

    def body(self, messages: Messages) -> dict[str, Any]:
        """Return the JSON of one request, in the dialect that is known now."""
        return {"model": self._spec.model, "messages": list(messages), **self._settings(self._dialect.now)}

    def prove_form(self) -> None:
        """Note that a reply in the present form was readable, for whoever sends the requests otherwise."""
        self._form_is_proven = True

    @property
    def dialect(self) -> Dialect:
        """The dialect that `body` uses now."""
        return self._dialect.now

    def learn_refusal(self, words: str, used: Dialect) -> bool:
        """Learn from the words in which a request in a dialect, sent otherwise, was refused. Return whether to ask in another."""
        return self._dialect.after_refusal(used, words, self._settings(used)) is not None

    def left_out(self, dialect: Dialect) -> tuple[str, ...]:
        """Return the settings that a dialect does not send, although they are wanted."""
        left_out = dialect.left_out(self._sampling, has_seed=False)
        return tuple(name for name in left_out if name != "temperature" or self._spec.temperature is not None)

    async def ask(self, messages: Messages, read: Read) -> Asked:
        """Ask until `read` can read the reply. Raises UserError if further questions would fail too, SpentError if none may be."""
        began = time.perf_counter()
        usage = NOTHING_USED
        outcome: Completion | Failure | None = None
        why: str | None = ""
        for _ in range(REPLY_TRIES):
            outcome, used, used_now = await self._ask(messages)
            usage += used_now
            if isinstance(outcome, Completion):
                why = read(outcome)
                if why is None:
                    self._form_is_proven = True
                    return Asked("", usage, time.perf_counter() - began, left_out=self.left_out(used))
                if not outcome.text.lstrip().startswith("{"):
                    self._dialect.learn(self._looser(used) or used)
            elif outcome.status != failures.OK or outcome.scope is Scope.ENDPOINT:
                break
        assert outcome is not None
        seconds = time.perf_counter() - began
        if isinstance(outcome, Failure):
            return self._unanswered(outcome, usage, seconds)
        noun = "choice" if self._spec.pairwise else "grade"
        last = reading.last_reply(outcome, why or "")
        return Asked(f"no readable {noun} in {REPLY_TRIES} replies; {last}", usage, seconds)

    async def close(self) -> None:
        await self._client.close()

    def _unanswered(self, failure: Failure, usage: Usage, seconds: float) -> Asked:
        """Return why one question has no reply. Raises UserError if no other question would have one either."""
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
            tries = usage.requests or sending.TRIES
            raise UserError(f"{where}: {failures.explanation(failure, said, **names, tries=tries)}")
        if failure.status == failures.LOST:
            return Asked(f"no reply: {said}", usage, seconds, is_refused=True)
        refused = said if failure.status == failures.OK else f"refused the question ({failure.status}): {said}"
        return Asked(f"no reply: the endpoint {refused}", usage, seconds, is_refused=failure.scope is Scope.UNCLEAR)

    async def _ask(self, messages: Messages) -> tuple[Completion | Failure, Dialect, Usage]:
        """Ask once in a dialect that the endpoint takes. Returns what came of it, the dialect, and what it used."""
        dialect = self._dialect.now
        usage = NOTHING_USED
        while True:
            settings = self._settings(dialect)
            outcome, used = await self._send(messages, settings)
            usage += used
            if isinstance(outcome, Completion):
                self._history.note_reply()
                self._dialect.learn(dialect)
                return outcome, dialect, usage
            self._check_effort(outcome)
            other = self._dialect.after_refusal(dialect, outcome.words, settings)
            if other is None and outcome.scope is Scope.UNCLEAR and "response_format" in settings:
                # Some servers refuse a form without naming it. It is left out for good only if they reply without it.
                other = self._looser(dialect)
            if other is None or outcome.status == failures.LOST:
                return outcome, dialect, usage
            dialect = other

    async def _send(self, messages: Messages, settings: Mapping[str, Any]) -> tuple[Completion | Failure, Usage]:
        """Send a question until there is a reply. Raises UserError if the endpoint cannot be reached."""
        create = self._client.chat.completions.with_raw_response.create
        # Settings are sent as they are, also those that the library does not know.
        content = {"model": self._spec.model, "messages": messages, "extra_body": settings}
        paid = self._paid(messages, lambda: sending.receive(create, **content))
        request = allowance.allowed(paid, self.outgoing(messages))
        sent = await sending.send(request, self._limiter)
        try:
            failure = sent.failure()
        except UserError as error:
            raise UserError(f"{_where(self._spec)}: {error} Grades so far are kept.") from None
        in_vain = Usage(sent.requests - 1, 0, 0, 0) if not sent.lost else Usage(sent.requests - 1)
        if failure is not None:
            return failure, in_vain + Usage(1, 0, 0, 0)
        body = sent.received.body
        return completion.read(body, "chat"), in_vain + completion.usage(body)

    def outgoing(self, messages: Messages, *, in_batch: bool = False) -> Outgoing:
        """Return a request with these messages, for an allowance."""
        spec = self._spec
        return Outgoing(spec.model, spec.base_url, messages, self._schema, spec.max_tokens, in_batch)

    def bound(self, messages: Messages) -> Bound | None:
        """Return the most that one request with these messages costs; None without a budget. Raises UserError without a price."""
        purse = budget.current()
        if purse is None:
            return None
        prompt = token_estimate.most_messages(messages) + token_estimate.most(json.dumps(self._schema))
        return purse.bound(self._spec.model, self._spec.base_url, prompt, self._spec.max_tokens)

    def _paid(
        self, messages: Messages, request: Callable[[], Awaitable[Received]]
    ) -> Callable[[], Awaitable[Received]]:
        """Return the request, paid from the budget if there is one: then it may raise BudgetSpentError."""
        purse, bound = budget.current(), self.bound(messages)
        if purse is None or bound is None:
            return request

        async def paid() -> Received:
            reserved = await purse.enter(bound)
            received = Received()
            try:
                received = await request()
            finally:
                purse.leave(reserved, bound, budget.used_by(received))
            return received

        return paid

    def _settings(self, dialect: Dialect) -> dict[str, Any]:
        """The settings of a request, by name."""
        settings = dialect.settings(self._sampling, schema=self._schema)
        if self._spec.temperature is None:
            settings.pop("temperature", None)
        if self._spec.reasoning_effort is not None:
            settings["reasoning_effort"] = self._spec.reasoning_effort
        return settings

    def _check_effort(self, failure: Failure) -> None:
        """Raises UserError if the endpoint refuses the reasoning effort: the user chose it, so it is never left out."""
        effort = self._spec.reasoning_effort
        if (
            effort is None
            or failure.status not in (400, 422)
            or not openai_dialect.is_named("reasoning_effort", failure.words)
        ):
            return
        raise UserError(
            f'{_where(self._spec)}: does not take reasoning_effort = "{effort}" ({failure.status}): {_shown(failure.words)}'
            " Choose another one, or leave it out."
        )

    def _looser(self, used: Dialect) -> Dialect | None:
        """Return the dialect with the next form of reply; None if there is none, or if a reply in the present one was readable."""
        return None if self._form_is_proven else used.with_next_form()

    @property
    def _sampling(self) -> Sampling:
        return Sampling(max_tokens=self._spec.max_tokens, temperature=self._spec.temperature or 0.0)


def check_key(spec: JudgeSpec) -> None:
    """Raises UserError if the key for OpenAI's own server is not set, or if it is not clear which server is meant."""
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

    return endpoint.client(openai.AsyncOpenAI, spec.base_url, spec.api_key_env, max_retries=0, timeout=TIMEOUT_SECONDS)


def _shown(words: str) -> str:
    """The start of a server's words. Secrets are removed before they are cut, because half a key would not be recognized."""
    said = redact_message(words).strip() or "it gives no reason"
    return said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "…"


def _where(spec: JudgeSpec) -> str:
    return f"judge {spec.label} at {endpoint.shown(spec.base_url)}"
