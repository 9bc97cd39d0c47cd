import itertools
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from qtui.records import Answer, Grade, Task, TaskSet, Usage
from qtui.store import Store, answers, grades, judged_places, leases, new_runs, notes, open_store, process_start, runs
from qtui.store.errors import LeaseHeldError
from tests.store.old_store import fill_old

TASKS = TaskSet("two", (Task("a", "ra", "ca"), Task("b", "rb", "cb")))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s.sqlite")


def new_run(plan: str = "p", judges: tuple[new_runs.NewJudge, ...] = ()) -> new_runs.NewRun:
    variants = [new_runs.NewVariant("m", name, name == "F16", "llama.cpp", name, "w", 2, {}) for name in ("F16", "Q4")]
    return new_runs.NewRun("e", plan, "toml", "run", "e.toml", TASKS, variants, judges)


def places(store: Store, run_id: int, variant: int = 0) -> list[answers.Link]:
    variant_id = runs.summaries(store, [run_id])[0].variants[variant].id
    return [answers.Link(variant_id, task_id, 0) for task_id, _ in runs.tasks(store, run_id)]


def test_same_plan_is_the_same_run_and_another_plan_another(store: Store) -> None:
    first = new_runs.add(store, new_run())
    assert new_runs.add(store, new_run()) == first
    assert new_runs.add(store, new_run("q")) != first


def test_role_of_a_variant_is_kept_and_follows_the_experiment(store: Store) -> None:
    run = new_runs.add(store, new_run())
    assert [(v.name, v.role) for v in runs.summaries(store)[0].variants] == [("F16", "baseline"), ("Q4", "candidate")]
    marked = [replace(each, role="control arm") if each.name == "Q4" else each for each in new_run().variants]
    assert new_runs.add(store, replace(new_run(), variants=marked)) == run
    assert [(v.name, v.role) for v in runs.summaries(store)[0].variants] == [("F16", "baseline"), ("Q4", "control arm")]


def test_store_from_before_roles_and_prompt_ids_reads_as_it_was(tmp_path: Path) -> None:
    run = fill_old(tmp_path / "old.sqlite", 3)
    opened = open_store(tmp_path / "old.sqlite")
    assert [v.role for v in runs.summaries(opened)[0].variants] == ["baseline", "candidate", "candidate"]
    found = answers.rows(opened, [run])
    assert (len(found), {row["prompt_ids_hash"] for row in found}, {row["prompt_tokens"] for row in found}) == (
        36,
        {""},
        {10},
    )
    opened.close()


def test_hash_of_the_prompts_tokens_is_kept_with_an_answer(store: Store) -> None:
    run = new_runs.add(store, new_run())
    answers.commit(store, places(store, run)[0], Answer("k", "text", "stop", 3, prompt_ids_hash="0123456789abcdef"))
    assert answers.rows(store, [run])[0]["prompt_ids_hash"] == "0123456789abcdef"


def test_same_task_set_is_kept_once(store: Store) -> None:
    new_runs.add(store, new_run())
    new_runs.add(store, new_run("q"))
    assert store.execute("SELECT count(*) FROM task").fetchone()[0] == 2


def test_same_key_keeps_its_first_text(store: Store) -> None:
    run = new_runs.add(store, new_run())
    place = places(store, run)[0]
    answers.commit(store, place, Answer("k", "first", "stop"))
    answers.commit(store, place, Answer("k", "second", "stop"))
    assert [row["text"] for row in answers.rows(store, [run])] == ["first"]


def test_known_answer_of_another_run_is_linked_not_made_again(store: Store) -> None:
    answers.commit(store, places(store, new_runs.add(store, new_run()))[0], Answer("k", "text", "stop"))
    other = new_runs.add(store, new_run("q"))
    place, second = places(store, other)
    assert answers.link_known(store, {0: (place, "k"), 1: (second, "unknown")}) == {0}
    assert len(answers.rows(store, [other])) == 1


def test_answer_of_an_outdated_key_is_unlinked(store: Store) -> None:
    run = new_runs.add(store, new_run())
    place, second = places(store, run)
    answers.commit(store, place, Answer("old weights", "old", "stop"))
    assert answers.link_known(store, {0: (place, "new weights"), 1: (second, "x")}) == set()
    assert answers.rows(store, [run]) == []


