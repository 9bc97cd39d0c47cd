"""Figures of divergence, held to slow definitions and to the perplexity tool's way of computing them."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qtui.analysis.divergence import TokenFigures, by_task, figures, joined


def tokens(kl: list[float], p: list[float], q: list[float], task: list[int] | None = None) -> TokenFigures:
    n = len(kl)
    return TokenFigures(
        task=np.array(task or [1] * n, np.int64),
        kl=np.array(kl, np.float64),
        baseline_logp=np.log(np.array(p, np.float64)),
        candidate_logp=np.log(np.array(q, np.float64)),
        same_top=np.array([value < 0.5 for value in kl], np.bool_),
        as_answered=np.ones(n, np.bool_),
    )


SOME = tokens([0.0, 0.1, 0.3, 0.8], [0.5, 0.25, 0.8, 0.1], [0.5, 0.5, 0.4, 0.2], [1, 1, 2, 2])


def test_mean_and_standard_error_are_those_of_independent_tokens() -> None:
    kl = [0.0, 0.1, 0.3, 0.8]
    found = figures(SOME).kl
    mean = sum(kl) / 4
    assert found.mean == pytest.approx(mean)
    assert found.se == pytest.approx(math.sqrt((sum(x * x for x in kl) / 4 - mean**2) / 3))


def test_clustered_error_is_that_of_two_tasks() -> None:
    # Task 1 is 0.5 below the mean of its two tokens together, task 2 as much above.
    assert figures(SOME).kl.se_tasks == pytest.approx(math.sqrt(2 / 1 * 2 * 0.5**2) / 4)


def test_quantiles_are_linear_between_tokens() -> None:
    found = figures(tokens([float(i) for i in range(11)], [0.5] * 11, [0.5] * 11)).kl
    assert (found.median, found.p90, found.p95, found.p99, found.p999, found.max) == pytest.approx(
        (5.0, 9.0, 9.5, 9.9, 9.99, 10.0)
    )


def test_change_of_probability_is_candidate_minus_baseline() -> None:
    found = figures(SOME)
    changes = [0.0, 0.25, -0.4, 0.1]
    assert found.delta_p.mean == pytest.approx(sum(changes) / 4)
    assert found.delta_p.rms == pytest.approx(math.sqrt(sum(x * x for x in changes) / 4))


def test_perplexity_is_the_inverse_geometric_mean_and_the_ratio_theirs() -> None:
    found = figures(SOME).perplexity
    assert found.baseline == pytest.approx((0.5 * 0.25 * 0.8 * 0.1) ** (-1 / 4))
    assert found.candidate == pytest.approx((0.5 * 0.5 * 0.4 * 0.2) ** (-1 / 4))
    assert found.baseline is not None
    assert found.candidate is not None
    assert found.ratio == pytest.approx(found.candidate / found.baseline)
    assert found.ln_ratio == pytest.approx(math.log(found.candidate / found.baseline))


def test_same_top_is_a_share_of_tokens_and_not_of_tasks() -> None:
    assert figures(tokens([0.0, 0.9, 0.9, 0.9], [0.5] * 4, [0.5] * 4, [1, 2, 2, 2])).same_top == 0.25


def test_each_task_has_figures_of_its_own() -> None:
    found = dict(by_task(SOME))
    assert {task: own.tokens for task, own in found.items()} == {1: 2, 2: 2}
    assert [found[task].kl.mean for task in (1, 2)] == pytest.approx([0.05, 0.55])


def test_no_tokens_are_no_figures() -> None:
    found = figures(joined([]))
    assert (found.tokens, found.kl.mean, found.same_top, found.perplexity.ratio) == (0, None, None, None)


def test_one_token_has_a_mean_and_no_error() -> None:
    found = figures(tokens([0.2], [0.5], [0.4]))
    assert (found.kl.mean, found.kl.se, found.kl.se_tasks) == (0.2, None, None)


chances = st.floats(0.001, 1.0)
many = st.lists(st.tuples(st.floats(0.0, 20.0), chances, chances, st.integers(1, 5)), min_size=2, max_size=40)


@given(many, st.randoms())
def test_order_of_tokens_does_not_matter(rows: list[tuple[float, float, float, int]], chance: Random) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    one, other = (figures(tokens(*(list(column) for column in zip(*order, strict=True)))) for order in (rows, shuffled))
    assert one.kl.mean == pytest.approx(other.kl.mean)
    assert one.kl.se_tasks == pytest.approx(other.kl.se_tasks, abs=1e-9)
    assert one.delta_p.rms == pytest.approx(other.delta_p.rms)
    assert one.perplexity.ln_ratio == pytest.approx(other.perplexity.ln_ratio, abs=1e-9)


@given(many)
def test_swapping_the_sides_turns_the_ratio_over(rows: list[tuple[float, float, float, int]]) -> None:
    kl, p, q, task = (list(column) for column in zip(*rows, strict=True))
    one, other = figures(tokens(kl, p, q, task)), figures(tokens(kl, q, p, task))
    assert one.perplexity.ln_ratio == pytest.approx(-other.perplexity.ln_ratio, abs=1e-12)  # type: ignore[operator]
    assert one.delta_p.mean == pytest.approx(-other.delta_p.mean, abs=1e-12)  # type: ignore[operator]
    assert one.delta_p.rms == pytest.approx(other.delta_p.rms)
