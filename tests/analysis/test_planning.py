"""What an experiment will be able to show: from an assumed spread, from a measured one, and whether that comes true."""

from dataclasses import replace

import numpy as np
import pytest

from qtui.analysis.instrument.planning import Plan, planned
from qtui.figures.scores import ScoreRow
from tests.analysis.test_instrument import row_of

PLAN = Plan(judge="openai:x", tasks=100, units=100, takes=1, samples=1, margin=0.2)


def graded(seed: int, n: int, takes: int, *, noise: float = 0.5, change: float = 0.6) -> ScoreRow:
    rng = np.random.default_rng(seed)
    baseline = rng.normal(3, 1, (n, 1, 1))
    candidate = baseline + rng.normal(0, change, (n, 1, 1))
    noisy = (each + rng.normal(0, noise, (n, 1, takes)) for each in (baseline, candidate))
    return row_of(*noisy)


def test_without_any_knowledge_the_spread_is_assumed_and_said_to_be() -> None:
    found = planned(PLAN, [], same_tasks=False)
    assert found.shown == pytest.approx(0.25, abs=0.005)
    assert found.sentence.startswith("100 tasks, 1 take: differences under about 0.25 can stay inconclusive")
    assert "Nothing is known of openai:x here, so this is assumed: SD of a task's difference 1.00" in found.sentence
    assert (found.runs, found.pairs) == ((), 0)


def test_takes_average_the_noise_and_a_wider_scale_widens_all() -> None:
    five = planned(replace(PLAN, takes=5), [], same_tasks=False)
    assert five.sd == pytest.approx((0.5 + 0.5 / 5) ** 0.5)
    assert planned(replace(PLAN, steps=8), [], same_tasks=False).sd == pytest.approx(2)
    assert planned(replace(PLAN, is_exact=True), [], same_tasks=False).judge_noise == 0


def test_a_size_at_which_the_margin_decides_every_result_says_so() -> None:
    found = planned(replace(PLAN, tasks=400, units=400), [], same_tasks=False)
    assert found.always_decides
    assert "every result will be decided at a margin of 0.2" in found.sentence


def test_turns_are_no_further_tasks_where_nothing_is_known() -> None:
    turns = planned(replace(PLAN, tasks=200), [], same_tasks=False)
    assert turns.shown == planned(PLAN, [], same_tasks=False).shown
    assert turns.sentence.startswith("200 tasks in 100 conversations, 1 take: ")
    assert planned(replace(PLAN, tasks=2, units=1), [], same_tasks=False).shown is None


def test_an_earlier_run_tells_the_spread_with_its_own_number_of_takes() -> None:
    measured = graded(1, 400, takes=3)
    found = planned(replace(PLAN, takes=3), [measured], same_tasks=True)
    assert found.sd == pytest.approx((0.36 + 2 * 0.25 / 3) ** 0.5, abs=0.05)
    assert found.judge_noise == pytest.approx(0.5, abs=0.03)
    assert "From 1 pair that openai:x graded on the same tasks (run e)" in found.sentence


def test_noise_that_is_known_says_what_another_number_of_takes_will_do() -> None:
    measured = graded(2, 400, takes=3)
    one = planned(PLAN, [measured], same_tasks=True)
    assert one.sd == pytest.approx((0.36 + 2 * 0.25) ** 0.5, abs=0.06)
    assert "measured with other" not in one.sentence


def test_noise_that_is_unknown_is_kept_and_said_to_be() -> None:
    found = planned(replace(PLAN, takes=5), [graded(3, 200, takes=1)], same_tasks=False)
    assert found.sd == pytest.approx((0.36 + 2 * 0.25) ** 0.5, abs=0.08)
    assert "on other tasks" in found.sentence
    assert found.sentence.endswith("judge's noise unknown, measured with other takes")


def test_what_is_planned_from_one_run_is_what_the_next_one_can_show() -> None:
    plan = replace(PLAN, tasks=80, units=80, takes=2)
    found = planned(plan, [graded(4, 400, takes=3)], same_tasks=True)
    shown = [row.resolution.shown or 0 for seed in range(20) if (row := graded(100 + seed, 80, takes=2)).resolution]
    assert np.mean(shown) == pytest.approx(found.shown, rel=0.08)


def test_variants_that_differ_nowhere_tell_no_spread() -> None:
    equal = row_of(np.full((20, 1, 1), 3), np.full((20, 1, 1), 3))
    assert planned(PLAN, [equal], same_tasks=True).runs == ()
