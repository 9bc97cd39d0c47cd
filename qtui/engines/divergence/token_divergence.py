"""The divergence of two next-token distributions at each position, from the logits of both models.

With b and c the log-probabilities of baseline and candidate over the vocabulary V, in nats:

    KL(b‖c) = Σ_V exp(b)·(b − c)             ≥ 0; extra nats per token if the candidate encodes the baseline's text
    log p of a token                         b and c at the answer's token
    likeliest token                          the first with the highest logit

These are the definitions of llama.cpp's perplexity tool (`--kl-divergence`), but from unrounded logits: that tool stores
the baseline's as 16-bit integers, so its results for equal logits are about 1e-5, here exactly 0. The logits are float32 as the
engines compute them; everything else is float64, because at small divergences terms of both signs nearly cancel.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtui.errors import UserError

BLOCK = 1 << 18
"""Logits per block: a few MiB in float64, which fit into a processor's cache and are enough work for a thread."""

Floats = NDArray[np.float64]
Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Figures per position, arrays of shape (positions,), in nats. `chosen` are the answer's tokens.

    `tops`, shape (positions, 2), are the most likely tokens of baseline and candidate. `top_logp`, shape (positions, 2, 2), are
    their log-probabilities: the first of these axes is the token, the second the model.
    """

    chosen: Tokens
    kl: Floats
    baseline_logp: Floats
    candidate_logp: Floats
    tops: Tokens
    top_logp: Floats

    def part(self, start: int, stop: int) -> "Positions":
        """Return the positions from `start` up to `stop`."""
        return Positions(*(getattr(self, name)[start:stop] for name in _ARRAYS))


_ARRAYS = tuple(each.name for each in fields(Positions))
NONE = Positions(
    np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0), np.empty((0, 2), np.int64), np.empty((0, 2, 2))
)


def joined(parts: Sequence[Positions]) -> Positions:
    """Return the positions of all parts, in order."""
    return Positions(*(np.concatenate([getattr(part, name) for part in (NONE, *parts)]) for name in _ARRAYS))


def compare(baseline: NDArray[Any], candidate: NDArray[Any], chosen: Tokens, threads: Executor) -> Positions:
    """Return the figures from logits, shape (positions, vocabulary), and the answer's token at each position.

    Raises UserError for NaN.
    """
    rows = max(1, BLOCK // baseline.shape[1])
    blocks = [slice(start, start + rows) for start in range(0, len(chosen), rows)]
    return joined(list(threads.map(lambda block: _block(baseline[block], candidate[block], chosen[block]), blocks)))


def _block(baseline: NDArray[Any], candidate: NDArray[Any], chosen: Tokens) -> Positions:
    b, c = _shifted(baseline), _shifted(candidate)
    tops = np.stack([b.argmax(1), c.argmax(1)], axis=1)
    weights = np.exp(b)
    sums = weights.sum(1), np.exp(c).sum(1)
    norms = np.log(sums[0]), np.log(sums[1])
    if not (np.isfinite(norms[0]).all() and np.isfinite(norms[1]).all()):
        raise UserError("a model computes NaN; its weights are damaged")
    with np.errstate(invalid="ignore"):
        apart = b - c
    # A token with probability 0 in the baseline (a logit of −∞) adds nothing, whatever its probability in the candidate.
    np.copyto(apart, 0.0, where=weights == 0.0)
    kl = np.einsum("ij,ij->i", weights, apart) / sums[0] - (norms[0] - norms[1])
    places = np.arange(len(chosen))
    logp = [
        [side[places, token] - norm for side, norm in zip((b, c), norms, strict=True)] for token in (chosen, *tops.T)
    ]
    top_logp = np.stack([np.stack(both, axis=1) for both in logp[1:]], axis=1)
    # Only rounding makes the sum negative.
    return Positions(chosen, np.maximum(kl, 0.0), logp[0][0], logp[0][1], tops, top_logp)


def _shifted(logits: NDArray[Any]) -> Floats:
    """Logits in float64, each row's maximum at 0, so that no exponential overflows and the sum is at least 1."""
    wide = logits.astype(np.float64)
    wide -= wide.max(1, keepdims=True)
    return wide
