"""`--retry ungraded`: what has no readable reply is asked again, once, and nothing else."""

import asyncio
from pathlib import Path

import pytest

from qtui.store import Store
from tests.judges.batch_endpoint import BatchServer, Script, said
from tests.judges.endpoint import Failure, Say, endpoint
from tests.runner import batch_run
from tests.runner.judged_run import answer_all, grade_all, graded, imported_run, new_run, spec
from tests.runner.test_batches import run, served
from tests.runner.test_failed_judge import qtui

__all__ = ["run", "served"]

TEXTS = {"FP16": ["a", "b"], "Q4": ["a", "x"]}


def say_nothing_of(*texts: str) -> Say:
    return lambda prompt, _: "no idea" if prompt.endswith(texts) else '{"grade": 3}'


@pytest.fixture
def half(tmp_path: Path) -> tuple[Store, int]:
    """A run whose judge could not be read about the answers `a`, which both variants gave, and `x`."""
    with endpoint(say_nothing_of("a", "x")) as at:
        store, run_id = new_run(tmp_path / "s.sqlite", spec(at.base_url), list(TEXTS), 2)
        answer_all(store, run_id, TEXTS)
        asyncio.run(grade_all(store, run_id, spec(at.base_url)))
    ungraded = [place[:2] for place in graded(store, run_id) if place[3] is None]
    assert ungraded == [("FP16", 1), ("Q4", 1), ("Q4", 2)]
    return store, run_id


def ask_again(half: tuple[Store, int], say: Say, *, again: bool = True) -> list[str]:
    with endpoint(say) as at:
        asyncio.run(grade_all(*half, spec(at.base_url), again=again))
        return at.prompts


def test_what_is_ungraded_is_asked_again_and_nothing_else(half: tuple[Store, int]) -> None:
    assert ask_again(half, lambda *_: '{"grade": 5}') == ["t2|x", "t1|a"]
    assert graded(*half) == [("FP16", 1, 1, 5), ("FP16", 2, 1, 3), ("Q4", 1, 1, 5), ("Q4", 2, 1, 5)]


def test_without_the_option_nothing_is_asked_again(half: tuple[Store, int]) -> None:
    assert ask_again(half, lambda *_: '{"grade": 5}', again=False) == []


def test_what_stays_ungraded_is_asked_once_as_any_question_is(half: tuple[Store, int]) -> None:
    """A question is asked three times until a reply can be read."""
    assert ask_again(half, lambda *_: "no idea") == ["t2|x"] * 3 + ["t1|a"] * 3


def test_a_judge_that_cannot_be_reached_leaves_what_is_ungraded_as_it_was(half: tuple[Store, int]) -> None:
    before = graded(*half)
    ask_again(half, lambda *_: Failure(401, {"error": {"message": "no"}}))
    assert graded(*half) == before


async def test_batches_ask_again_what_is_ungraded_at_most_three_times(
    run: tuple[Store, int], served: BatchServer
) -> None:
    judge = batch_run.spec(served.base_url)
    served.script = Script(say=lambda body, _: said("no idea") if "FP16の猫4" in str(body) else said())
    await batch_run.grade_run(*run, judge)
    batches_before = len(served.batches)
    await batch_run.grade_run(*run, judge)
    assert len(served.batches) == batches_before
    await batch_run.grade_run(*run, judge, again=True)
    asked_again = [batch["request_counts"]["total"] for batch in served.batches[batches_before:]]
    assert asked_again == [1, 1, 1]
    assert batch_run.grades_of(*run)["FP16", 4][0] is None
    served.script = Script()
    await batch_run.grade_run(*run, judge, again=True)
    assert batch_run.grades_of(*run)["FP16", 4][0] == 4
    assert sorted(served.asked.values()) == [1] * (batch_run.QUESTIONS - 1) + [7]


def test_the_command_asks_the_judges_of_the_run_again(tmp_path: Path) -> None:
    grade = ["no idea"]
    with endpoint(lambda *_: grade[0]) as at:
        store, run_id = imported_run(tmp_path / "s.sqlite", spec(at.base_url), TEXTS)
        asyncio.run(grade_all(store, run_id, spec(at.base_url)))
        grade[0] = '{"grade": 2}'
        done = qtui(store, "judge", "--retry", "ungraded", "--requests", "2")
        assert done.returncode == 4
        assert "stopped at 2 requests; 0 grades missing, 2 ungraded; the same command goes on." in done.stderr
        done = qtui(store, "judge", "--retry", "ungraded")
        assert done.returncode == 0
    assert {grade for *_, grade in graded(store, run_id)} == {2}
    done = qtui(store, "judge", "--retry", "ungraded")
    assert (done.returncode, done.stderr) == (0, "Nothing is ungraded.\n")
