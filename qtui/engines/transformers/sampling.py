"""Drawing tokens from logits in torch, by the same rules and in the same order as the chains of the llama.cpp engine.

Penalty, temperature, top-k, top-p, min-p, draw. transformers' own `generate` is not asked: it would mix in what a checkpoint's
generation_config says, and draws a whole batch from one generator, so that an answer would depend on its neighbours.
"""

from typing import Any

import torch

from qtui.records import Sampling


class Sampler:
    """Draws the tokens of one answer. `prompt` counts for the repetition penalty, as in transformers."""

    def __init__(self, sampling: Sampling, prompt: list[int], device: Any) -> None:
        self.sampling = sampling
        self.greedy = sampling.temperature <= 0.0 and sampling.repetition_penalty == 1.0
        """The likeliest token of the untouched logits: a whole batch can be drawn at once."""
        self._seen = torch.tensor(sorted(set(prompt)), dtype=torch.long, device=device)
        self._generator = torch.Generator(device=device)
        self._generator.manual_seed(sampling.seed & 0xFFFFFFFF)

    def draw(self, logits: torch.Tensor) -> int:
        """One token from the float32 logits of one row, shape (vocabulary,)."""
        if self.sampling.temperature <= 0.0:
            return self._remember(int(self._penalized(logits).argmax()))
        chances = self.probabilities(logits)
        return self._remember(int(torch.multinomial(chances, 1, generator=self._generator)))

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """What a token is drawn from, at a temperature above 0: same shape, sum 1."""
        s = self.sampling
        logits = self._penalized(logits) / s.temperature
        if 0 < s.top_k < logits.numel():
            logits = _without(logits, logits < logits.topk(s.top_k).values[-1])
        if s.top_p < 1.0:
            logits = _nucleus(logits, s.top_p)
        if s.min_p > 0.0:
            probabilities = logits.softmax(-1)
            logits = _without(logits, probabilities < s.min_p * probabilities.max())
        return logits.softmax(-1)

    def _penalized(self, logits: torch.Tensor) -> torch.Tensor:
        """Keskar et al. 2019 (arXiv 1909.05858), as both libraries have it: once per token, whatever its count."""
        penalty = self.sampling.repetition_penalty
        if penalty == 1.0:
            return logits
        seen = logits[self._seen]
        logits = logits.clone()
        logits[self._seen] = torch.where(seen > 0, seen / penalty, seen * penalty)
        return logits

    def _remember(self, token: int) -> int:
        if self.sampling.repetition_penalty != 1.0:
            self._seen = torch.unique(torch.cat([self._seen, self._seen.new_tensor([token])]))
        return token


def _nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the likeliest tokens until they have `top_p` of the probability together, the one that reaches it included."""
    ordered, order = logits.sort(descending=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    dropped = torch.zeros_like(logits, dtype=torch.bool)
    dropped[order] = before >= top_p
    return _without(logits, dropped)


def _without(logits: torch.Tensor, dropped: torch.Tensor) -> torch.Tensor:
    return logits.masked_fill(dropped, float("-inf"))
