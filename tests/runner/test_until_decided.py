"""`--until decided`: a pair is graded in random order until its verdict is reached, and what is shown holds for that."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from qtui.analysis.sequential import lot
from qtui.figures.scores import ScoreRow
from qtui.records import Scale
from qtui.results.score_figures import score_group_rows, score_rows
from qtui.results.sequences import Sequences
from qtui.store import Store, judged_places, judges, runs
from tests.judges.endpoint import Say, endpoint
from tests.runner.judged_run import answer_all, grade_all, graded, new_run, spec, stored

TASKS = 60
MARGIN = 0.2
GRADE_OF = {"good": 5, "bad": 2, "fair": 4}


def say(prompt: str, _: int) -> str:
    return f'{{"grade": {GRADE_OF[prompt.partition("|")[2].split()[0]]}}}'


def same(word: str) -> list[str]:
    return [f"{word} {number}" for number in range(1, TASKS + 1)]


class Graded:
    """A run that was graded until its verdicts were reached, once or more."""

    def __init__(self, path: Path, texts: Mapping[str, Sequence[str]], says: Say = say, **changes: object) -> None:
        self.store, self.run_id = new_run(path, spec("http://127.0.0.1:9/v1", **changes), list(texts), TASKS)
        answer_all(self.store, self.run_id, texts)
        self._says, self._changes = says, changes
        self.prompts: list[str] = []

    def grade(self, margin: float | None = MARGIN) -> list[str]:
        """Grade once, and return the prompts of that."""
        with endpoint(self._says) as at:
            judge = spec(at.base_url, **self._changes)
            asyncio.run(grade_all(self.store, self.run_id, judge, until_margin=margin))
            return at.prompts

    def row(self, candidate: str = "Q4") -> ScoreRow:
        rows = score_rows(self.store.path, (self.run_id,), MARGIN).pairs
        return next(row for row in rows if row.candidate == candidate)


def in_order_of_lots(store: Store, run_id: int) -> list[str]:
    return [task.input for _, task in sorted(runs.tasks(store, run_id), key=lambda each: lot(each[1].hash))]


def test_judging_stops_when_the_verdict_is_reached(tmp_path: Path) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")})
    prompts = run.grade()
    row = run.row()
    assert row.stopped_early is not None
    assert (row.verdict, row.rule) == ("worse", "worse")
    assert 10 <= row.stopped_early.n == len(prompts) / 2 < TASKS
    assert row.stopped_early.interval is not None
    assert row.stopped_early.interval[1] < -MARGIN
    assert f"stopped early, after {row.stopped_early.n} of {TASKS} tasks in random order" in row.verdict_text
    assert any("not valid here" in note for note in row.notes)
    assert (row.p, row.claim_p, row.claim_p_holm) == (None, None, None)


def test_tasks_are_asked_in_the_order_of_their_lots(tmp_path: Path) -> None:
    """Not those first whose answers differ: the bound holds for draws by lot."""
    texts = {"FP16": same("good"), "Q4": [("good" if n % 2 else "bad") + f" {n}" for n in range(1, TASKS + 1)]}
    run = Graded(tmp_path / "s.sqlite", texts)
    asked = list(dict.fromkeys(prompt.partition("|")[0] for prompt in run.grade()))
    assert asked == in_order_of_lots(run.store, run.run_id)[: len(asked)]


def test_equal_answers_count_as_no_difference_for_one_request(tmp_path: Path) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("good")})
    prompts = run.grade(margin=2.0)
    row = run.row()
    places = judged_places.read(run.store, run.run_id, "openai:grader", stored(run.store, run.run_id).fingerprint)
    [pair] = Sequences(places, 1, Scale()).pairs
    assert pair.n == len(prompts) < TASKS
    assert pair.verdict(2.0) == "equivalent"
    assert row.n == len(prompts)


def test_where_the_verdict_is_not_reached_everything_is_graded_and_the_usual_figures_hold(tmp_path: Path) -> None:
    texts = {"FP16": same("good"), "Q4": [("good" if n % 12 else "fair") + f" {n}" for n in range(1, TASKS + 1)]}
    run = Graded(tmp_path / "s.sqlite", texts)
    run.grade()
    assert len(graded(run.store, run.run_id)) == 2 * TASKS
    assert run.row().stopped_early is None


def test_a_candidate_that_is_decided_is_not_asked_about_while_another_is_graded(tmp_path: Path) -> None:
    mixed = [("good" if n % 12 else "fair") + f" {n}" for n in range(1, TASKS + 1)]
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q2": same("bad"), "Q4": mixed})
    prompts = run.grade()
    assert sum(prompt.partition("|")[2].startswith("bad") for prompt in prompts) < TASKS / 2
    assert (run.row("Q2").stopped_early is None, run.row("Q4").stopped_early is None) == (False, True)


def test_the_same_command_asks_nothing_more_and_one_without_the_option_asks_the_rest(tmp_path: Path) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")})
    first = len(run.grade())
    assert run.grade() == []
    assert len(run.grade(margin=None)) == 2 * TASKS - first
    assert run.row().stopped_early is None


def test_the_judge_says_that_it_stopped_early(tmp_path: Path) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")})
    run.grade()
    judge = runs.summaries(run.store)[0].judges[0]
    assert judge.state == "done"
    assert judge.reason.startswith("stopped early, because the verdict is reached: Q4 after ")


def test_all_takes_of_a_task_are_asked_before_the_next(tmp_path: Path) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")}, takes=2)
    tasks = [prompt.partition("|")[0] for prompt in run.grade()]
    assert tasks == [task for task in dict.fromkeys(tasks) for _ in range(4)]


def test_a_task_without_a_readable_grade_is_left_out_and_holds_nothing_up(tmp_path: Path) -> None:
    def unreadable(prompt: str, number: int) -> str:
        return "no idea" if prompt.endswith(("bad 7", "good 9")) else say(prompt, number)

    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")}, unreadable)
    run.grade()
    assert run.row().verdict == "worse"


def test_only_tasks_before_the_first_that_was_not_asked_count(tmp_path: Path) -> None:
    """Which replies come first may depend on the answers."""
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")})
    judge = stored(run.store, run.run_id)
    places = judged_places.read(run.store, run.run_id, judge.label, judge.fingerprint)
    sequences = Sequences(places, 1, judges.scale(judge))
    [pair] = sequences.pairs
    keys = [unit[0][0] for unit in pair.units]
    for baseline, candidate in [*keys[:3], *keys[4:30]]:
        sequences.note([baseline], 1, 5)
        sequences.note([candidate], 1, 2)
    assert pair.n == 3
    sequences.note([keys[3][0]], 1, 5)
    sequences.note([keys[3][1]], 1, None)
    assert pair.n == 29


def test_figures_of_parts_say_that_they_are_not_valid(tmp_path: Path) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")})
    run.grade()
    notes = score_group_rows(run.store.path, (run.run_id,), "category").notes
    assert any("openai:grader stopped when its verdicts were reached" in note for note in notes)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_what_is_under_way_when_the_verdict_is_reached_is_all_that_is_asked_beyond_it(
    tmp_path: Path, concurrency: int
) -> None:
    run = Graded(tmp_path / "s.sqlite", {"FP16": same("good"), "Q4": same("bad")}, concurrency=concurrency)
    prompts = run.grade()
    row = run.row()
    assert row.stopped_early is not None
    assert len(prompts) <= 2 * row.stopped_early.n + concurrency
