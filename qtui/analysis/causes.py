"""Causes of a difference in scores: the paired difference, decomposed by kinds of answers.

Every pair of answers belongs to exactly one kind, the first that applies. A kind applies if exactly one of the two
answers is of it: two empty answers explain no difference. The contributions are sums of d over the pairs of a kind, divided
by the number of tasks, so they add up to the whole difference. This is bookkeeping, not a proof of causes: a looping answer may
have been bad for another reason too.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.figures.scores import ScoreCause

Kind = Literal["unfinished thought", "empty", "truncated", "looping", "other language", "much shorter", "the rest"]

MUCH_SHORTER = 0.5
"""Share of the baseline's length below which a candidate's answer is much shorter."""

_FLAGS: dict[Kind, str] = {
    "unfinished thought": "unfinished_thought",
    "empty": "empty",
    "truncated": "truncated",
    "looping": "looping",
    "other language": "other_language",
}


def decompose(pair_answers: pd.DataFrame, d: npt.ArrayLike) -> tuple[ScoreCause, ...]:
    """Decompose by kind the mean over tasks of d (answers,), which is in the order of the rows of `pair_answers`.

    A task's samples share its weight equally. Kinds without an answer are left out; empty without answers.
    """
    values = np.asarray(d, dtype=np.float64)
    if values.size == 0:
        return ()
    _, cluster, sizes = np.unique(pair_answers["task"].to_numpy(), return_inverse=True, return_counts=True)
    weighted = values / (sizes[cluster] * sizes.size)
    left = np.ones(values.size, dtype=np.bool_)
    causes: list[ScoreCause] = []
    for kind, column in _FLAGS.items():
        b, c = (pair_answers[f"{column}_{side}"].to_numpy(dtype=np.bool_) & left for side in "bc")
        only_b, only_c = b & ~c, c & ~b
        causes.append(_cause(kind, only_b, only_c, weighted))
        left &= ~(only_b | only_c)
    shorter = left & (
        pair_answers["length_c"].to_numpy(dtype=np.float64)
        < MUCH_SHORTER * pair_answers["length_b"].to_numpy(dtype=np.float64)
    )
    nobody = np.zeros(values.size, dtype=np.bool_)
    causes.append(_cause("much shorter", nobody, shorter, weighted))
    causes.append(_cause("the rest", nobody, left & ~shorter, weighted))
    return tuple(cause for cause in causes if cause.baseline + cause.candidate)


def _cause(
    kind: Kind, only_b: npt.NDArray[np.bool_], only_c: npt.NDArray[np.bool_], weighted: npt.NDArray[np.float64]
) -> ScoreCause:
    return ScoreCause(kind, int(only_b.sum()), int(only_c.sum()), float(weighted[only_b | only_c].sum()))
