"""A model behind an OpenAI-compatible endpoint (vLLM, llama-server, Ollama, a cloud): chat or plain completions, several at once.

A chat endpoint applies the model's template, so a prompt is the user message and, if there is one, the system message; plain
completions get the rendered prompt, as the other engines do. Temporary errors (rate limits, server errors, broken connections) are
tried again under the limits that all requests share, as for the judge (`endpoints.sending`). A reply that is no answer costs that
answer; a failure that every other request would meet as well ends the variant (see `endpoints.failures`).
"""

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

import openai

from qtui.endpoints import completion, endpoint, failures, openai_dialect, rate_limits, sending, thinking
from qtui.endpoints.completion import Completion
from qtui.endpoints.failures import Failure, History
from qtui.endpoints.openai_dialect import Dialect, SharedDialect
from qtui.endpoints.rate_limits import RateLimiter
from qtui.engines.decoding import slot_count
from qtui.engines.decoding.meter import INTERVAL, Meter
from qtui.engines.protocol.answering import Answered, Progress, Prompt, Request, Unanswered
from qtui.errors import UserError
from qtui.files.text_decoding import storable
from qtui.records import Thoughts, VariantSpec
from qtui.secrets.redaction import redact, redact_message
from qtui.thinking import Tags
from qtui.variant_facts import VariantFacts

TIMEOUT_SECONDS = 600.0
"""Timeout of one request. A long answer of a large model on a small machine takes minutes."""

SHOWN_CHARACTERS = 300


def load_engine(variant: VariantSpec, requests: Sequence[Request]) -> "OpenAIEngine":
    """Return the engine, ready for requests. Raises UserError if the key is not set."""
    key_name = variant.api_key_env or "OPENAI_API_KEY"
    where = endpoint.shown(variant.base_url)
    endpoint.announce_key(key_name)
    endpoint.check_no_other_address(variant.base_url)
    if not os.environ.get(key_name) and (variant.base_url is None or variant.api_key_env):
        raise UserError(
            f"the environment variable {key_name} with the key for {where} is not set (export {key_name}=…)"
        )
    slots = max(1, min(slot_count.slots_for(variant, "cpu"), len(requests)))
    return OpenAIEngine(
        variant=variant,
        key_name=key_name,
        client=endpoint.client(openai.OpenAI, variant.base_url, key_name, max_retries=0, timeout=TIMEOUT_SECONDS),
        slots=slots,
        dialect=SharedDialect(openai_dialect.initial_dialect(variant.base_url)),
        limiter=rate_limits.limiter(variant.base_url, key_name, variant.weights),
        loaded_facts=VariantFacts(slots=slots, device=where),
    )


