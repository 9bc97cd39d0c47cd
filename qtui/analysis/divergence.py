"""Divergence of a candidate's distributions over the next token from the baseline's, on the baseline's answers.

All tokens of all answers have equal weight; natural logarithms throughout. With KL_i, and p_i and q_i the probabilities
that baseline and candidate give the answer's token i of n:

    mean KL        Σ KL_i / n;  its standard error √((mean of KL² − (mean KL)²) / (n − 1))
    quantiles      of the KL_i, numpy's linear ones, which are those of the tool named below
    Δp_i           q_i − p_i, a share of 1: the mean says whether the candidate loses confidence in the text, RMS = √(Σ Δp² / n) how
                   much its confidence varies
    same top       the share of tokens where both sides have the same likeliest token
    perplexity     exp(−Σ ln p_i / n) and exp(−Σ ln q_i / n); ratio = exp(Σ (ln p_i − ln q_i) / n), candidate over baseline, and
                   ln ratio with its standard error over the n differences

as in llama.cpp's perplexity tool (tools/perplexity, `--kl-divergence`; its Δp is in percent). That tool assumes independent
tokens. Tokens of one answer are not independent, so there is a second standard error of the mean, clustered by task (linear
approximation of a ratio, Cochran 1977, § 6.3): √(T/(T−1) · Σ_t (Σ_{i∈t} (KL_i − mean KL))²) / n for T tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtui.figures.divergence import DeltaP, Divergence, Kl, Perplexity

Floats = NDArray[np.float64]
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)


@dataclass(frozen=True, slots=True, eq=False)
class TokenFigures:
    """Arrays of shape (tokens,). `task` is the task of each token's answer, the same for all samples of a task."""

    task: NDArray[np.int64]
    kl: Floats
    baseline_logp: Floats
    candidate_logp: Floats
    same_top: NDArray[np.bool_]
    as_answered: NDArray[np.bool_]
    """Whether the answer's token is the baseline's likeliest."""

    def of_task(self, task: int) -> "TokenFigures":
        """Return the figures of the answers to one task."""
        in_task = self.task == task
        return TokenFigures(
            self.task[in_task], self.kl[in_task], self.baseline_logp[in_task], self.candidate_logp[in_task], self.same_top[in_task],
            self.as_answered[in_task],
        )  # fmt: skip


def figures(tokens: TokenFigures) -> Divergence:
    """Return all figures over the tokens."""
    p, q = np.exp(tokens.baseline_logp), np.exp(tokens.candidate_logp)
    return Divergence(
        tokens=len(tokens.kl),
        kl=_kl(tokens),
        delta_p=DeltaP(_mean(q - p), _sqrt(_mean((q - p) ** 2))),
        same_top=_mean(tokens.same_top),
        as_answered=_mean(tokens.as_answered),
        perplexity=_perplexity(tokens),
    )


def by_task(tokens: TokenFigures) -> list[tuple[int, Divergence]]:
    """Return (task, its figures) in the order of the tasks."""
    return [(int(task), figures(tokens.of_task(task))) for task in np.unique(tokens.task)]


def joined(parts: Sequence[TokenFigures]) -> TokenFigures:
    """Return the concatenation of the parts."""
    if not parts:
        none, no = np.empty(0), np.empty(0, np.bool_)
        return TokenFigures(np.empty(0, np.int64), none, none, none, no, no)
    names = ("task", "kl", "baseline_logp", "candidate_logp", "same_top", "as_answered")
    return TokenFigures(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _kl(tokens: TokenFigures) -> Kl:
    if not len(tokens.kl):
        return Kl(None, None, None, None, None, None, None, None, None)
    median, p90, p95, p99, p999 = np.quantile(tokens.kl, QUANTILES).tolist()
    return Kl(
        mean=_mean(tokens.kl),
        se=_standard_error(tokens.kl),
        se_tasks=_clustered(tokens.kl, tokens.task),
        median=median,
        p90=p90,
        p95=p95,
        p99=p99,
        p999=p999,
        max=float(tokens.kl.max()),
    )


def _perplexity(tokens: TokenFigures) -> Perplexity:
    apart = tokens.baseline_logp - tokens.candidate_logp
    ln_ratio = _mean(apart)
    sides = [_exp(_mean(-side)) for side in (tokens.baseline_logp, tokens.candidate_logp)]
    return Perplexity(sides[0], sides[1], _exp(ln_ratio), ln_ratio, _standard_error(apart))


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean()) if len(values) else None


def _standard_error(values: Floats) -> float | None:
    return float(values.std() / np.sqrt(len(values) - 1)) if len(values) > 1 else None


def _clustered(values: Floats, cluster: NDArray[np.int64]) -> float | None:
    _, which = np.unique(cluster, return_inverse=True)
    sums = np.bincount(which, weights=values - values.mean())
    if len(sums) < 2:
        return None
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()) / len(values))


def _exp(exponent: float | None) -> float | None:
    return None if exponent is None else float(np.exp(exponent))


def _sqrt(value: float | None) -> float | None:
    return None if value is None else float(np.sqrt(value))
