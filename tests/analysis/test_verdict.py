"""The order of the verdict's rules, its sentences, its guards, and the p value of what it claims."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qtui.analysis import scores, verdict


@pytest.mark.parametrize(
    ("interval", "name"),
    [
        ((-0.19, 0.19), "equivalent"),
        ((0.01, 0.19), "equivalent"),  # the first rule wins over `higher`
        ((-0.19, -0.01), "equivalent"),
        ((0.01, 0.5), "higher"),
        ((0.0, 0.5), "not_worse"),
        ((-0.19, 0.2), "not_worse"),
        ((-0.5, -0.21), "worse"),
        ((-0.5, -0.2), "lower"),
        ((-0.2, -0.1), "lower"),
        ((-0.2, 0.1), "inconclusive"),
        ((-0.41, 0.12), "inconclusive"),
        ((-0.3, 0.0), "inconclusive"),
    ],
)
def test_first_matching_rule_wins(interval: tuple[float, float], name: str) -> None:
    assert verdict.decide(interval, 0.2) == name


@pytest.mark.parametrize(
    ("interval", "sentence"),
    [
        ((-0.1, 0.05), "equivalent within ±0.2: between −0.10 and +0.05"),
        ((0.1, 0.5), "higher: between +0.10 and +0.50"),
        ((-0.1, 0.3), "not worse by more than 0.2: between −0.10 and +0.30"),
        ((-0.9, -0.3), "worse by more than 0.2: between −0.90 and −0.30"),
        ((-0.9, -0.1), "lower, size unclear: between −0.90 and −0.10"),
        ((-0.41, 0.12), "inconclusive: between −0.41 and +0.12; needs about 160 more tasks"),
    ],
)
def test_each_verdict_is_one_line_of_english(interval: tuple[float, float], sentence: str) -> None:
    name = verdict.decide(interval, 0.2)
    assert verdict.sentence(name, interval, n=100, tasks_needed=256, margin=0.2) == sentence


@pytest.mark.parametrize(
    ("more", "about"), [(3, 3), (99, 99), (100, 100), (101, 110), (250, 250), (251, 260), (1010, 1100)]
)
def test_more_tasks_are_rounded_up_to_two_digits(more: int, about: int) -> None:
    sentence = verdict.sentence("inconclusive", (-0.5, 0.5), n=100, tasks_needed=100 + more)
    assert sentence.endswith(f"needs about {about} more tasks")


@given(st.lists(st.integers(-4, 4), min_size=10, max_size=80), st.sampled_from([0.1, 0.2, 0.5]))
@settings(max_examples=100, deadline=None)
def test_a_verdict_is_made_exactly_where_its_claim_is_significant(d: list[int], margin: float) -> None:
    found = scores.paired(np.zeros(len(d)), np.asarray(d), margin=margin)
    if found.interval90 is None or found.difference is None or not found.se:
        return
    name = verdict.decide(found.interval90, margin)
    p = verdict.claim_p(name, found.difference, found.se, found.n - 1, margin)
    assert (p < 0.05) == (name != "inconclusive")


def test_claims_are_one_sided_t_tests() -> None:
    d = np.random.default_rng(8).normal(-0.1, 0.5, 60)
    mean, se = float(d.mean()), float(stats.sem(d))
    against = {bound: stats.ttest_1samp(d, bound, alternative="greater").pvalue for bound in (-0.2, 0.0, 0.2)}
    assert verdict.claim_p("higher", mean, se, 59) == pytest.approx(against[0.0])
    assert verdict.claim_p("lower", mean, se, 59) == pytest.approx(1 - against[0.0])
    assert verdict.claim_p("not_worse", mean, se, 59) == pytest.approx(against[-0.2])
    assert verdict.claim_p("worse", mean, se, 59) == pytest.approx(1 - against[-0.2])
    assert verdict.claim_p("equivalent", mean, se, 59) == pytest.approx(max(against[-0.2], 1 - against[0.2]))
    assert verdict.claim_p("inconclusive", mean, se, 59) == 1


@pytest.mark.parametrize(
    ("n", "before", "after", "kind"),
    [
        (100, 24, 0, "baseline unhealthy"),
        (100, 5, 0, "baseline unhealthy"),
        (100, 4, 0, None),
        (100, 24, 20, None),
        (100, 0, 5, "candidate unhealthy"),
        (40, 2, 0, "baseline unhealthy"),
        (0, 0, 0, None),
    ],
)
def test_five_of_a_hundred_empty_answers_more_are_unhealthy(n: int, before: int, after: int, kind: str | None) -> None:
    guard = verdict.empty_answers_guard(n, before, after)
    assert (guard.kind if guard else None) == kind


def test_fewer_than_ten_tasks_are_guarded() -> None:
    assert str(verdict.few_tasks_guard(9)) == "too few tasks: 9, at least 10 are needed"
    assert verdict.few_tasks_guard(10) is None


@pytest.mark.parametrize(
    ("lowest", "highest", "kind"),
    [(50, 0, "floor"), (49, 0, None), (100, 0, "floor"), (0, 50, "ceiling"), (0, 49, None), (40, 60, "ceiling")],
)
def test_half_the_grades_at_an_end_of_the_scale_are_a_floor_or_a_ceiling(
    lowest: int, highest: int, kind: str | None
) -> None:
    found = verdict.end_of_scale_guard(np.array([1.0] * lowest + [5.0] * highest + [3.0] * (100 - lowest - highest)))
    assert (found.kind if found else None) == kind


def test_floor_names_the_answers_and_what_cannot_be_shown() -> None:
    found = verdict.end_of_scale_guard(np.array([1.0] * 71 + [2.0] * 29))
    assert str(found) == "floor: 71 of 100 baseline answers have the lowest grade; this judge cannot show a loss here"


def test_an_answer_that_one_take_graded_higher_can_still_lose() -> None:
    assert verdict.end_of_scale_guard(np.array([4 / 3] * 100)) is None


def test_no_grades_have_no_end() -> None:
    assert verdict.end_of_scale_guard(np.array([])) is None