def test_summary_counts_answers_empty_and_truncated(store: Store) -> None:
    run = new_runs.add(store, new_run())
    for place, answer in zip(
        places(store, run), [Answer("1", " 　\n", "stop"), Answer("2", "x", "length")], strict=True
    ):
        answers.commit(store, place, answer)
    variant = runs.summaries(store)[0].variants[0]
    assert (variant.answered, variant.empty, variant.truncated) == (2, 1, 1)


def test_to_grade_leaves_out_what_the_judge_has_graded(store: Store) -> None:
    run = new_runs.add(store, new_run(judges=(new_runs.NewJudge("j", 1, "f", {}),)))
    first, second = places(store, run)
    answer_id = answers.commit(store, first, Answer("1", "x", "stop"))
    answers.commit(store, second, Answer("2", "y", "stop"))
    grades.commit(store, [(grades.Place(answer_id, first.task_id), Grade("g", "j", 1, 3, "", "f"))])

    def pending(fingerprint: str, take: int) -> list[str]:
        places = judged_places.read(store, run, "j", fingerprint)
        return [place.answer.text for place in places if not place.is_asked(take)]

    assert pending("f", 1) == ["y"]
    assert pending("f", 2) == ["x", "y"]
    assert pending("other prompt", 1) == ["x", "y"]


def test_readable_grade_replaces_ungraded_and_nothing_replaces_a_grade(store: Store) -> None:
    run = new_runs.add(store, new_run(judges=(new_runs.NewJudge("j", 1, "f", {}),)))
    link = places(store, run)[0]
    place = grades.Place(answers.commit(store, link, Answer("1", "x", "stop")), link.task_id)
    for given in (None, 4, 2, None):
        grades.commit(store, [(place, Grade("g", "j", 1, given, "", "f"))])
    assert [row["grade"] for row in grades.rows(store, [run])] == [4]


def test_what_grades_used_adds_up_over_retries_and_unknown_stays_unknown(store: Store) -> None:
    run = new_runs.add(store, new_run(judges=(new_runs.NewJudge("j", 1, "f", {}),)))
    link = places(store, run)[0]
    place = grades.Place(answers.commit(store, link, Answer("1", "x", "stop")), link.task_id)
    assert grades.usage(store, run, "j", "f") == Usage(0, 0, 0, 0)
    grades.commit(store, [(place, Grade("g", "j", 1, None, "", "f", usage=Usage(3, 300, 0, 30)))])
    grades.commit(store, [(place, Grade("g", "j", 1, 4, "", "f", usage=Usage(1, 100, 64, 10)))])
    assert grades.usage(store, run, "j", "f") == Usage(4, 400, 64, 40)
    grades.commit(store, [(place, Grade("h", "j", 2, 4, "", "f", usage=Usage(1, 100, None, 10)))])
    assert grades.usage(store, run, "j", "f") == Usage(5, 500, None, 50)


def test_grades_of_a_judge_before_its_prompt_changed_do_not_count(store: Store) -> None:
    run = new_runs.add(
        store, new_run(judges=(new_runs.NewJudge("j", 1, "old", {}), new_runs.NewJudge("j", 1, "new", {})))
    )
    link = places(store, run)[0]
    place = grades.Place(answers.commit(store, link, Answer("1", "x", "stop")), link.task_id)
    grades.commit(store, [(place, Grade("g1", "j", 1, 1, "", "old")), (place, Grade("g2", "j", 1, 5, "", "new"))])
    assert [row["grade"] for row in grades.rows(store, [run])] == [5]


def test_own_grade_can_be_changed_and_taken_back(store: Store) -> None:
    run = new_runs.add(store, new_run())
    link = places(store, run)[0]
    place = grades.Place(answers.commit(store, link, Answer("1", "x", "stop")), link.task_id)
    grades.commit_human(store, place, 2)
    grades.commit_human(store, place, 5)
    assert [(row["judge"], row["grade"]) for row in grades.rows(store, [run])] == [("human", 5)]
    grades.commit_human(store, place, None)
    assert grades.rows(store, [run]) == []


def test_star_and_comment_are_kept_until_both_are_gone(store: Store) -> None:
    run = new_runs.add(store, new_run())
    notes.put(store, run, "m", 2, notes.Note(True, "odd"))
    assert notes.of_model(store, run, "m") == {2: notes.Note(True, "odd")}
    notes.put(store, run, "m", 2, notes.Note())
    assert notes.of_model(store, run, "m") == {}


