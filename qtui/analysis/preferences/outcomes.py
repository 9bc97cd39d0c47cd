"""From a judge's replies to comparisons: the same two answers in both orders, in one take.

A candidate wins if it is preferred in both orders, and loses if the baseline is (Zheng et al. 2023, arXiv 2306.05685, section 3.4).
Everything else is a tie: also a preference that turns with the order, which says where an answer stood and not what it is worth. A
comparison without a readable reply in one of the orders is none.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.pairing import Pair

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_KEYS = ["task", "sample", "take"]
_CANDIDATE_FIRST = {"first": 1.0, "tie": 0.5, "second": 0.0}
_BASELINE_FIRST = {"first": 0.0, "tie": 0.5, "second": 1.0}


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Comparisons of one pair by one judge, shape (comparisons,); only those that could be read in both orders.

    `baseline_first` and `candidate_first` are what a reply in that order says: 1 for the candidate, 0 for the baseline, 0.5 a tie.
    """

    frame: pd.DataFrame
    """Columns task, sample, take, baseline_first, candidate_first, is_asked."""
    unread: int
    """Comparisons with a reply that could not be read, or that has not come yet."""

    @property
    def outcome(self) -> Floats:
        """1 where the candidate wins, 0 where it loses, 0.5 for a tie."""
        return np.asarray(np.where(self.turned, 0.5, _rounded(self._mean)), dtype=np.float64)

    @property
    def turned(self) -> Flags:
        """Where the same place was preferred in both orders."""
        first, second = self._orders
        return np.asarray(np.abs(first - second) == 1.0, dtype=np.bool_)

    @property
    def one_order(self) -> Flags:
        """Where one order has a preference and the other a tie."""
        first, second = self._orders
        return np.asarray(np.abs(first - second) == 0.5, dtype=np.bool_)

    @property
    def asked(self) -> Flags:
        """Where the judge was asked: the answers differ, and none is empty."""
        return self.frame["is_asked"].to_numpy(dtype=np.bool_)

    @property
    def place(self) -> Floats:
        """How often the first place was preferred, minus how often the second was: −2 to 2; 0 where the judge was not asked."""
        first, second = self._orders
        return np.asarray(np.where(self.asked, 2 * ((0.5 - first) + (second - 0.5)), 0.0), dtype=np.float64)

    @property
    def places(self) -> tuple[int, int]:
        """Return how many replies prefer the answer shown first, and how many the second one."""
        first, second = (order[self.asked] for order in self._orders)
        return (
            int((first == 0).sum() + (second == 1).sum()),
            int((first == 1).sum() + (second == 0).sum()),
        )

    @property
    def _orders(self) -> tuple[Floats, Floats]:
        return (
            self.frame["baseline_first"].to_numpy(dtype=np.float64),
            self.frame["candidate_first"].to_numpy(dtype=np.float64),
        )

    @property
    def _mean(self) -> Floats:
        first, second = self._orders
        return (first + second) / 2


def comparisons(replies: pd.DataFrame) -> Comparisons:
    """Return the comparisons of replies to one judge about one pair.

    The frame has task, sample, take, candidate_first (bool), choice (first, second, tie, or None) and is_asked (bool). Of several
    replies to the same question the last one is used.
    """
    last = replies.drop_duplicates([*_KEYS, "candidate_first"], keep="last")
    sides = []
    for name, is_first, values in (
        ("baseline_first", False, _BASELINE_FIRST),
        ("candidate_first", True, _CANDIDATE_FIRST),
    ):
        rows = last[last["candidate_first"].astype(bool) == is_first]
        sides.append(rows[_KEYS].assign(**{name: rows["choice"].map(values), f"asked_{name}": rows["is_asked"]}))
    joined = sides[0].merge(sides[1], on=_KEYS, how="outer").sort_values(_KEYS, ignore_index=True)
    read = joined.dropna(subset=["baseline_first", "candidate_first"]).reset_index(drop=True)
    is_asked = read["asked_baseline_first"].astype(bool) | read["asked_candidate_first"].astype(bool)
    frame = read[[*_KEYS, "baseline_first", "candidate_first"]].assign(is_asked=is_asked)
    return Comparisons(frame, len(joined) - len(read))


def by_answer(pair: Pair, compared: Comparisons) -> Pair:
    """Return the pair's answers that have a comparison, with `win_b` and `win_c`: the outcome, takes averaged; and `place_c`.

    `win_c` is the candidate's win rate on that answer, `win_b` the baseline's.
    """
    values = compared.frame[["task", "sample"]].assign(win=compared.outcome, place=compared.place)
    means = values.groupby(["task", "sample"]).mean()
    keys = pd.MultiIndex.from_frame(pair.answers[["task", "sample"]])
    found = means.reindex(keys)
    win, place = found["win"].to_numpy(), found["place"].to_numpy()
    answers = pair.answers.assign(win_b=1 - win, win_c=win, place_b=0.0, place_c=place)[~np.isnan(win)]
    return Pair(pair.baseline, pair.candidate, answers)


def retest(replies: pd.DataFrame) -> float | None:
    """Return the share of equal choices over all pairs of takes of the same question; None without two takes of an asked one."""
    asked = replies[replies["is_asked"].astype(bool) & replies["choice"].notna()]
    equal = every = 0
    for _, group in asked.groupby(["task", "sample", "candidate_first"]):
        n = len(group)
        every += n * (n - 1) // 2
        equal += sum(int(count) * (int(count) - 1) // 2 for count in group["choice"].value_counts())
    return equal / every if every else None


def _rounded(mean: Floats) -> Floats:
    """Return 1 for 1, 0 for 0 and 0.5 for everything between: a preference in one order alone is a tie."""
    return np.asarray(np.where(mean == 1.0, 1.0, np.where(mean == 0.0, 0.0, 0.5)), dtype=np.float64)
