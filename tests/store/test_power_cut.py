"""A power cut takes nothing that the store had acknowledged. `python -m tests.store.power_cut` makes more cuts than this test."""

import random
import shutil
from pathlib import Path

import pytest

from tests.store.power_cut import Disk, Step, cut, record

CUTS = 120


def test_all_that_was_acknowledged_is_there_after_a_power_cut_at_any_moment(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: what a program syncs cannot be written down")
    steps = record(tmp_path)
    assert sum(step.kind == "S" for step in steps) > 100, "nothing was written down"
    found = {f"test {number}": cut(steps, f"test {number}", tmp_path) for number in range(CUTS)}
    assert {seed: wrong for seed, wrong in found.items() if wrong} == {}


def test_what_was_not_synced_may_be_lost() -> None:
    disk = Disk()
    disk.do(Step("W", "f", 0, b"sure"))
    disk.do(Step("S", "f", 0, b""))
    disk.do(Step("W", "f", 4, b"open"))
    left = {disk.after_cut(random.Random(seed))["f"] for seed in range(50)}
    assert {b"sure", b"sureopen"} < left
    assert all(content.startswith(b"sure") for content in left)