@dataclass(eq=False)
class OpenAIEngine:
    """The engine for one endpoint; created by `load_engine`."""

    variant: VariantSpec
    key_name: str
    """The environment variable with the key."""
    client: openai.OpenAI
    slots: int
    """Maximum number of concurrent requests."""
    dialect: SharedDialect
    """The settings that this endpoint accepts; learned from its error responses."""
    limiter: RateLimiter
    """The endpoint's rate limits."""
    loaded_facts: VariantFacts
    meter: Meter = field(default_factory=Meter)
    history: History = field(default_factory=History)
    is_given_up: threading.Event = field(default_factory=threading.Event)
    """Set when the variant has failed: requests that wait are not sent any more."""

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Answer all requests; see `Engine.answer`. Raises UserError if the endpoint cannot answer."""
        self.meter = Meter()
        with ThreadPoolExecutor(self.slots, thread_name_prefix="request") as pool:
            pending: set[Future[Answered | Unanswered]] = {pool.submit(self._ask, request) for request in requests}
            try:
                while pending:
                    done, pending = wait(pending, timeout=INTERVAL, return_when=FIRST_COMPLETED)
                    for finished in done:
                        yield self._count_tokens(finished.result())
                    progress = self.meter.due(min(len(pending), self.slots))
                    if progress:
                        yield progress
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def facts(self) -> VariantFacts:
        """Return what was measured while answering."""
        return self.meter.facts()

    @property
    def where(self) -> str:
        """The endpoint's address, for messages."""
        return endpoint.shown(self.variant.base_url)

    def _count_tokens(self, answered: Answered | Unanswered) -> Answered | Unanswered:
        if isinstance(answered, Answered):
            self.meter.prompt_tokens += answered.prompt_tokens
            self.meter.completion_tokens += answered.completion_tokens
        return answered

    def _ask(self, request: Request) -> Answered | Unanswered:
        if self.is_given_up.is_set():
            return Unanswered(request.index, f"{self.where} was not asked any more")
        started = time.perf_counter()
        dialect = self.dialect.now
        while True:
            settings = dialect.settings(request.sampling)
            thinking_settings = self._thinking_settings(dialect)
            try:
                reply = self._send(request, settings | thinking_settings)
            except UserError as error:
                self.is_given_up.set()
                raise UserError(f"{self.where}: {error}") from error
            if isinstance(reply, Completion):
                break
            other = self.dialect.after_refusal(dialect, reply.words, settings | thinking_settings)
            if other is None:
                return self._unanswered(request, reply)
            dialect = other
        self.history.note_reply()
        text, thoughts = self._split(reply, request)
        return Answered(
            index=request.index,
            text=text,
            thoughts=thoughts,
            finish_reason=reply.finish_reason,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            seconds=time.perf_counter() - started,
            left_out=self._left_out(request, dialect),
        )

    def _thinking_settings(self, dialect: Dialect) -> dict[str, Any]:
        if self.variant.api != "chat":
            return {}
        return thinking.settings(self.variant, refused=dialect.refused)

    def _left_out(self, request: Request, dialect: Dialect) -> tuple[str, ...]:
        """The names of all settings that the endpoint refused."""
        of_thinking = thinking.left_out(self.variant, dialect.refused) if self.variant.api == "chat" else ()
        return tuple(sorted((*dialect.left_out(request.sampling), *of_thinking)))

    def _split(self, reply: Completion, request: Request) -> tuple[str, Thoughts | None]:
        """The answer and the thoughts of a reply, safe to store."""
        is_rendered = self.variant.api == "completions"
        tags = request.prompt.thinking_tags
        answer, thoughts = thinking.split_reply(
            reply, prompt=request.prompt.text if is_rendered else "", tags=Tags(*tags) if tags else None
        )
        if thoughts is not None:
            whole = None if thoughts.whole is None else redact(storable(thoughts.whole))
            thoughts = replace(thoughts, text=redact(storable(thoughts.text)), whole=whole)
        return redact(storable(answer)), thoughts

    def _send(self, request: Request, settings: dict[str, Any]) -> Completion | Failure:
        """Send a request until there is a reply. Raises UserError if the endpoint cannot be reached."""
        prompt, is_plain = request.prompt, self.variant.api == "completions"
        content: dict[str, Any] = {"prompt": prompt.text} if is_plain else {"messages": messages(prompt)}
        # Settings are sent as they are, also those that the library does not know.
        content |= {"model": self.variant.weights, "extra_body": settings}
        sent = self.send(content, is_plain=is_plain)
        return sent.failure() or completion.read(sent.received.body, self.variant.api)

    def send(self, content: dict[str, Any], *, is_plain: bool) -> sending.Sent:
        """Send a request with this content, to plain completions or chat, until there is a reply or none can be expected."""
        api: Any = self.client.completions if is_plain else self.client.chat.completions
        create = api.with_raw_response.create
        return sending.send_blocking(
            lambda: sending.receive_blocking(create, **content), self.limiter, stopped=self.is_given_up.is_set
        )

    def explained(self, failure: Failure) -> str:
        """Return what a failure means that every request would meet."""
        names = {"key_name": self.key_name, "model": self.variant.weights}
        return failures.explanation(failure, _shown(failure.words), **names, tries=sending.TRIES)

    def _unanswered(self, request: Request, failure: Failure) -> Unanswered:
        """Return why one request has no answer. Raises UserError if the other requests would have none either."""
        said = _shown(failure.words)
        if self.history.ends_with(failure):
            self.is_given_up.set()
            raise UserError(f"{self.where}: {self.explained(failure)}")
        if failure.status == failures.OK:
            return Unanswered(request.index, f"{self.where} {said}")
        if failure.status == failures.LOST:
            return Unanswered(request.index, f"{self.where}: {said}")
        return Unanswered(request.index, f"{self.where} refused the request ({failure.status}): {said}")


def messages(prompt: Prompt) -> list[dict[str, str]]:
    """Return the messages of a chat: the system message, the turns before, and the question."""
    system = [{"role": "system", "content": prompt.system}] if prompt.system else []
    earlier = [
        message
        for turn in prompt.earlier
        for message in ({"role": "user", "content": turn.input}, {"role": "assistant", "content": turn.answer})
    ]
    return [*system, *earlier, {"role": "user", "content": prompt.text}]


def _shown(words: str) -> str:
    """The start of a server's words, redacted before they are shortened, because part of a key would not be recognized."""
    said = redact_message(words).strip() or "it gives no reason"
    return said if len(said) <= SHOWN_CHARACTERS else said[:SHOWN_CHARACTERS] + "…"
