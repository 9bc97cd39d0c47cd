"""Answers that are choices by log-likelihood: scored, and without a length or a behaviour, because nothing was written."""

from pathlib import Path

import pytest

from qtui.records import Answer, ChoiceScore, Task, TaskSet
from qtui.results.frames import load
from qtui.results.length_densities import distributions
from qtui.results.length_figures import length_rows
from qtui.results.score_figures import score_rows
from qtui.store import open_store
from tests import stores

CHOICES = (ChoiceScore(-1.0, 1, 3), ChoiceScore(-2.0, 1, 3))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Six tasks: the first three are answered in words, the others by a choice."""
    path = tmp_path / "store.sqlite"
    store = open_store(path)
    tasks = TaskSet("t", tuple(Task(f"q{n}") for n in range(6)))
    run_id = stores.new_run(store, "e", tasks, stores.variants(tasks, ["FP16", "Q4_K_M"]))
    stores.answer_all(
        store,
        run_id,
        lambda variant, number, _: Answer(
            f"{variant.name} {number}", "some words", "stop", choice_scores=CHOICES if number > 3 else None
        ),
    )
    return path


def test_lengths_and_scores_of_judges_are_of_written_answers_alone_and_say_so(mixed: Path) -> None:
    table = length_rows(mixed, (1,))

    assert {variant.stripped.n for variant in table.variants} == {3}
    assert any("chosen by log-likelihood" in note for note in table.notes)
    assert {row.answered for row in score_rows(mixed, (1,)).pairs} == {3}
    assert {len(load(mixed, (1,)).answers), len(load(mixed, (1,), with_choices=True).answers)} == {6, 12}


def test_no_curve_counts_a_choice(mixed: Path) -> None:
    assert {each.n for each in distributions(mixed, (1,), "linear").variants} == {3}
