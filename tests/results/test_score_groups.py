"""Scores by task set and by category: each group's own figures, and one family of tests over all groups."""

from pathlib import Path

import pytest

from qtui.analysis.corrections import holm
from qtui.records import Answer, Grade, Task, TaskSet
from qtui.results.score_figures import score_group_rows
from qtui.store import answers, grades, new_runs, open_store, runs
from qtui.store.new_runs import NewJudge, NewRun
from tests import stores

TASKS = TaskSet(
    "both",
    tuple(
        Task(f"{subset} {i}", category="law" if i % 2 else "art", subset=subset) for subset in ("a", "b") for i in range(12)
    ),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The candidate loses two grades in every other task of set `b`, in those of law, and nothing else."""
    path = tmp_path / "s.sqlite"
    with open_store(path) as opened:
        run_id = new_runs.add(
            opened,
            NewRun("e", "p", "", "run", "", TASKS, stores.variants(TASKS, ["FP16", "Q4"]), [NewJudge("j", 1, "f", {})]),
        )
        variants = runs.summaries(opened, [run_id])[0].variants
        for variant in variants:
            for number, (task_id, task) in enumerate(runs.tasks(opened, run_id)):
                key = f"{variant.name} {number}"
                answer_id = answers.commit(
                    opened, answers.Link(variant.id, task_id, 0), Answer(key, f"text {key}", "stop")
                )
                loses = variant.name == "Q4" and task.subset == "b" and task.category == "law"
                grade = Grade(f"g {key}", "j", 1, (5 if number % 3 else 4) - (2 if loses else 0), fingerprint="f")
                grades.commit(opened, [(grades.Place(answer_id, task_id), grade)])
    return path


def test_each_set_and_category_has_its_own_figures(store: Path) -> None:
    by_set = {row.group: (row.n, row.difference) for row in score_group_rows(store, (1,), "set").rows}
    by_category = {row.group: (row.n, row.difference) for row in score_group_rows(store, (1,), "category").rows}

    assert by_set == {"a": (12, 0.0), "b": (12, -1.0)}
    assert by_category == {"a: art": (6, 0.0), "a: law": (6, 0.0), "b: art": (6, 0.0), "b: law": (6, -2.0)}


def test_all_groups_of_a_run_and_judge_are_one_family_of_tests(store: Path) -> None:
    table = score_group_rows(store, (1,), "set")

    claims = [row for row in table.rows if row.claim_p is not None]
    assert claims
    assert [row.claim_p_holm for row in claims] == pytest.approx(holm([row.claim_p for row in claims]))
    assert all(row.comparisons == len(claims) for row in claims)
