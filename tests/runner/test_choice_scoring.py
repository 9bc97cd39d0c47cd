"""An experiment whose scorer is by log-likelihood: which choices the engines score instead of generating answers."""

import json
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment import experiment as experiments
from qtui.records import Expected, Task
from qtui.runner import turns

OWN = """
title = "Own"
[source]
path = "rows.jsonl"
[columns]
choices = "choices"
right = "right"
right_is = "index"
[prompt]
question = "{q}"
"""
TOML = """
name = "choices"
tasks = "own"
[[models]]
name = "tiny"
[[models.variants]]
name = "Q8_0"
engine = "llama.cpp"
weights = "demo"
[[scorers]]
kind = "choice"
by = "log_likelihood"
{more}
"""


def written(folder: Path, more: str = "") -> Path:
    rows = [{"q": f"{n}?", "choices": ["red", "dark blue"], "right": n % 2} for n in range(2)]
    (folder / "task_sets").mkdir(exist_ok=True)
    (folder / "task_sets" / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "task_sets" / "own.toml").write_text(OWN)
    (folder / "e.toml").write_text(TOML.format(more=more))
    return folder / "e.toml"


def test_the_scorer_decides_the_texts_and_the_plan(tmp_path: Path) -> None:
    by_text = experiments.load(written(tmp_path))
    by_label = experiments.load(written(tmp_path, 'continuation = "label"'))
    generated = experiments.parse(
        by_text.text.replace('"log_likelihood"', '"generation"'), by_text.origin, stored_tasks=None
    )
    assert len({by_text.plan, by_label.plan, generated.plan}) == 3

    def texts(experiment: experiments.Experiment) -> list[tuple[str, ...]]:
        items = turns.items(experiment.task_set.tasks, [1, 2], 1, {}, experiment.scored_choices).items
        return [item.choices for item in items]

    assert texts(by_text) == [("red", "dark blue")] * 2
    assert texts(by_label) == [("A", "B")] * 2
    assert texts(generated) == [(), ()]
    stored = experiments.parse(by_text.text, by_text.origin, stored_tasks=by_text.task_set)
    assert stored.plan == by_text.plan
    assert texts(stored) == texts(by_text)


def test_a_scorer_of_generated_answers_of_the_same_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs generated answers"):
        experiments.load(written(tmp_path, '[[scorers]]\nkind = "exact_match"'))
    with pytest.raises(UserError, match="other texts of the same tasks"):
        experiments.load(
            written(tmp_path, '[[scorers]]\nkind = "choice"\nname = "b"\nby = "log_likelihood"\nbefore = ""')
        )


def test_acc_and_acc_norm_share_their_answers(tmp_path: Path) -> None:
    more = '[[scorers]]\nkind = "choice"\nname = "acc_norm"\nby = "log_likelihood"\nlength = "characters"'
    assert len(experiments.load(written(tmp_path, more)).scored_choices) == 1


def test_jobs_have_answers_of_one_sort() -> None:
    tasks = [Task("a"), Task("b", expected=Expected(choices=("x", "y")))]
    from qtui.experiment.choice_scoring import ScoredChoices

    scored = ScoredChoices((), (("continuation", "text"), ("labels", ""), ("before", "auto")))
    items = turns.items(tasks, [1, 2], 1, {}, [scored]).items
    assert [[item.task for item in job] for job in turns.by_sort(items)] == [[1], [2]]
    assert turns.by_sort([]) == [[]]
