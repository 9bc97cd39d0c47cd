"""Lengths: figures worked out by hand, invariants, and every length figure of the study's reference file."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtui.analysis import lengths
from qtui.analysis.tables import length_table
from tests.analysis.frames import json_of, reference, study

PAIRS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=60)


def test_describe_gives_quartiles_and_sample_sd() -> None:
    found = lengths.describe([0, 10, 20, 40])
    assert (found.n, found.mean, found.median, found.q1, found.q3, found.iqr) == (4, 17.5, 15, 7.5, 25, 17.5)
    assert (found.min, found.max) == (0, 40)
    assert found.sd == pytest.approx(math.sqrt((17.5**2 + 7.5**2 + 2.5**2 + 22.5**2) / 3))


def test_describe_of_nothing_and_of_one_has_no_sd() -> None:
    assert json_of(lengths.describe([])) == dict.fromkeys(("mean", "sd", "median", "q1", "q3", "iqr", "min", "max")) | {
        "n": 0
    }
    assert lengths.describe([7]).sd is None


def test_paired_figures_by_hand() -> None:
    found = lengths.paired([10, 20, 30, 40], [10, 10, 15, 60])
    assert (found.mean_diff, found.n_longer, found.n_shorter, found.n_equal) == (-1.25, 1, 2, 1)
    assert found.rel_change_mean == pytest.approx(95 / 100 - 1)
    assert found.rel_change_median == pytest.approx(12.5 / 25 - 1)
    assert found.median_paired_diff == -5
    assert found.wilcoxon_W == 3  # ranks of |−10|, |−15|, |20|: 1 and 2 against 3
    assert found.sign_p == 1.0
    above = sum(c > b for b in (10, 20, 30, 40) for c in (10, 10, 15, 60))
    below = sum(c < b for b in (10, 20, 30, 40) for c in (10, 10, 15, 60))
    assert found.cliffs_delta == (above - below) / 16
    assert found.ks_D == 0.5
    assert found.mean_abs_diff == 11.25


def test_student_interval_is_the_textbook_one() -> None:
    low, high = lengths.student_interval([1, 2, 3, 4, 5], 0.95) or (0, 0)
    assert (low, high) == pytest.approx((3 - 2.776445 * math.sqrt(0.5), 3 + 2.776445 * math.sqrt(0.5)), abs=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [([], []), ([5], [9]), ([5, 5, 5], [5, 5, 5]), ([0, 0], [0, 0]), ([5, 5], [7, 7])])
def test_strange_data_gives_none_and_no_warning(values: tuple[list[int], list[int]]) -> None:
    found = json_of(lengths.paired(*values))
    assert all(v is None or isinstance(v, list) or math.isfinite(v) for v in found.values())


def test_bootstrap_above_the_budget_is_near_the_normal_interval() -> None:
    d = np.random.default_rng(5).normal(3, 10, 9_000)
    low, high = lengths.bootstrap_mean(d) or (0, 0)
    t = lengths.student_interval(d, 0.95) or (0, 0)
    assert (low, high) == pytest.approx(t, abs=0.1 * (t[1] - t[0]))


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        lengths.paired([1, 2], [1])


@given(PAIRS)
@settings(max_examples=40, deadline=None)
def test_swapping_sides_negates(values: list[tuple[int, int]]) -> None:
    b, c = zip(*values, strict=True)
    there, back = lengths.paired(b, c), lengths.paired(c, b)
    assert there.mean_diff == pytest.approx(-(back.mean_diff or 0))
    assert there.cliffs_delta == pytest.approx(-(back.cliffs_delta or 0))
    assert (there.n_longer, there.n_shorter) == (back.n_shorter, back.n_longer)
    for name in ("wilcoxon_p", "sign_p", "ks_D", "wasserstein", "spearman"):
        assert getattr(there, name) == pytest.approx(getattr(back, name)), name


@given(PAIRS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_tasks_changes_no_figure_but_the_bootstrap(values: list[tuple[int, int]], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    one, other = (json_of(lengths.paired(*zip(*v, strict=True))) for v in (values, shuffled))
    assert {k: v for k, v in one.items() if k != "boot95"} == {k: v for k, v in other.items() if k != "boot95"}


@given(PAIRS, st.integers(1, 500))
@settings(max_examples=40, deadline=None)
def test_adding_a_constant_to_the_candidate_shifts_the_difference(values: list[tuple[int, int]], more: int) -> None:
    b, c = (np.asarray(side) for side in zip(*values, strict=True))
    plain, shifted = lengths.paired(b, c), lengths.paired(b, c + more)
    assert shifted.mean_diff == pytest.approx((plain.mean_diff or 0) + more)
    assert shifted.sd_diff == pytest.approx(plain.sd_diff)


def test_every_length_figure_of_the_reference_is_met(shared: Path) -> None:
    wanted = reference(shared, "lengths.json")
    frames = study(shared)
    table = json_of(length_table(frames.answers, frames.tasks))
    variants = {(v["model"], v["variant"]): v for v in table["variants"]}
    pairs = {p["model"]: p for p in table["pairs"]}
    assert len(pairs) == len(wanted["pairs"]) == 5
    for entry in wanted["pairs"].values():
        model = entry["fp16_dir"].split("/")[1]
        pair = pairs[model]
        for ours, theirs in (("raw", "raw"), ("stripped", "strip")):
            for variant, side in (("FP16", "fp16"), ("Q4_K_M", "q4")):
                assert variants[model, variant][ours] == entry[theirs][side], (model, variant, ours)
            assert {k: pair[ours][k] for k in entry[theirs]["paired"]} == entry[theirs]["paired"], (model, ours)
        assert {k: pair["mcnemar"][k] for k in entry["mcnemar"]} == entry["mcnemar"], model
        for name in ("identical_raw", "identical_strip", "identical_strip_nonempty"):
            assert pair[name] == entry[name], (model, name)
        assert pair["identical"] == entry["identical_strip"]


def test_every_flag_count_of_the_reference_is_met(shared: Path) -> None:
    wanted = reference(shared, "lengths.json")
    frames = study(shared)
    flags = {
        (v["model"], v["variant"]): v["flags"] for v in json_of(length_table(frames.answers, frames.tasks))["variants"]
    }
    single = wanted["single"]["Karakuri-70B (Q4 only)"]
    for entry in wanted["pairs"].values():
        for variant, side in (("FP16", "fp16"), ("Q4_K_M", "q4")):
            found = flags[entry["fp16_dir"].split("/")[1], variant]
            assert {k: found[k] for k in entry["flags"][side]} == entry["flags"][side]
    found = flags["karakuri-lm-70b-chat-v0.1", "Q4_K_M"]
    assert {k: found[k] for k in single["flags"]} == single["flags"]
    assert found["truncated"] is None
