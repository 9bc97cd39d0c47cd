"""Tasks in the store: every field comes back, and tasks that an older qtui could have keep their hash."""

from pathlib import Path

from qtui.records import Expected, Task, TaskSet, content_hash
from qtui.store import new_runs, open_store, tasks
from qtui.store.new_runs import NewRun

TURNS = (
    Task("好きな色は?", "青", category="chat", subset="talk"),
    Task("なぜ?", "空の色", category="chat", subset="talk", follows=1),
    Task("2+2?", expected=Expected(("4", "四"), ("3", "4"), 1, '{"digits": true}'), subset="sums"),
)


def test_every_field_of_a_task_comes_back(tmp_path: Path) -> None:
    store = open_store(tmp_path / "s.sqlite")
    new_runs.add(store, NewRun("e", "plan", "", "run", "", TaskSet("both", TURNS), ()))

    rows = store.execute(f"SELECT {tasks.COLUMNS} FROM task ORDER BY position").fetchall()

    assert tuple(tasks.task(store, row) for row in rows) == TURNS


def test_a_task_of_three_fields_keeps_the_hash_of_older_versions() -> None:
    task = Task("a", "b", "c")

    assert task.hash == content_hash("task", "a", "b", "c")
    assert TaskSet("n", (task,)).hash == content_hash("task set", [["a", "b", "c"]])


def test_what_decides_an_answer_or_its_score_is_in_the_hash_and_a_group_only_in_that_of_the_set() -> None:
    task = Task("a")

    assert len({task.hash, Task("a", follows=1).hash, Task("a", expected=Expected(choices=("x",))).hash}) == 3
    assert Task("a", category="chat").hash == task.hash
    assert TaskSet("n", (Task("a", category="chat"),)).hash != TaskSet("n", (task,)).hash
