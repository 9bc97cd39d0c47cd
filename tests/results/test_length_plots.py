"""What the plots of a pair show, from a real store: characters, tokens, thoughts; and what is unknown."""

from pathlib import Path

import pytest

from qtui.figures.axis import SCALES, Scale
from qtui.figures.length_densities import POINTS
from qtui.records import Answer, Thoughts
from qtui.results.answers import PairName
from qtui.results.length_densities import paired_lengths
from qtui.results.length_plots import plotted_pair
from qtui.store import open_store
from tests import stores
from tests.ui.conftest import fill

MODEL = "org/small"


@pytest.fixture
def filled(tmp_path: Path) -> tuple[Path, PairName]:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        run_id = fill(store)
    return path, PairName(run_id, MODEL, "FP16", "Q4_K_M")


@pytest.mark.parametrize("scale", SCALES)
def test_every_answer_is_in_a_bar_or_counted_beyond_the_axis(filled: tuple[Path, PairName], scale: Scale) -> None:
    path, name = filled
    pair = plotted_pair(path, name, "answer", "characters", scale)
    both = paired_lengths(path, name.run_id, MODEL, "FP16", "Q4_K_M")
    assert (pair.tasks, pair.baseline.lengths, pair.candidate.lengths) == (both.tasks, both.baseline, both.candidate)
    for side in (pair.baseline, pair.candidate):
        assert sum(side.bars) + side.beyond == 4
        assert len(side.density) == len(side.cumulative) == POINTS
        assert list(side.cumulative) == sorted(side.cumulative)
        assert side.cumulative[-1] == (4 - side.beyond) / 4


def test_tokens_are_those_of_the_answers(filled: tuple[Path, PairName]) -> None:
    path, name = filled
    pair = plotted_pair(path, name, "answer", "tokens", "linear")
    assert (pair.unit, pair.baseline.lengths, pair.candidate.lengths) == ("tokens", (21, 22, 23, 24), (21, 22, 23, 24))
    assert pair.unknown == 0


def test_tokens_of_thoughts_are_not_those_of_answers_and_unknown_ones_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    with open_store(path) as store:
        run_id = fill(store, models=(MODEL,))
        for variant in ("FP16", "Q4_K_M"):
            for number, (tokens, thinking) in enumerate(((30, 9), (30, None), (None, 9), (30, 30)), start=1):
                thoughts = Thoughts("考" * 8, None, thinking)
                given = Answer(f"{variant}{number}", "海", "stop", 4, tokens, thoughts=thoughts)
                stores.answer(store, run_id, variant, number, given)
    name = PairName(run_id, MODEL, "FP16", "Q4_K_M")
    answers = plotted_pair(path, name, "answer", "tokens", "linear")
    assert (answers.tasks, answers.baseline.lengths, answers.unknown) == ((1, 4), (21, 0), 2)
    thinking_tokens = plotted_pair(path, name, "thinking", "tokens", "linear")
    assert (thinking_tokens.tasks, thinking_tokens.candidate.lengths, thinking_tokens.unknown) == (
        (1, 3, 4),
        (9, 9, 30),
        1,
    )
    characters = plotted_pair(path, name, "thinking", "characters", "linear")
    assert characters.candidate.lengths == (8, 8, 8, 8)
