"""Distributions on the axis of the screen, and the lengths behind a scatter, from a real store."""

from pathlib import Path

import pytest

from qtui.exchange import gpt4_autoeval
from qtui.figures.length_densities import POINTS
from qtui.results.length_densities import distributions, paired_lengths
from qtui.store import open_store
from tests.ui.conftest import fill


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, int]:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        run_id = fill(store)
    return path, run_id


def test_every_variant_has_a_density_that_integrates_to_its_share_of_the_axis(filled: tuple[Path, int]) -> None:
    path, run_id = filled
    found = distributions(path, (run_id,), "linear")
    assert [(v.model, v.variant, v.n) for v in found.variants] == [
        ("org/small", "FP16", 4), ("org/small", "Q4_K_M", 4), ("org/large", "FP16", 4), ("org/large", "Q4_K_M", 4),
    ]  # fmt: skip
    for variant in found.variants:
        area = sum(variant.density) * found.axis.end / (POINTS - 1)
        assert 0.3 < area <= 1.01


def test_nothing_lies_beyond_the_square_root_axis(filled: tuple[Path, int]) -> None:
    path, run_id = filled
    found = distributions(path, (run_id,), "root")
    assert found.axis.end == found.longest
    assert all(variant.beyond == 0 for variant in found.variants)


def test_the_pair_s_lengths_are_of_the_same_tasks(filled: tuple[Path, int]) -> None:
    path, run_id = filled
    both = paired_lengths(path, run_id, "org/small", "FP16", "Q4_K_M")
    assert both.tasks == (1, 2, 3, 4)
    assert [b // c for b, c in zip(both.baseline, both.candidate, strict=True)] == [0, 1, 2, 3]


def test_the_study_is_shown_to_800_characters_with_the_rest_counted(shared: Path, tmp_path: Path) -> None:
    path = tmp_path / "study.sqlite"
    with open_store(path) as store:
        run_id = gpt4_autoeval.write(store, gpt4_autoeval.read(shared / "data/gpt4-autoeval/assets")).run_id
    found = distributions(path, (run_id,), "linear")
    assert (found.axis.end, found.longest) == (800, 3662)
    beyond = {(v.model, v.variant): v.beyond for v in found.variants if v.beyond}
    assert beyond["Xwin-LM-7B-V0.1", "Q4_K_M"] == 5
    assert sum(beyond.values()) <= 1100 * 0.025
