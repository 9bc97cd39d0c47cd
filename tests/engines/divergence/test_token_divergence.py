"""The figures of single positions against slow definitions, on logits that float32 would get wrong."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qtui.engines.divergence.token_divergence import BLOCK, Positions, compare
from qtui.errors import UserError


def compared(baseline: Any, candidate: Any, chosen: list[int]) -> Positions:
    with ThreadPoolExecutor(2) as threads:
        return compare(
            np.asarray(baseline, np.float32), np.asarray(candidate, np.float32), np.array(chosen, np.int64), threads
        )


def some_logits(positions: int, size: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    chance = np.random.default_rng(seed)
    baseline = (chance.standard_normal((positions, size)) * 4 + 30).astype(np.float32)
    return baseline, baseline + (chance.standard_normal((positions, size)) * 0.2).astype(np.float32)


def test_figures_are_those_of_the_definition() -> None:
    baseline, candidate = some_logits(5, 50)
    found = compared(baseline, candidate, [0, 7, 49, 3, 3])
    for place in range(5):
        p = np.exp(np.float64(baseline[place])) / np.exp(np.float64(baseline[place])).sum()
        q = np.exp(np.float64(candidate[place])) / np.exp(np.float64(candidate[place])).sum()
        chosen = [0, 7, 49, 3, 3][place]
        assert found.kl[place] == pytest.approx((p * np.log(p / q)).sum(), rel=1e-10)
        assert found.baseline_logp[place] == pytest.approx(np.log(p[chosen]), rel=1e-12)
        assert found.candidate_logp[place] == pytest.approx(np.log(q[chosen]), rel=1e-12)
        assert found.tops[place].tolist() == [p.argmax(), q.argmax()]
        expected = [[side[token] for side in (p, q)] for token in (p.argmax(), q.argmax())]
        assert np.exp(found.top_logp[place]) == pytest.approx(np.array(expected))


def test_equal_logits_are_exactly_nothing_apart() -> None:
    logits, _ = some_logits(7, 1000)
    found = compared(logits, logits.copy(), [1] * 7)
    assert found.kl.tolist() == [0.0] * 7
    assert (found.baseline_logp == found.candidate_logp).all()


def test_a_constant_added_to_all_logits_changes_nothing() -> None:
    baseline, candidate = some_logits(3, 200)
    exact = np.round(baseline * 64) / 64, np.round(candidate * 64) / 64
    plain, shifted = compared(*exact, [5] * 3), compared(exact[0] + 512, exact[1] - 256, [5] * 3)
    assert shifted.kl == pytest.approx(plain.kl, rel=1e-9)


def test_a_tiny_divergence_is_not_lost_in_rounding() -> None:
    """Two tokens at even odds, one logit moved by ε: the divergence is ε²/8 to second order."""
    step = 2.0**-14
    found = compared([[20.0, 20.0]], [[20.0 + step, 20.0]], [0])
    assert found.kl[0] == pytest.approx(step**2 / 8, rel=1e-6)


def test_overwhelming_logits_do_not_overflow() -> None:
    found = compared([[1e4, 0.0]], [[0.0, 1e4]], [0])
    assert found.kl[0] == pytest.approx(1e4)
    assert found.candidate_logp[0] == pytest.approx(-1e4)


def test_a_token_that_the_baseline_rules_out_adds_nothing() -> None:
    found = compared([[1.0, 1.0, -np.inf]], [[1.0, 1.0, -np.inf]], [0])
    assert found.kl.tolist() == [0.0]


def test_blocks_are_put_together_in_order() -> None:
    size = BLOCK // 4
    baseline, candidate = some_logits(11, size)
    whole = compared(baseline, candidate, list(range(11)))
    alone = [compared(baseline[i : i + 1], candidate[i : i + 1], [i]) for i in range(11)]
    assert whole.kl == pytest.approx(np.array([part.kl[0] for part in alone]), rel=1e-9)
    assert whole.baseline_logp == pytest.approx(np.array([part.baseline_logp[0] for part in alone]), rel=1e-9)
    assert whole.chosen.tolist() == list(range(11))


def test_no_positions_are_no_figures() -> None:
    found = compared(np.empty((0, 10)), np.empty((0, 10)), [])
    assert (len(found.kl), found.tops.shape, found.top_logp.shape) == (0, (0, 2), (0, 2, 2))


def test_damaged_weights_are_said_so() -> None:
    with pytest.raises(UserError, match="NaN"):
        compared([[np.nan, 1.0]], [[1.0, 1.0]], [0])
