"""How long a run took: the time of its attempts, whatever ended them and whatever lies between. Times are put into the store."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from qtui.records import Answer, Task, TaskSet
from qtui.run_progress import NOTHING_TO_DO, RunState, RunSummary
from qtui.store import Store, answers, leases, new_runs, open_store, runs
from qtui.variant_facts import VariantFacts
from tests.store.old_store import fill_old

TASKS = TaskSet("two", (Task("a"), Task("b")))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with one run that has not begun."""
    opened = open_store(tmp_path / "s.sqlite")
    variants = [new_runs.NewVariant("m", "F16", True, "llama.cpp", "F16", "w", 2, {})]
    new_runs.add(opened, new_runs.NewRun("e", "p", "", "run", "e.toml", TASKS, variants))
    return opened


def summary(store: Store) -> RunSummary:
    return runs.summaries(store, [1])[0]


def begin(store: Store, at: float) -> None:
    """A runner (this process) begins an attempt at that moment."""
    leases.take(store, 1)
    runs.begin(store, 1)
    move_last(store, started=at, seen=at)
    if len(summary(store).attempts) == 1:
        store.execute("UPDATE run SET started = ?", (at,))


def begin_and_die(store: Store, at: float, seen: float) -> None:
    """A runner (another process) begins at that moment and is killed after a last heartbeat."""
    program = (
        "import os, sys; from pathlib import Path; from qtui.store import open_store, leases, runs;"
        "store = open_store(Path(sys.argv[1])); leases.take(store, 1); runs.begin(store, 1); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(store.path)], check=False)
    move_last(store, started=at, seen=seen)
    if len(summary(store).attempts) == 1:
        store.execute("UPDATE run SET started = ?", (at,))


def end(store: Store, at: float, state: RunState = "done") -> None:
    runs.set_state(store, 1, state)
    leases.release(store, 1)
    move_last(store, ended=at, seen=at)


def move_last(store: Store, **times: float) -> None:
    for name, moment in times.items():
        store.execute(f"UPDATE attempt SET {name} = ? WHERE id = (SELECT max(id) FROM attempt)", (moment,))


def answer(store: Store, number: int) -> None:
    task_id = runs.tasks(store, 1)[number][0]
    variant_id = summary(store).variants[0].id
    answers.commit(store, answers.Link(variant_id, task_id, 0), Answer(f"k{number}", "text", "stop"))


def outcomes(store: Store) -> list[str]:
    return [attempt.outcome for attempt in summary(store).attempts]


def test_one_attempt_is_the_time_from_its_start_to_its_end(store: Store) -> None:
    begin(store, 1000)
    end(store, 1040)
    assert summary(store).active_seconds(now=9e9) == 40
    assert outcomes(store) == ["done"]


def test_running_attempt_counts_until_now(store: Store) -> None:
    begin(store, 1000)
    assert summary(store).active_seconds(now=1025) == 25


def test_killed_runner_counts_until_its_last_heartbeat(store: Store) -> None:
    begin_and_die(store, 1000, seen=1030)
    assert summary(store).state == "interrupted"
    assert summary(store).active_seconds(now=9e9) == 30


def test_time_between_a_kill_and_the_resumption_does_not_count(store: Store) -> None:
    begin_and_die(store, 1000, seen=1030)
    begin(store, 90_000)
    assert summary(store).active_seconds(now=90_005) == 35
    answer(store, 0)
    end(store, 90_010)
    assert summary(store).active_seconds(now=9e9) == 40
    assert outcomes(store) == ["interrupted", "done"]


def test_time_between_several_interruptions_does_not_count(store: Store) -> None:
    for start in (1000, 50_000, 90_000):
        begin_and_die(store, start, seen=start + 10)
    begin(store, 200_000)
    end(store, 200_001, "failed")
    assert summary(store).active_seconds(now=9e9) == 31
    assert outcomes(store) == ["interrupted", "interrupted", "interrupted", "failed"]


@pytest.mark.parametrize("ended", ["cancelled", "failed"])
def test_time_between_an_end_and_the_resumption_does_not_count(store: Store, ended: RunState) -> None:
    begin(store, 1000)
    end(store, 1020, ended)
    begin(store, 90_000)
    answer(store, 0)
    end(store, 90_010)
    assert summary(store).active_seconds(now=9e9) == 30


def pause(store: Store, at: float) -> None:
    runs.set_state(store, 1, "paused")
    move_last(store, paused_since=at)


def go_on(store: Store, after: float) -> None:
    """The pause ends, as if it had been so long."""
    before = summary(store).attempts[-1].paused_seconds
    runs.set_state(store, 1, "running")
    move_last(store, paused_seconds=before + after)


def test_paused_run_stands_still(store: Store) -> None:
    begin(store, 1000)
    pause(store, 1010)
    assert summary(store).active_seconds(now=5000) == 10


def test_pauses_that_are_over_do_not_count(store: Store) -> None:
    begin(store, 1000)
    pause(store, 1010)
    go_on(store, after=500)
    pause(store, 1520)
    go_on(store, after=100)
    end(store, 1630)
    assert summary(store).active_seconds(now=9e9) == 30


def test_end_in_a_pause_ends_the_pause(store: Store) -> None:
    begin(store, 1000)
    pause(store, 1010)
    runs.set_state(store, 1, "cancelled")
    assert summary(store).active_seconds(now=9e9) == 10


def test_runner_killed_in_a_pause_does_not_count_the_pause(store: Store) -> None:
    begin_and_die(store, 1000, seen=1500)
    move_last(store, paused_since=1010)
    assert summary(store).active_seconds(now=9e9) == 10
    begin(store, 90_000)
    assert summary(store).active_seconds(now=90_001) == 11


def test_heartbeat_keeps_the_attempts_last_sign(store: Store) -> None:
    begin(store, 1000)
    move_last(store, paused_since=1000)
    assert leases.beat(store, 1)
    assert summary(store).attempts[-1].seen > 1_600_000_000


def test_machine_that_was_asleep_did_no_work(store: Store) -> None:
    begin(store, 1000)
    leases.beat(store, 1)
    last = summary(store).attempts[-1]
    assert last.paused_seconds == last.seen - 1000


def test_second_start_of_a_whole_run_is_no_work(store: Store) -> None:
    begin(store, 1000)
    answer(store, 0)
    end(store, 1020)
    store.execute("UPDATE answer SET created = 1010")
    begin(store, 2000)
    end(store, 2005)
    assert outcomes(store) == ["done", NOTHING_TO_DO]
    assert summary(store).active_seconds(now=9e9) == 20


def test_another_runners_attempt_is_not_ended_by_this_process(store: Store) -> None:
    begin_and_die(store, 1000, seen=1030)
    runs.set_state(store, 1, "failed", "its experiment can no longer be read")
    assert summary(store).active_seconds(now=9e9) == 30


def test_pause_is_no_part_of_what_the_time_left_is_reckoned_from(store: Store) -> None:
    begin(store, 1000)
    variant = summary(store).variants[0].id
    runs.set_variant(store, variant, state="answering", facts=VariantFacts(answering_started=1005.0))
    pause(store, 1010)
    runs.set_state(store, 1, "running")
    pause_seconds = summary(store).attempts[-1].paused_seconds
    assert pause_seconds > 0
    assert summary(store).variants[0].facts.answering_started == pytest.approx(1005 + pause_seconds)


def test_run_of_an_older_store_has_no_attempts_and_says_nothing(tmp_path: Path) -> None:
    run_id = fill_old(tmp_path / "old.sqlite", 4)
    store = open_store(tmp_path / "old.sqlite")
    store.execute("UPDATE run SET started = 1000, ended = 2000")
    assert (summary(store).attempts, summary(store).active_seconds(now=9e9)) == ((), None)
    leases.take(store, run_id)
    runs.begin(store, run_id)
    assert summary(store).active_seconds(now=9e9) is None, "how long the older qtui worked is not known"


def test_attempts_go_with_their_run(store: Store) -> None:
    begin(store, 1000)
    end(store, 1010)
    runs.delete(store, 1)
    assert store.execute("SELECT count(*) FROM attempt").fetchone()[0] == 0


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_a_clock_that_is_set_changes_no_duration(store: Store, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    leases.take(store, 1)
    runs.begin(store, 1)
    [before] = runs.summaries(store)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + step)
    runs.move_clock(store, 1, step)
    assert leases.beat(store, 1)
    [after] = runs.summaries(store)
    assert after.attempts[0].paused_seconds == before.attempts[0].paused_seconds == 0
    worked = after.active_seconds(time.time())
    assert worked is not None
    assert 0 <= worked < abs(step), "the seconds of this test, whatever the clock says"
