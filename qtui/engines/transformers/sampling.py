"""Samples tokens from logits in torch, with the same rules and order as the chains of the llama.cpp engine.

Penalty, temperature, top-k, top-p, min-p, draw. transformers' `generate` is not used: it would apply the checkpoint's
generation_config, and it draws a whole batch from one generator, so that an answer would depend on the rest of its batch.
"""

from typing import Any

import torch

from qtui.records import Sampling


class Sampler:
    """Samples the tokens of one answer. The repetition penalty includes `prompt`, as in transformers."""

    def __init__(self, sampling: Sampling, prompt: list[int], device: Any) -> None:
        self.sampling = sampling
        self.greedy = sampling.temperature <= 0.0 and sampling.repetition_penalty == 1.0
        """Whether the most likely token of the raw logits is taken, so that a whole batch can be sampled at once."""
        self._seen = torch.tensor(sorted(set(prompt)), dtype=torch.long, device=device)
        self._generator = torch.Generator(device=device)
        self._generator.manual_seed(sampling.seed & 0xFFFFFFFF)

    def draw(self, logits: torch.Tensor) -> int:
        """Return one token, sampled from one row of float32 logits, shape (vocabulary,)."""
        if self.sampling.temperature <= 0.0:
            return self._remember(int(self._penalized(logits).argmax()))
        chances = self.probabilities(logits)
        return self._remember(int(torch.multinomial(chances, 1, generator=self._generator)))

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the probabilities to sample from, for a temperature above 0: same shape as the logits, sum 1."""
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
        """The repetition penalty of Keskar et al.

        2019 (arXiv 1909.05858), once per token whatever its count, as in both libraries.
        """
        penalty = self.sampling.repetition_penalty
        if penalty == 1.0:
            return logits
        penalized = logits[self._seen]
        logits = logits.clone()
        logits[self._seen] = torch.where(penalized > 0, penalized / penalty, penalized * penalty)
        return logits

    def _remember(self, token: int) -> int:
        if self.sampling.repetition_penalty != 1.0:
            self._seen = torch.unique(torch.cat([self._seen, self._seen.new_tensor([token])]))
        return token


def _nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the most likely tokens until their probabilities sum to `top_p`, including the token that reaches it."""
    ordered, order = logits.sort(descending=True)
    probabilities = ordered.softmax(-1)
    before = probabilities.cumsum(-1) - probabilities
    dropped = torch.zeros_like(logits, dtype=torch.bool)
    dropped[order] = before >= top_p
    return _without(logits, dropped)


def _without(logits: torch.Tensor, dropped: torch.Tensor) -> torch.Tensor:
    return logits.masked_fill(dropped, float("-inf"))
