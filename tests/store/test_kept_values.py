"""Kept values are never taken for those of another store, state, question or program; nor are kept counts of runs."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from qtui import paths
from qtui.store import file_state, kept_values, open_store, run_counts, runs
from qtui.store.kept_values import Kept
from tests.store import every_table
from tests.store.settled import state_of

QUESTION = ("counts",)
VALUE = {"answers": [1, 2]}
TYPE = dict[str, list[int]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that is only a file: nothing here reads its rows."""
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"one")
    return path


def keep(store: Path) -> bool:
    return kept_values.keep(store, QUESTION, VALUE, TYPE, state_of(store))


def test_a_kept_value_is_found_again(store: Path) -> None:
    assert keep(store)
    assert kept_values.read(store, QUESTION, TYPE) == Kept(VALUE, is_current=True)


def test_a_value_of_another_question_or_store_is_not_found(store: Path, tmp_path: Path) -> None:
    assert keep(store)
    assert kept_values.read(store, ("lengths",), TYPE) is None
    assert kept_values.read(tmp_path / "other.sqlite", QUESTION, TYPE) is None


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_value_of_a_file_that_changed_is_not_current(store: Path, suffix: str) -> None:
    assert keep(store)
    store.with_name(store.name + suffix).write_bytes(b"two")
    state_of(store)
    assert kept_values.read(store, QUESTION, TYPE) == Kept(VALUE, is_current=False)


def test_a_file_that_changed_a_moment_ago_has_no_state(store: Path) -> None:
    before = state_of(store)
    store.write_bytes(b"two")
    future = store.stat().st_mtime_ns + 10**12
    os.utime(store, ns=(future, future))
    assert file_state.of_file(store) is None
    assert not kept_values.keep(store, QUESTION, VALUE, TYPE, before)


def test_nothing_is_kept_of_a_store_that_changed_while_it_was_computed(store: Path) -> None:
    before = state_of(store)
    store.write_bytes(b"two")
    state_of(store)
    assert not kept_values.keep(store, QUESTION, VALUE, TYPE, before)
    assert kept_values.read(store, QUESTION, TYPE) is None


def test_a_value_that_would_be_read_as_another_is_not_kept(store: Path) -> None:
    assert not kept_values.keep(store, QUESTION, {"answers": (1, 2)}, TYPE, state_of(store))
    assert not kept_values.keep(store, QUESTION, {"answers": [None]}, TYPE, state_of(store))
    assert not kept_values.keep(store, QUESTION, object(), TYPE, state_of(store))


def test_a_value_of_another_program_is_not_found(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep(store)
    monkeypatch.setattr(kept_values, "program", lambda: "another")
    assert kept_values.read(store, QUESTION, TYPE) is None


def test_files_are_private_and_a_damaged_one_is_as_none(store: Path) -> None:
    assert keep(store)
    [file] = (paths.cache() / "figures").iterdir()
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"\xc1", content[:-1] + b"\xc1"):
        file.write_bytes(damaged)
        assert kept_values.read(store, QUESTION, TYPE) is None


def test_a_cache_that_cannot_be_written_keeps_nothing(store: Path) -> None:
    paths.cache().mkdir(parents=True, exist_ok=True)
    (paths.cache() / "figures").write_text("a file in the place of the folder")
    assert not keep(store)


def test_only_the_newest_files_stay(store: Path) -> None:
    for number in range(kept_values.MOST_FILES + 3):
        assert kept_values.keep(store, (str(number),), VALUE, TYPE, state_of(store))
    assert len(list((paths.cache() / "figures").iterdir())) == kept_values.MOST_FILES


def test_runs_listed_from_kept_counts_are_those_that_were_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.sqlite"
    every_table.fill(path)
    monkeypatch.setattr(run_counts, "KEPT_FROM", 0.0)
    with closing(open_store(path)) as store:
        state_of(path)
        counted = runs.listed(store)
        assert kept_values.read(path, ("counts of all runs",), run_counts.Counts) is not None
        assert runs.listed(store) == counted == [run for each in counted for run in runs.summaries(store, [each.id])]
        monkeypatch.setattr(run_counts, "KEPT_FROM", float("inf"))
        with store.writing():
            store.execute("DELETE FROM variant_answer")
        assert [run.answered for run in runs.listed(store)] == [0] * len(counted)
