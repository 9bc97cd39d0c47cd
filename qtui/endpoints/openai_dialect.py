"""What a server that speaks OpenAI's protocol is told of sampling: the same for a variant that answers there and for a judge.

Servers of one's own have defaults: that of llama-cpp-python has a repetition penalty of 1.1, llama-server drops unlikely tokens. So
such a server is told also what was not asked for. Filters that OpenAI's interface lacks go by the names that vLLM and llama-server
know, the penalty by both of its names; most servers pass over names that they do not know, and where one refuses them it is asked
again without.
"""

from dataclasses import dataclass, replace
from typing import Any

from qtui.records import Sampling

OWN_NAMES = ("top_k", "min_p", "repetition_penalty", "repeat_penalty")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one server was found to understand."""

    defaults_off: bool
    """Whether filters that were not asked for are switched off by name; OpenAI's own refuses names that it does not know."""
    limit_name: str = "max_tokens"

    def settings(self, sampling: Sampling) -> dict[str, Any]:
        """Arguments for the library: the limit, the temperature and the filters. Seed and stop texts are left to the caller."""
        found: dict[str, Any] = {self.limit_name: sampling.max_tokens, "temperature": sampling.temperature}
        if self.defaults_off or sampling.top_p < 1.0:
            found["top_p"] = sampling.top_p
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
        return found | ({"extra_body": extra} if extra else {})

    def after(self, refusal: str) -> "Dialect | None":
        """What to try where the server refused a request with these words; None where they are about something else."""
        # Some models know the limit under its newer name alone.
        if self.limit_name == "max_tokens" and "max_completion_tokens" in refusal:
            return replace(self, limit_name="max_completion_tokens")
        # What a server does not know it need not be told to leave off.
        if self.defaults_off and any(name in refusal for name in OWN_NAMES):
            return replace(self, defaults_off=False)
        return None


def of(base_url: str | None) -> Dialect:
    """What to begin with at an address; None is OpenAI's own."""
    return Dialect(defaults_off=base_url is not None)
