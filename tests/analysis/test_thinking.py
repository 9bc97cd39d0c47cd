"""Thoughts in figures: a flag of their own, a cause of a difference, and a condition that both sides must share."""

from pathlib import Path

import pandas as pd
import pytest

from qtui.analysis.causes import decompose
from qtui.analysis.conditions import compare
from qtui.analysis.pairing import Pair, Variant
from qtui.analysis.thinking import answers_apart
from qtui.records import Answer, Thoughts
from qtui.results.length_densities import distributions
from qtui.results.length_figures import length_rows
from qtui.results.score_figures import score_rows
from qtui.store import open_store, runs
from tests import stores
from tests.filled_store import fill

LOW, HIGH = '{"thinking": "low"}', '{"thinking": "high"}'
KNOWN = {"engine": "openai", "prompt": "p", "sampling": "{}", "task_set": "t"}


@pytest.mark.parametrize(
    ("baseline", "candidate", "confounded"),
    [
        ("", "", ()),
        (LOW, LOW, ()),
        (LOW, HIGH, ("thinking low vs high",)),
        ('{"thinking": false}', "", ("thinking false vs not set",)),
        ('{"template_args": {"a": 1}}', "", ('thinking (template_args) {"a": 1} vs not set',)),
        ('{"budget": 9}', '{"budget": 8}', ("thinking (budget) 9 vs 8",)),
    ],
)
def test_sides_that_think_differently_are_confounded(
    baseline: str, candidate: str, confounded: tuple[str, ...]
) -> None:
    assert compare(KNOWN | {"thinking": baseline}, KNOWN | {"thinking": candidate}).confounded == confounded


def test_settings_that_changed_no_rendered_prompt_confound_nothing_but_a_budget_does() -> None:
    local = KNOWN | {"engine": "llama.cpp"}
    assert compare(local | {"thinking": LOW}, local).confounded == ()
    assert compare(local | {"thinking": '{"budget": 9}'}, local).confounded == ("thinking (budget) 9 vs not set",)
    assert len(compare(local | {"thinking": LOW}, local | {"prompt": "q"}).confounded) == 2


def thinkers(baseline: int, candidate: int) -> Pair:
    """A pair over ten tasks in which the sides thought in so many answers."""
    frames = [
        pd.DataFrame({"task": range(10), "has_thoughts": [i < n for i in range(10)]}) for n in (baseline, candidate)
    ]
    sides = [Variant(1, "m", name, name == "b", "candidate", frame) for name, frame in zip("bc", frames, strict=True)]
    joined = frames[0].merge(frames[1], on="task", suffixes=("_b", "_c"))
    joined["unit"] = joined["task"]  # no conversations
    return Pair(sides[0], sides[1], joined)


LOCAL = KNOWN | {"engine": "llama.cpp"}
OFF, ON = {"thinking": '{"thinking": false}'}, {"thinking": '{"thinking": true}'}


@pytest.mark.parametrize(
    ("thought", "baseline", "candidate", "confounded", "notes"),
    [
        ((0, 0), LOCAL, LOCAL, 0, 0),
        ((10, 10), KNOWN, KNOWN, 0, 0),
        ((10, 6), KNOWN, LOCAL, 0, 0),  # a model may choose
        ((10, 0), LOCAL, LOCAL, 0, 1),  # on the same prompts: the model's own change
        ((10, 0), LOCAL, KNOWN, 1, 0),  # nobody asked for it, and the server's prompt is not known
        ((0, 10), LOCAL | OFF, KNOWN | OFF, 1, 1),  # the server ignores the switch
        ((0, 9), LOCAL | OFF, LOCAL | OFF, 1, 1),  # one side does not do what it was told
        ((9, 9), LOCAL | OFF, LOCAL | OFF, 0, 2),
        ((0, 0), LOCAL | ON, LOCAL | ON, 0, 2),
        ((0, 1), LOCAL | OFF, LOCAL | OFF, 0, 1),
    ],
)
def test_sides_that_did_think_differently_are_confounded_unless_the_model_changed_by_itself(
    thought: tuple[int, int], baseline: dict[str, str], candidate: dict[str, str], confounded: int, notes: int
) -> None:
    found = answers_apart(thinkers(*thought), baseline, candidate)
    assert (len(found.confounded), len(found.notes)) == (confounded, notes), found


