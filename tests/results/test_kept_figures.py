"""Figures kept on the disk are equal to those that were computed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qtui.results import kept_figures
from qtui.results.length_densities import distributions
from qtui.results.length_figures import length_rows
from qtui.results.over_models import over_models
from qtui.results.preference_figures import preference_rows
from qtui.results.score_figures import score_rows
from qtui.results.scorer_figures import scorer_rows
from qtui.results.task_changes import deltas
from qtui.store.kept_values import Kept
from tests.bench import sized_store
from tests.store.settled import state_of

QUESTIONS: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = (
    (score_rows, ((1,), 0.2)),
    (length_rows, ((1,), "answer")),
    (distributions, ((1,), "linear", "answer")),
    (scorer_rows, ((1,),)),
    (preference_rows, ((1,),)),
    (over_models, ((1,), sized_store.JUDGE)),
    (deltas, (1, "model-0", "FP16", "Q4_K_M")),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "s.sqlite"
    sized_store.fill(path, 400, graded=True)
    return path


@pytest.mark.parametrize(("function", "arguments"), QUESTIONS, ids=[function.__name__ for function, _ in QUESTIONS])
def test_kept_figures_are_those_that_were_computed(
    store: Path, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    figures = function(store, *arguments)
    assert kept_figures.keep(figures, state_of(store), function, store, *arguments)
    assert kept_figures.read(function, store, *arguments) == Kept(figures, is_current=True)
    assert kept_figures.read(function, store, *arguments, "and more") is None
