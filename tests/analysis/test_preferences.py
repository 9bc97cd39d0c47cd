"""Win rates of comparisons in both orders: what is a win, a tie and no comparison, intervals, tests, and guards."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qtui.analysis.preferences.outcomes import comparisons
from qtui.analysis.preferences.table import PairwiseJudge, preference_table
from qtui.figures.preferences import PreferenceRow

JUDGE = "openai:arbiter pairwise"
CHOICES = ("first", "second", "tie", None)
Reply = tuple[str | None, str | None]
"""The choice with the baseline's answer first, and with the candidate's."""
WIN, LOSS, TIE = ("second", "first"), ("first", "second"), ("tie", "tie")
TURNED_FIRST, TURNED_SECOND, HALF = ("first", "first"), ("second", "second"), ("second", "tie")


def replies(given: Sequence[Sequence[Reply]], *, asked: bool = True, candidate: str = "Q4") -> pd.DataFrame:
    """The frame of replies: a task per entry, with a pair of choices per take."""
    return pd.DataFrame(
        [
            (1, "m", "FP16", candidate, JUDGE, task, 0, take, order, choice, asked)
            for task, takes in enumerate(given, start=1)
            for take, choices in enumerate(takes, start=1)
            for order, choice in zip((False, True), choices, strict=True)
        ],
        columns=["experiment", "model", "baseline", "candidate", "judge", "task", "sample", "take", "candidate_first",
                 "choice", "is_asked"],
    )  # fmt: skip


def row(
    given: Sequence[Sequence[Reply]],
    *,
    asked: bool = True,
    follows: Mapping[int, int] | None = None,
    margin: float = 0.05,
) -> PreferenceRow:
    return table(replies(given, asked=asked), len(given), follows=follows, margin=margin)[0]


def table(
    frame: pd.DataFrame,
    tasks: int,
    *,
    names: Sequence[str] = ("FP16", "Q4"),
    follows: Mapping[int, int] | None = None,
    margin: float = 0.05,
) -> tuple[PreferenceRow, ...]:
    answers = pd.DataFrame(
        [
            (1, "m", name, name == "FP16", "baseline" if name == "FP16" else "candidate", position, task, 0,
             f"{name}の答え{task}です。これは十分に長い文です。", "stop", 10, "h", 10, 1.0, "", None, False, "", False, False)
            for position, name in enumerate(names)
            for task in range(1, tasks + 1)
        ],
        columns=["experiment", "model", "variant", "is_baseline", "role", "position", "task", "sample", "text",
                 "finish_reason", "prompt_tokens", "prompt_ids_hash", "completion_tokens", "seconds", "thinking",
                 "thinking_tokens", "thought_unfinished", "left_out", "has_thoughts", "is_choice"],
    )  # fmt: skip
    questions = pd.DataFrame(
        [(1, task, f"問い{task}", "", "", "", "", (follows or {}).get(task)) for task in range(1, tasks + 1)],
        columns=["experiment", "task", "input", "reference", "criteria", "subset", "category", "follows"],
    )
    nothing = pd.DataFrame([], columns=["experiment", "model", "variant"])
    judges = [PairwiseJudge(1, JUDGE, margin)]
    return preference_table(answers, questions, frame, nothing, judges).rows


@pytest.mark.parametrize(
    ("choices", "outcome"),
    [(WIN, 1.0), (LOSS, 0.0), (TIE, 0.5), (TURNED_FIRST, 0.5), (TURNED_SECOND, 0.5), (HALF, 0.5), (("tie", "second"), 0.5)],
)  # fmt: skip
def test_only_a_preference_in_both_orders_is_a_win_or_a_loss(choices: Reply, outcome: float) -> None:
    assert comparisons(replies([[choices]])).outcome.tolist() == [outcome]


@pytest.mark.parametrize("choices", [("first", None), (None, "first"), (None, None)])
def test_comparison_with_an_unreadable_reply_is_none_and_no_tie(choices: Reply) -> None:
    found = row([[WIN], [choices]])
    assert (found.n, found.judged, found.unread, found.unjudged, found.ties) == (1, 1, 1, 1, 0)
    assert found.win_rate == 1.0


@given(st.lists(st.tuples(st.sampled_from(CHOICES), st.sampled_from(CHOICES)), min_size=1, max_size=12))
def test_the_same_replies_with_the_names_swapped_give_the_opposite_win_rate(given: list[Reply]) -> None:
    # What was shown with the baseline first is now shown with the candidate first.
    here, swapped = (
        comparisons(replies([[each] for each in side])) for side in (given, [each[::-1] for each in given])
    )
    assert np.allclose(here.outcome + swapped.outcome, 1.0)
    assert (here.turned == swapped.turned).all()
    assert (here.unread, here.places) == (swapped.unread, swapped.places)


def test_judge_that_always_prefers_the_first_place_wins_nothing_and_is_told_by_its_bias() -> None:
    found = row([[TURNED_FIRST]] * 40)
    assert (found.wins, found.losses, found.ties, found.turned, found.judged) == (0, 0, 40, 40, 40)
    assert found.win_rate == 0.5
    assert (found.first_share, found.first_preferred, found.second_preferred) == (1.0, 80, 0)
    assert found.position_p == pytest.approx(2 * 0.5**40)
    assert found.verdict == "guarded"
    assert "40 of 40 preferences turn with the order" in found.verdict_text


def test_preferences_in_one_order_alone_show_no_loss_either() -> None:
    found = row([[HALF], [HALF[::-1]]] * 100 + [[WIN], [LOSS]] * 20)
    assert (found.rule, found.verdict, found.turned, found.one_order) == ("equivalent", "guarded", 0, 200)
    assert "200 of 240 preferences do not hold in both orders of the answers (0 turn)" in found.guards[0]


def test_judge_that_sees_quality_has_no_position_bias() -> None:
    found = row([[WIN], [LOSS]] * 20)
    assert (found.first_share, found.position_p) == (0.5, None)


def test_position_counts_a_unit_once() -> None:
    found = row([[TURNED_FIRST] * 5] * 3 + [[TURNED_SECOND] * 5])
    assert (found.first_preferred, found.second_preferred) == (30, 10)
    assert found.position_p == pytest.approx(stats.binomtest(3, 4).pvalue)


def test_judge_that_only_says_tie_shows_no_loss() -> None:
    found = row([[TIE]] * 400)
    assert (found.rule, found.verdict) == ("equivalent", "guarded")
    assert "400 of 400 comparisons of answers that differ are ties" in found.guards[0]


def test_equal_answers_are_evidence_of_equality() -> None:
    found = row([[TIE]] * 100, asked=False)
    assert (found.verdict, found.equal, found.turned) == ("equivalent", 100, 0)
    assert found.first_share is None


def test_interval_of_one_comparison_per_task_is_half_that_of_paired_proportions() -> None:
    from qtui.analysis.scorers.paired_proportions import PairedCounts, difference_interval

    found = row([[WIN]] * 12 + [[LOSS]] * 5 + [[TIE]] * 33)
    expected = difference_interval(PairedCounts(0, 5, 12, 33), 0.90)
    assert expected is not None
    assert found.win_rate == pytest.approx((12 + 33 / 2) / 50)
    assert found.interval90 == pytest.approx((0.5 + expected[0] / 2, 0.5 + expected[1] / 2))


def test_takes_are_averaged_before_tasks() -> None:
    found = row([[WIN, LOSS, WIN, WIN]] + [[TIE] * 4] * 9)
    assert found.win_rate == pytest.approx((0.75 + 9 * 0.5) / 10)
    assert (found.n, found.judged, found.takes) == (10, 40, 4)


def test_turns_of_a_conversation_are_one_unit() -> None:
    given = [[WIN] if task % 4 < 2 else [LOSS] for task in range(40)]
    apart = row(given)
    together = row(given, follows={task: task - 1 for task in range(2, 41, 2)})
    assert (apart.units, together.units) == (40, 20)
    assert together.win_rate == apart.win_rate
    assert _width(together) > _width(apart)


def _width(found: PreferenceRow) -> float:
    assert found.interval95 is not None
    return found.interval95[1] - found.interval95[0]


@pytest.mark.parametrize(
    ("wins", "losses", "ties", "verdict"),
    [(90, 10, 100, "higher"), (10, 90, 100, "worse"), (60, 62, 1878, "equivalent"), (5, 7, 20, "inconclusive")],
)
def test_verdict_follows_from_the_interval_and_the_margin(wins: int, losses: int, ties: int, verdict: str) -> None:
    found = row([[WIN]] * wins + [[LOSS]] * losses + [[HALF]] * (ties // 2) + [[TIE]] * (ties - ties // 2))
    assert found.rule == verdict


def test_smaller_margin_asks_for_more() -> None:
    given = [[WIN]] * 60 + [[LOSS]] * 60 + [[HALF]] * 280
    assert (row(given, margin=0.05).rule, row(given, margin=0.01).rule) == ("equivalent", "inconclusive")


def test_sign_tests_and_claims_are_adjusted_over_the_pairs_of_a_judge() -> None:
    good, bad = [[WIN]] * 30 + [[LOSS]] * 10, [[WIN]] * 12 + [[LOSS]] * 28
    frame = pd.concat([replies(good), replies(bad, candidate="Q2")], ignore_index=True)
    rows = table(frame, 40, names=("FP16", "Q4", "Q2"))
    p = [stats.binomtest(30, 40).pvalue, stats.binomtest(12, 40).pvalue]
    assert [each.sign_p for each in rows] == pytest.approx(p)
    assert [each.sign_p_holm for each in rows] == pytest.approx([2 * min(p), max(p)])
    assert {each.comparisons for each in rows} == {2}


def test_pair_that_is_not_compared_yet_is_unjudged() -> None:
    [found] = table(replies([]), 20)
    assert (found.verdict, found.n, found.win_rate, found.interval90) == ("ungraded", 0, None, None)
    assert "unjudged" in found.verdict_text


def test_few_tasks_earn_no_verdict() -> None:
    assert row([[WIN]] * 9).verdict == "guarded"


def test_retest_is_the_share_of_equal_choices() -> None:
    found = row([[WIN, WIN], [WIN, LOSS], [TIE, TIE]])
    assert found.retest == pytest.approx(4 / 6)
    assert row([[WIN]]).retest is None


@pytest.mark.parametrize("shape", ["single", "takes", "conversations"])
def test_simulated_intervals_cover_the_true_win_rate(shape: str) -> None:
    """400 experiments of 60 tasks each; the larger program is `tests/bench/win_rate_coverage.py`."""
    from tests.bench.win_rate_coverage import coverage

    covered: Any = coverage(shape, tasks=60, experiments=400, seed=7)
    # Three standard errors of 400 draws at 95 %.
    assert covered >= 0.95 - 3 * (0.95 * 0.05 / 400) ** 0.5
