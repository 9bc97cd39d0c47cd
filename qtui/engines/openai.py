"""A model behind an OpenAI-compatible endpoint (vLLM, llama-server, Ollama, a cloud): chat or plain completions, several at once.

For chat the endpoint applies the model's template, so a prompt is what the user says and, if there is one, the system's message;
plain completions get the prompt as the other engines do. The library retries what is worth retrying (rate limits, server
faults, broken connections) with growing pauses, as it does for the judge.
"""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import openai

from qtui.endpoints import endpoint, openai_dialect
from qtui.endpoints.openai_dialect import Dialect
from qtui.engines.decoding import slot_count
from qtui.engines.decoding.meter import INTERVAL, Meter
from qtui.engines.protocol.answering import Answered, Progress, Request, Unanswered
from qtui.errors import UserError
from qtui.records import FinishReason, VariantSpec
from qtui.secrets.redaction import redact, redact_message
from qtui.tasks.jsonl import storable
from qtui.variant_facts import VariantFacts

REQUEST_TRIES = 6
TIMEOUT_SECONDS = 600.0
"""Of one request: a long answer of a large model on a small machine takes minutes."""
SHOWN_CHARACTERS = 200

_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


def load_engine(variant: VariantSpec, requests: Sequence[Request]) -> "OpenAIEngine":
    """The engine with a client that is ready to ask. Raises UserError where the key is not set."""
    key_name = variant.api_key_env or "OPENAI_API_KEY"
    where = endpoint.shown(variant.base_url)
    endpoint.announce_key(key_name)
    if not os.environ.get(key_name) and (variant.base_url is None or variant.api_key_env):
        raise UserError(
            f"the environment variable {key_name} with the key for {where} is not set (export {key_name}=…)"
        )
    slots = max(1, min(slot_count.of(variant, "cpu"), len(requests)))
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
    """A client of one endpoint; `load_engine` makes it."""

    variant: VariantSpec
    key_name: str
    """The environment variable that holds the key."""
    client: openai.OpenAI
    slots: int
    """Requests under way at once."""
    dialect: Dialect
    """How this endpoint wants a request's settings; learned from its refusals."""
    loaded_facts: VariantFacts
    meter: Meter = field(default_factory=Meter)

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        self.meter = Meter()
        with ThreadPoolExecutor(self.slots, thread_name_prefix="request") as pool:
            going: set[Future[Answered | Unanswered]] = {pool.submit(self._ask, request) for request in requests}
            try:
                while going:
                    done, going = wait(going, timeout=INTERVAL, return_when=FIRST_COMPLETED)
                    for ended in done:
                        yield self._counted(ended.result())
                    progress = self.meter.due(min(len(going), self.slots))
                    if progress:
                        yield progress
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def facts(self) -> VariantFacts:
        return self.meter.facts()

    @property
    def where(self) -> str:
        return endpoint.shown(self.variant.base_url)

    def _counted(self, answered: Answered | Unanswered) -> Answered | Unanswered:
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
                return Unanswered(request.index, f"{self.where} refused it ({error.status_code}): {_shown(error)}")
            raise UserError(self._explain(error)) from error
        except openai.OpenAIError as error:
            raise UserError(self._explain(error)) from error
        except ValueError:
            completion = None  # a body that is no JSON
        text = _text(completion, self.variant.api)
        if text is None:
            return Unanswered(
                request.index, f"{self.where} replied without an answer in OpenAI's protocol (no /v1 in base_url?)"
            )
        return Answered(
            index=request.index,
            text=redact(storable(text)),
            finish_reason=_finish_reason(completion),
            prompt_tokens=_count(completion, "prompt_tokens"),
            completion_tokens=_count(completion, "completion_tokens"),
            seconds=time.perf_counter() - started,
        )

    def _complete(self, request: Request) -> Any:
        dialect = self.dialect  # other requests learn at the same time
        while True:
            try:
                return self._create(request, dialect)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                other = dialect.after(error.message)
                if other is None:
                    raise
                self.dialect = dialect = other

    def _create(self, request: Request, dialect: Dialect) -> Any:
        prompt, client, sampling = request.prompt, self.client, request.sampling
        create: Any = client.chat.completions.create
        asked: dict[str, Any]
        if self.variant.api == "completions":
            create, asked = client.completions.create, {"prompt": prompt.text}
        else:
            system = [{"role": "system", "content": prompt.system}] if prompt.system else []
            asked = {"messages": [*system, {"role": "user", "content": prompt.text}]}
        if sampling.stop:
            asked["stop"] = list(sampling.stop)
        return create(model=self.variant.weights, **asked, seed=sampling.seed, **dialect.settings(sampling))

    def _explain(self, error: openai.OpenAIError) -> str:
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return f"{self.where}: the key in {self.key_name} was refused ({error.status_code}); set another and start again"
        if isinstance(error, openai.RateLimitError):
            return f"{self.where}: no quota left, or too many requests for too long; answers so far are kept, start again later"
        if isinstance(error, openai.NotFoundError):
            return f'{self.where}: no model "{self.variant.weights}" there (404); check weights and base_url'
        if isinstance(error, openai.APITimeoutError):
            return (
                f"{self.where}: no reply within {TIMEOUT_SECONDS:.0f} s, {REQUEST_TRIES} times; answers so far are kept"
            )
        if isinstance(error, openai.APIConnectionError):
            return f"{self.where}: cannot be reached; is the server running, and base_url right?"
        if isinstance(error, openai.APIStatusError):
            return f"{self.where}: failed {REQUEST_TRIES} times ({error.status_code}): {_shown(error)}"
        return f"{self.where}: {error}"


def _text(completion: Any, api: str) -> str | None:
    """The answer; None where what came is none. The library checks nothing of a body: it may be any JSON, or a page's text."""
    try:
        choice = completion.choices[0]
        text = choice.text if api == "completions" else choice.message.content
    except (AttributeError, LookupError, TypeError):
        return None
    return text if isinstance(text, str) else "" if text is None else None


def _finish_reason(completion: Any) -> FinishReason:
    reason = getattr(completion.choices[0], "finish_reason", None)
    return _FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"


def _count(completion: Any, what: str) -> int:
    """Tokens by the endpoint's own count; 0 where it does not count."""
    count = getattr(getattr(completion, "usage", None), what, None)
    return count if isinstance(count, int) and count >= 0 else 0


def _is_about_this_request(error: openai.APIStatusError) -> bool:
    """A prompt that is too long or that a filter refuses, say: the other requests may well be answered."""
    return error.status_code in (400, 413, 422)


def _shown(error: openai.APIStatusError) -> str:
    """Cleaned before it is cut: half a key is no longer found."""
    return redact_message(error.message).strip()[:SHOWN_CHARACTERS]
