"""Densities: the kernel estimate itself, its cut, and data that have no curve."""

import numpy as np
import pytest
from scipy import stats

from qtui.analysis import violin


def test_density_is_scipy_s_inside_the_data_and_zero_outside() -> None:
    x = np.random.default_rng(2).gamma(2, 100, 100)
    grid = violin.common_grid([x, [2000]], 200)
    found = violin.density(x, grid).values
    inside = (grid >= x.min()) & (grid <= x.max())
    assert found[inside] == pytest.approx(stats.gaussian_kde(x)(grid[inside]))
    assert not found[~inside].any()


def test_common_grid_runs_from_zero_to_the_longest_answer() -> None:
    assert violin.common_grid([[3, 9], [], [50]], 6).tolist() == [0, 10, 20, 30, 40, 50]
    assert violin.common_grid([[], []], 3).tolist() == [0, 0.5, 1]
    assert violin.common_grid([[0, 0]], 2).tolist() == [0, 1]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lengths", [[40], [40, 40, 40]])
def test_lengths_without_variance_are_one_spike_of_area_one(lengths: list[int]) -> None:
    found = violin.density(lengths, np.linspace(0, 100, 11))
    assert found.values.nonzero()[0].tolist() == [4]
    assert found.values.sum() * 10 == pytest.approx(1)
    assert found.note


@pytest.mark.filterwarnings("error")
def test_no_answers_are_a_flat_line() -> None:
    found = violin.density([], np.linspace(0, 100, 11))
    assert not found.values.any()
    assert found.note == "no answers"


def test_many_answers_keep_the_curve() -> None:
    x = np.random.default_rng(3).gamma(2, 100, 60_000).round()
    grid = np.linspace(0, 1500, 60)
    inside = (grid >= x.min()) & (grid <= x.max())
    whole = np.where(inside, stats.gaussian_kde(x)(grid), 0)
    assert violin.density(x, grid).values == pytest.approx(whole, abs=0.01 * whole.max())
