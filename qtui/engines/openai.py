"""A model behind an OpenAI-compatible endpoint (vLLM, llama-server, Ollama, a cloud): chat or plain completions, several at once.

A chat endpoint applies the model's template, so a prompt is the user message and, if there is one, the system message; plain
completions get the rendered prompt, as the other engines do. The library retries temporary errors (rate limits, server errors,
broken connections) with growing pauses, as it does for the judge.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any

import openai

from qtui.endpoints import endpoint, openai_dialect, thinking
from qtui.endpoints.openai_dialect import Dialect
from qtui.engines.decoding import slot_count
from qtui.engines.decoding.meter import INTERVAL, Meter
from qtui.engines.protocol.answering import Answered, Progress, Request, Unanswered
from qtui.errors import UserError
from qtui.records import FinishReason, Thoughts, VariantSpec
from qtui.secrets.redaction import redact, redact_message
from qtui.tasks.jsonl import storable
from qtui.thinking import Tags
from qtui.variant_facts import VariantFacts

REQUEST_TRIES = 6
TIMEOUT_SECONDS = 600.0
"""Timeout of one request. A long answer of a large model on a small machine takes minutes."""

SHOWN_CHARACTERS = 200

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


def load_engine(variant: VariantSpec, requests: Sequence[Request]) -> "OpenAIEngine":
    """Return the engine, ready for requests. Raises UserError if the key is not set."""
    key_name = variant.api_key_env or "OPENAI_API_KEY"
    where = endpoint.shown(variant.base_url)
    endpoint.announce_key(key_name)
    if not os.environ.get(key_name) and (variant.base_url is None or variant.api_key_env):
        raise UserError(
            f"the environment variable {key_name} with the key for {where} is not set (export {key_name}=…)"
        )
    slots = max(1, min(slot_count.slots_for(variant, "cpu"), len(requests)))
    return OpenAIEngine(
        variant=variant,
        key_name=key_name,
        client=endpoint.client(
            openai.OpenAI, variant.base_url, key_name, max_retries=REQUEST_TRIES - 1, timeout=TIMEOUT_SECONDS
        ),
        slots=slots,
        dialect=openai_dialect.initial_dialect(variant.base_url),
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
    dialect: Dialect
    """The request parameters that this endpoint accepts; learned from its error responses."""
    loaded_facts: VariantFacts
    meter: Meter = field(default_factory=Meter)

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
        started = time.perf_counter()
        try:
            completion = self._complete(request)
        except openai.APIStatusError as error:
            if _is_about_this_request(error):
                return Unanswered(
                    request.index, f"{self.where} refused the request ({error.status_code}): {_shown(error)}"
                )
            raise UserError(self._explain(error)) from error
        except openai.OpenAIError as error:
            raise UserError(self._explain(error)) from error
        except ValueError:
            completion = None  # the body is not JSON
        text = _text(completion, self.variant.api)
        if text is None:
            return Unanswered(
                request.index, f"{self.where} sent a reply that is not OpenAI's protocol (is /v1 missing in base_url?)"
            )
        answer, thoughts = self._apart(completion, text, request)
        return Answered(
            index=request.index,
            text=answer,
            thoughts=thoughts,
            finish_reason=_finish_reason(completion),
            prompt_tokens=_count(completion, "prompt_tokens"),
            completion_tokens=_count(completion, "completion_tokens"),
            seconds=time.perf_counter() - started,
        )

    def _apart(self, completion: Any, text: str, request: Request) -> tuple[str, Thoughts | None]:
        """The answer and the thoughts of a reply, safe to store."""
        is_rendered = self.variant.api == "completions"
        tags = request.prompt.thinking_tags
        answer, thoughts = thinking.apart(
            completion,
            text,
            _finish_reason(completion),
            prompt=request.prompt.text if is_rendered else "",
            tags=Tags(*tags) if tags else None,
        )
        if thoughts is not None:
            whole = None if thoughts.whole is None else redact(storable(thoughts.whole))
            thoughts = replace(thoughts, text=redact(storable(thoughts.text)), whole=whole)
        return redact(storable(answer)), thoughts

    def _complete(self, request: Request) -> Any:
        dialect = self.dialect  # other threads may change it
        while True:
            try:
                return self._create(request, dialect)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                other = dialect.after_refusal(error.message)
                if other is None:
                    raise
                self.dialect = dialect = other

    def _create(self, request: Request, dialect: Dialect) -> Any:
        prompt, client, sampling = request.prompt, self.client, request.sampling
        create: Any = client.chat.completions.create
        content: dict[str, Any]
        if self.variant.api == "completions":
            create, content = client.completions.create, {"prompt": prompt.text}
        else:
            system = [{"role": "system", "content": prompt.system}] if prompt.system else []
            content = {"messages": [*system, {"role": "user", "content": prompt.text}]}
        if sampling.stop:
            content["stop"] = list(sampling.stop)
        settings = dialect.settings(sampling)
        if self.variant.api == "chat":
            settings = thinking.with_thinking(settings, self.variant)
        return create(model=self.variant.weights, **content, seed=sampling.seed, **settings)

    def _explain(self, error: openai.OpenAIError) -> str:
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return f"{self.where}: the key in {self.key_name} was refused ({error.status_code}); set a valid key and start again"
        if isinstance(error, openai.RateLimitError):
            return f"{self.where}: no quota left, or too many requests for too long; answers so far are stored; start again later"
        if isinstance(error, openai.NotFoundError):
            return f'{self.where}: no model "{self.variant.weights}" (404); check weights and base_url'
        if isinstance(error, openai.APITimeoutError):
            return f"{self.where}: no reply within {TIMEOUT_SECONDS:.0f} s, {REQUEST_TRIES} times; answers so far are stored"
        if isinstance(error, openai.APIConnectionError):
            return f"{self.where}: cannot be reached; is the server running, and is base_url right?"
        if isinstance(error, openai.APIStatusError):
            return f"{self.where}: failed {REQUEST_TRIES} times ({error.status_code}): {_shown(error)}"
        return f"{self.where}: {error}"


def _text(completion: Any, api: str) -> str | None:
    """The answer's text; None if the reply is not an answer. The library does not check the body: it may be any JSON or HTML."""
    try:
        choice = completion.choices[0]
        text = choice.text if api == "completions" else choice.message.content
    except (AttributeError, LookupError, TypeError):
        return None
    return text if isinstance(text, str) else "" if text is None else None


def _finish_reason(completion: Any) -> FinishReason:
    reason = getattr(completion.choices[0], "finish_reason", None)
    return _FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def _count(completion: Any, field_name: str) -> int:
    """A token count as reported by the endpoint; 0 if it reports none."""
    count = getattr(getattr(completion, "usage", None), field_name, None)
    return count if isinstance(count, int) and count >= 0 else 0


def _is_about_this_request(error: openai.APIStatusError) -> bool:
    """Whether only this request fails, for example because its prompt is too long or filtered. Others may succeed."""
    return error.status_code in (400, 413, 422)


def _shown(error: openai.APIStatusError) -> str:
    """The error's message, redacted before it is shortened, because part of a key would not be recognized."""
    return redact_message(error.message).strip()[:SHOWN_CHARACTERS]
