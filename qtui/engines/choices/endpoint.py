"""The choices of tasks scored by an endpoint that returns log-probabilities of given text.

Plain completions do so with `echo` and `logprobs` (vLLM, llama-cpp-python's server, OpenAI's older models), and vLLM's with
`prompt_logprobs`, which its chat has too. The first request finds out which; an endpoint that does neither is refused before
anything is answered. How many tokens the prompt has alone is asked first: the server's tokenizer is not known here.
"""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

from qtui.engines import openai
from qtui.engines.choices import continuations, endpoint_replies
from qtui.engines.choices.endpoint_replies import Given
from qtui.engines.decoding.meter import Meter
from qtui.engines.openai import OpenAIEngine
from qtui.engines.protocol.answering import Answered, Progress, Prompt, Request, Unanswered
from qtui.errors import UserError
from qtui.records import ChoiceScore, VariantSpec
from qtui.secrets.redaction import redact_message
from qtui.variant_facts import VariantFacts

Way = Literal["echo", "prompt_logprobs"]
REFUSED = 'this endpoint does not return log-probabilities of given text; use by = "generation"'
_PROBE = "1 2 3"
_NOT_TAKEN = (400, 404, 405, 422, 500, 501)
"""Statuses with which servers refuse a setting or path that they do not have."""
_SHOWN = 200


class _NothingGivenError(Exception):
    """A reply has none, or the server refuses to give them. The message says how."""


def load_engine(variant: VariantSpec, requests: Sequence[Request]) -> "ChoiceEndpoint":
    """Return the engine, after one request that shows that the endpoint can. Raises UserError if it cannot."""
    engine = ChoiceEndpoint(openai.load_engine(variant, requests))
    engine.find_way()
    return engine


@dataclass(eq=False)
class ChoiceEndpoint:
    """An `Engine` whose answers are the likelihoods of choices at an endpoint."""

    base: OpenAIEngine
    """The endpoint with its client and limits."""
    way: Way = "echo"
    meter: Meter = field(default_factory=Meter)
    _is_known: bool = False
    """Whether the endpoint has shown that it can."""
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def loaded_facts(self) -> VariantFacts:
        return self.base.loaded_facts

    def facts(self) -> VariantFacts:
        return self.meter.facts()

    def find_way(self) -> None:
        """Ask once how this endpoint gives log-probabilities of given text. Raises UserError if it does not."""
        ways: tuple[Way, ...] = ("echo", "prompt_logprobs") if self._is_plain else ("prompt_logprobs",)
        words = ""
        for way in ways:
            try:
                self.way = way
                self._given(Prompt(_PROBE, bos=False), None)
            except _NothingGivenError as error:
                words = words or str(error)
            else:
                self._is_known = True
                return
        raise UserError(f"{self.base.where}: {REFUSED}{f' ({words})' if words else ''}")

    def answer(self, requests: Sequence[Request]) -> Iterator[Answered | Unanswered | Progress]:
        """Score all requests; see `Engine.answer`. Raises UserError if the endpoint cannot answer any more."""
        self.meter = Meter()
        with ThreadPoolExecutor(self.base.slots, thread_name_prefix="choices") as pool:
            try:
                for answered in pool.map(self._answer, requests):
                    if isinstance(answered, Answered):
                        self.meter.prompt_tokens += answered.prompt_tokens
                    yield answered
                    if progress := self.meter.due(self.base.slots):
                        yield progress
            finally:
                self._stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _is_plain(self) -> bool:
        return self.base.variant.api == "completions"

    def _answer(self, request: Request) -> Answered | Unanswered:
        began, prompt = time.perf_counter(), request.prompt
        try:
            alone = self._given(self._bare(prompt), None)
            scores = tuple(
                self._score(prompt, alone, continuation, choice)
                for choice, continuation in zip(prompt.choices, prompt.continuations, strict=True)
            )
        except _NothingGivenError as error:
            return Unanswered(request.index, f"{self.base.where}: {error}")
        best = continuations.likeliest(scores)
        return Answered(
            index=request.index,
            text=best.text,
            finish_reason="stop",
            prompt_tokens=alone.prompt_tokens,
            completion_tokens=best.tokens,
            seconds=time.perf_counter() - began,
            choice_scores=scores,
        )

    def _bare(self, prompt: Prompt) -> Prompt:
        return continuations.without_space(prompt)[0] if self._is_plain else prompt

    def _score(self, prompt: Prompt, alone: Given, continuation: str, choice: str) -> ChoiceScore:
        if self._is_plain:
            bare, space = continuations.without_space(prompt)
            whole = self._given(bare, space + continuation)
        else:
            whole = self._given(prompt, continuation)
            # A template may write a finished turn otherwise than an open one (thoughts, a space), unseen in the sums.
            if alone.tokens[: len(alone.tokens) - 1] != whole.tokens[: len(alone.tokens) - 1]:
                raise _NothingGivenError("its chat template writes the choice after another prompt than the question's")
        values = whole.values[len(alone.tokens) :]
        if not values or any(value is None or not math.isfinite(value) for value in values):
            raise _NothingGivenError(f"the reply has no log-probabilities of the choice {choice[:40]!r}")
        return ChoiceScore(math.fsum(value for value in values if value is not None), len(values), len(choice), choice)

    def _given(self, prompt: Prompt, continuation: str | None) -> Given:
        """Return the tokens of the prompt, with what follows it, and their log-probabilities."""
        if self._stopped.is_set():
            raise _NothingGivenError("was not asked any more")
        sent = self.base.send(self._content(prompt, continuation), is_plain=self._is_plain)
        if failure := sent.failure():
            is_not_taken = not self._is_known and failure.status in _NOT_TAKEN
            if not is_not_taken and self.base.history.ends_with(failure):
                self._stopped.set()
                raise UserError(f"{self.base.where}: {self.base.explained(failure)}")
            said = redact_message(failure.words).strip()
            raise _NothingGivenError(f"it said: {said[:_SHOWN] or failure.status}")
        self.base.history.note_reply()
        found = endpoint_replies.given(sent.received.body, self.way)
        if found is None:
            raise _NothingGivenError("its reply has none")
        return found

    def _content(self, prompt: Prompt, continuation: str | None) -> dict[str, Any]:
        asked: dict[str, Any] = (
            {"echo": True, "logprobs": 1} if self.way == "echo" else {"extra_body": {"prompt_logprobs": 1}}
        )
        common = {"model": self.base.variant.weights, "max_tokens": 1, "temperature": 0.0, **asked}
        if self._is_plain:
            return {**common, "prompt": prompt.text + (continuation or "")}
        messages = openai.messages(prompt)
        if continuation is None:
            return {**common, "messages": messages}
        body = {**common.get("extra_body", {}), "add_generation_prompt": False, "continue_final_message": True}
        return {**common, "messages": [*messages, {"role": "assistant", "content": continuation}], "extra_body": body}