def test_running_without_a_lease_reads_as_interrupted(store: Store) -> None:
    run = new_runs.add(store, new_run())
    runs.begin(store, run)
    assert runs.summaries(store)[0].state == "interrupted"
    leases.take(store, run)
    assert runs.summaries(store)[0].state == "running"


def test_what_ends_a_runner_is_kept_until_the_next_takes_the_lease(store: Store) -> None:
    run = new_runs.add(store, new_run())
    leases.take(store, run, ("with Slurm job 4711", "when you log out of gpu-2"), 1.8e9)
    [summary] = runs.summaries(store)
    assert (summary.ends, summary.ends_at) == (("with Slurm job 4711", "when you log out of gpu-2"), 1.8e9)
    leases.take(store, run)
    [summary] = runs.summaries(store)
    assert (summary.ends, summary.ends_at) == ((), None)


def test_lease_of_an_older_qtui_says_nothing_of_its_end(tmp_path: Path) -> None:
    run = fill_old(tmp_path / "old.sqlite", 4)
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as old, old:
        old.execute("INSERT INTO lease VALUES (?, 'gpu-2', 1, 1.0, ?)", (run, time.time()))
    with closing(open_store(tmp_path / "old.sqlite")) as opened:
        assert [(each.ends, each.ends_at) for each in runs.summaries(opened)] == [((), None)]


def test_lease_of_a_living_process_is_refused_to_another(store: Store) -> None:
    run = new_runs.add(store, new_run())
    other = (
        "import sys; from pathlib import Path; from qtui.store import open_store, leases;"
        f"leases.take(open_store(Path({str(store.path)!r})), {run}); print('held', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", other], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(LeaseHeldError, match=rf"Run {run} is already running \(pid {child.pid} on "):
        leases.take(store, run)
    child.kill()
    child.wait()
    leases.take(store, run)
    assert leases.holder(store, run) == leases.Holder(socket.gethostname(), os.getpid())


def test_reused_pid_is_not_the_same_process() -> None:
    assert not leases.is_held(socket.gethostname(), os.getpid(), 1.0, time.time())


def test_a_process_keeps_its_start_when_the_clock_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # What the system computes of the present clock, psutil returns: with the clock set forward, every start moves with it.
    started = process_start.start_of(os.getpid())
    real = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: real(self) + 3600)
    assert leases.is_held(socket.gethostname(), os.getpid(), started, time.time())


def test_a_start_by_the_clock_of_an_older_qtui_is_understood() -> None:
    started = psutil.Process().create_time()
    assert leases.is_held(socket.gethostname(), os.getpid(), started, time.time())
    assert not leases.is_held(socket.gethostname(), os.getpid(), started - 60, time.time())


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_lease_of_another_host_is_not_taken_over_because_a_clock_was_set(store: Store, hours: int) -> None:
    run = new_runs.add(store, new_run())
    beats_elsewhere(store, run, time.time() + hours * 3600)
    over = threading.Event()

    def beat() -> None:
        with closing(open_store(store.path)) as opened:
            for number in itertools.count():
                if over.wait(0.02):
                    return
                beats_elsewhere(opened, run, time.time() + hours * 3600 + number)

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        with pytest.raises(LeaseHeldError, match="on elsewhere"):
            leases.take(store, run, watched_seconds=60)
    finally:
        over.set()
        beating.join()


@pytest.mark.parametrize("hours", [-24, 24])
def test_a_lease_whose_heartbeat_stands_still_is_taken_over(store: Store, hours: int) -> None:
    run = new_runs.add(store, new_run())
    beats_elsewhere(store, run, time.time() + hours * 3600)
    leases.take(store, run, watched_seconds=0.3)
    assert leases.holder(store, run) == leases.Holder(socket.gethostname(), os.getpid())


def beats_elsewhere(store: Store, run: int, heartbeat: float) -> None:
    with store.writing():
        store.execute(
            "INSERT OR REPLACE INTO lease (run_id, host, pid, pid_started, heartbeat) VALUES (?, 'elsewhere', 1, 1.0, ?)",
            (run, heartbeat),
        )


def test_lease_from_another_host_lives_by_its_heartbeat() -> None:
    assert leases.is_held("elsewhere", 1, 1.0, time.time())
    assert not leases.is_held("elsewhere", 1, 1.0, time.time() - 2 * leases.STALE_SECONDS)
