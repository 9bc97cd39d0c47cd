"""Densities: the kernel estimate itself, its cut, and data that have no curve."""

import numpy as np
import pytest
from scipy import stats

from qtui.analysis import violin


def test_density_is_scipy_s_inside_the_data_and_zero_outside() -> None:
    x = np.random.default_rng(2).gamma(2, 100, 100)
    grid = np.linspace(0, 2000, 200)
    found = violin.density(x, grid).values
    inside = (grid >= x.min()) & (grid <= x.max())
    assert found[inside] == pytest.approx(stats.gaussian_kde(x)(grid[inside]))
    assert not found[~inside].any()


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
