"""How far two distributions over the next token are apart, from the logits of both, position by position.

With b and c the log-probabilities of baseline and candidate over the vocabulary V, in nats:

    KL(b‖c) = Σ_V exp(b)·(b − c)             ≥ 0; what a code made for the candidate costs on the baseline's text
    log p of a token                         b and c at the answer's own token
    likeliest token                          the first with the highest logit

These are the definitions of llama.cpp's perplexity tool (`--kl-divergence`), but from the logits themselves: that tool keeps the
baseline's as 16-bit integers, so that its floor is about 1e-5 where here equal logits give exactly 0. The logits are float32 as
the engines compute them; everything after is float64, since at small divergences terms of both signs nearly cancel.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtui.errors import UserError

BLOCK = 1 << 18
"""Logits per block: some MiB in float64, within a processor's cache and enough work for a thread."""

Floats = NDArray[np.float64]
Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Arrays of shape (positions,). `tops` are the likeliest tokens, (positions, 2): the baseline's, the candidate's.

    `top_logp` are their log-probabilities, (positions, 2, 2): which token, on which side.
    """

    chosen: Tokens
    kl: Floats
    baseline_logp: Floats
    candidate_logp: Floats
    tops: Tokens
    top_logp: Floats

    def part(self, start: int, stop: int) -> "Positions":
        return Positions(*(getattr(self, name)[start:stop] for name in _ARRAYS))


_ARRAYS = tuple(each.name for each in fields(Positions))
NONE = Positions(
    np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0), np.empty((0, 2), np.int64), np.empty((0, 2, 2))
)


def joined(parts: Sequence[Positions]) -> Positions:
    return Positions(*(np.concatenate([getattr(part, name) for part in (NONE, *parts)]) for name in _ARRAYS))


def compare(baseline: NDArray[Any], candidate: NDArray[Any], chosen: Tokens, threads: Executor) -> Positions:
    """Of logits (positions, vocabulary) and the answer's token at each position. Raises UserError for NaN."""
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
        raise UserError("a model computes values that are no numbers (NaN); its weights are damaged")
    with np.errstate(invalid="ignore"):
        apart = b - c
    # A token that the baseline gives no probability at all (a logit of −∞) adds nothing, whatever the candidate gives it.
    np.copyto(apart, 0.0, where=weights == 0.0)
    kl = np.einsum("ij,ij->i", weights, apart) / sums[0] - (norms[0] - norms[1])
    places = np.arange(len(chosen))
    logp = [
        [side[places, token] - norm for side, norm in zip((b, c), norms, strict=True)] for token in (chosen, *tops.T)
    ]
    top_logp = np.stack([np.stack(both, axis=1) for both in logp[1:]], axis=1)
    # Below zero only by rounding.
    return Positions(chosen, np.maximum(kl, 0.0), logp[0][0], logp[0][1], tops, top_logp)


def _shifted(logits: NDArray[Any]) -> Floats:
    """In float64, the highest of each row at 0, so that no exponential overflows and the sum is at least 1."""
    wide = logits.astype(np.float64)
    wide -= wide.max(1, keepdims=True)
    return wide
