"""Sampling parameters in requests to a server with OpenAI's protocol, for variants and judges alike.

Other servers than OpenAI's have sampling defaults: llama-cpp-python's has a repetition penalty of 1.1, llama-server drops unlikely
tokens. So requests to them also switch off all unused filters. Filters that OpenAI's interface lacks have the names of vLLM and
llama-server, the penalty both of its names. Most servers ignore unknown names; after a refusal the request is sent again without
them.
"""

from dataclasses import dataclass, replace
from typing import Any

from qtui.records import Sampling

EXTRA_NAMES = ("top_k", "min_p", "repetition_penalty", "repeat_penalty")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The parameter names that one server accepts, as far as its refusals have shown."""

    defaults_off: bool
    """Whether unused filters are switched off by name. OpenAI's server refuses unknown names."""
    limit_name: str = "max_tokens"

    def settings(self, sampling: Sampling) -> dict[str, Any]:
        """Arguments for the library: the limit, the temperature and the filters. The caller adds seed and stop texts."""
        arguments: dict[str, Any] = {self.limit_name: sampling.max_tokens, "temperature": sampling.temperature}
        if self.defaults_off or sampling.top_p < 1.0:
            arguments["top_p"] = sampling.top_p
        extra = {
            name: value
            for name, value, off in (
                ("top_k", sampling.top_k, 0),
                ("min_p", sampling.min_p, 0.0),
                ("repetition_penalty", sampling.repetition_penalty, 1.0),
                ("repeat_penalty", sampling.repetition_penalty, 1.0),
            )
            if self.defaults_off or value != off
        }
        return arguments | ({"extra_body": extra} if extra else {})

    def after(self, refusal: str) -> "Dialect | None":
        """The dialect to try after the server refused a request with this message; None if the message has another cause."""
        # Some models accept the limit only under its newer name.
        if self.limit_name == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, limit_name="max_completion_tokens")
        # A filter that the server does not know need not be switched off.
        if self.defaults_off and any(name in refusal for name in EXTRA_NAMES):
            return replace(self, defaults_off=False)
        return None


def initial_dialect(base_url: str | None) -> Dialect:
    """The dialect of the first request to an address; None is OpenAI's server."""
    return Dialect(defaults_off=base_url is not None)