def test_a_store_s_settings_that_were_not_followed_are_a_guard_and_a_note(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    with open_store(path) as opened:
        ids = {variant.name: variant.id for variant in runs.summaries(opened, [run_id])[0].variants}
        for variant, thinks in (("FP16", False), ("Q4_K_M", True)):
            runs.set_variant(opened, ids[variant], conditions=OFF)
            for number in range(1, 13):
                # An endpoint may hide the thoughts and count their tokens.
                thoughts = Thoughts("", None, 40) if thinks else Thoughts("", "<think></think>猫", 2)
                given = Answer(f"{variant}{number}", "猫", "stop", thoughts=thoughts)
                stores.answer(opened, run_id, variant, number, given)
    [row] = [row for row in score_rows(path, (run_id,)).pairs if row.candidate == "Q4_K_M"]
    assert any("thoughts in 0 vs 12 of 12 answers" in guard for guard in row.guards)
    assert "candidate: thinking = false, but the model thought in 12 of 12 answers" in row.notes


def test_an_unfinished_thought_comes_before_the_empty_answer_that_it_leaves() -> None:
    flags = ("unfinished_thought", "empty", "truncated", "looping", "other_language")
    frame = pd.DataFrame({"task": [1, 2], "length_b": [9, 9], "length_c": [0, 9]})
    for name in flags:
        frame[f"{name}_b"] = False
        frame[f"{name}_c"] = [name in ("unfinished_thought", "empty", "truncated"), False]
    [cause, rest] = decompose(frame, [-2.0, 0.0])
    assert (cause.kind, cause.baseline, cause.candidate, cause.contribution) == ("unfinished thought", 0, 1, -1.0)
    assert rest.kind == "the rest"


@pytest.fixture
def store(tmp_path: Path) -> tuple[Path, int]:
    """A run in which the baseline thinks for every task, and the candidate Q4_K_M once without end."""
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    with open_store(path) as opened:
        for number in range(1, 13):
            thoughts = Thoughts("考える。", f"<think>考える。</think>猫{number}", 6)
            stores.answer(
                opened, run_id, "FP16", number, Answer(f"t{number}", f"猫{number}", "stop", thoughts=thoughts)
            )
        endless = Thoughts("まだ考えている", None, 12, is_unfinished=True)
        stores.answer(opened, run_id, "Q4_K_M", 1, Answer("endless", "", "length", thoughts=endless))
        stores.add_judge(opened, run_id, "a judge")
        stores.grade(opened, run_id, {"FP16": [4] * 12, "Q4_K_M": [1, *[4] * 11]}, judge="a judge")
    return path, run_id


def test_lengths_exist_for_thoughts_and_answers(store: tuple[Path, int]) -> None:
    path, run_id = store
    rows, of_thoughts = length_rows(path, (run_id,)), length_rows(path, (run_id,), "thinking")
    baseline, candidate = (rows.variant(run_id, "pet-7b", name) for name in ("FP16", "Q4_K_M"))
    assert baseline is not None
    assert candidate is not None
    assert (baseline.thoughts, baseline.thinking_tokens, candidate.thoughts, candidate.thinking_tokens) == (
        12,
        6.0,
        1,
        1.0,
    )
    assert (baseline.flags["unfinished_thought"], candidate.flags["unfinished_thought"]) == (0, 1)
    assert [(row.variant, row.stripped.n, row.stripped.mean) for row in of_thoughts.variants] == [
        ("FP16", 12, 4.0),
        ("Q4_K_M", 1, 7.0),
    ]
    [pair] = [pair for pair in rows.pairs if pair.candidate == "Q4_K_M"]
    assert (pair.mcnemar["unfinished_thought"].gained, pair.mcnemar["unfinished_thought"].lost) == (1, 0)
    drawn = distributions(path, (run_id,), "linear", "thinking")
    assert [(each.variant, each.n) for each in drawn.variants] == [("FP16", 12), ("Q4_K_M", 1)]
    assert length_rows(path, (run_id,)) == rows


def test_scores_name_the_unfinished_thought_as_a_cause(store: tuple[Path, int]) -> None:
    path, run_id = store
    [row] = [row for row in score_rows(path, (run_id,)).pairs if row.candidate == "Q4_K_M"]
    assert next(cause.kind for cause in row.causes) == "unfinished thought"
