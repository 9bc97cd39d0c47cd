"""What a run will ask is known before: exactly for answers that are there, and at most for those to come."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from qtui.endpoints import token_estimate
from qtui.endpoints.token_estimate import Range
from qtui.experiment import experiment as experiments
from qtui.experiment.experiment import Experiment
from qtui.figures.costs import PlannedCost
from qtui.prices import NO_PRICES, Price, Prices
from qtui.records import Answer, JudgeSpec, content_hash
from qtui.results import spent_costs
from qtui.runner import cost_estimate, planned_costs, start
from qtui.runner.cost_estimate import Earlier, Sizes
from qtui.store import Store, answers, open_store, runs
from tests import stores
from tests.judges.endpoint import endpoint
from tests.priced import PROMPT_TOKENS, counted
from tests.runner import pairwise_run

PRICES = Prices((("arbiter", Price(10.0, 100.0, 5.0)),))
TASKS = [{"turns": ["猫を挙げて"]}, {"turns": ["犬を挙げて"]}, {"turns": ["山を挙げて", "もう一つ"]}]
TURNS = [turn for task in TASKS for turn in task["turns"]]
EXPERIMENT = """
name = "costs"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 100
[[models]]
name = "m"
  [[models.variants]]
  name = "FP16"
  engine = "openai"
  weights = "served"
  base_url = "http://127.0.0.1:9/v1"
  [[models.variants]]
  name = "Q4"
  engine = "openai"
  weights = "served-q4"
  base_url = "http://127.0.0.1:9/v1"
[[judges]]
kind = "openai"
model = "grader"
base_url = "http://127.0.0.1:9/v1"
takes = 2
max_tokens = 50
[[judges]]
kind = "reference"
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    file = tmp_path / "costs.toml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    lines = "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in TASKS)
    (tmp_path / "tasks.jsonl").write_text(lines, encoding="utf-8")
    return experiments.load(file)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s.sqlite")


def by_name(costs: tuple[PlannedCost, ...]) -> dict[str, PlannedCost]:
    return {cost.name: cost for cost in costs}


def test_without_a_store_everything_is_to_come(experiment: Experiment, tmp_path: Path) -> None:
    costs = by_name(planned_costs.of_experiment(experiment, tmp_path / "none.sqlite", NO_PRICES, print))
    assert list(costs) == ["m FP16", "m Q4", "openai:grader"]
    assert [cost.requests for cost in costs.values()] == [(0, 4), (0, 4), (0, 16)]
    assert costs["openai:grader"].completion_tokens == (0, 16 * 50)
    assert costs["m FP16"].completion_tokens == (0, 4 * 100)
    assert not (tmp_path / "none.sqlite").exists()


def test_answers_that_the_run_has_are_exact(experiment: Experiment, store: Store) -> None:
    run_id = start.add(store, experiment)
    texts = {"FP16": ("三毛", "柴", "富士"), "Q4": ("三毛", " ", "阿蘇")}
    for variant, of_variant in texts.items():
        for number, text in enumerate(of_variant, start=1):
            stores.answer(store, run_id, variant, number, Answer(content_hash(variant, number), text, "stop"))
    costs = by_name(planned_costs.of_experiment(experiment, store.path, NO_PRICES, print))
    assert [costs[name].requests for name in ("m FP16", "m Q4")] == [(0, 1), (0, 1)]
    # Equal answers to task 1 once, the empty one never: 4 questions of 2 takes, and the last turns to come.
    assert costs["openai:grader"].requests == (8, 12)
    assert costs["openai:grader"].run_id == run_id


def test_judge_that_compares_asks_twice_for_each_pair_that_differs(tmp_path: Path, store: Store) -> None:
    text = EXPERIMENT.replace('model = "grader"', 'model = "grader"\npairwise = true')
    lines = "".join(json.dumps(task, ensure_ascii=False) + "\n" for task in TASKS)
    (tmp_path / "tasks.jsonl").write_text(lines, encoding="utf-8")
    experiment = experiments.parse(text, tmp_path / "costs.toml")
    [before] = [
        each
        for each in planned_costs.of_experiment(experiment, tmp_path / "none", NO_PRICES, print)
        if each.asker == "judge"
    ]
    assert (before.name, before.requests) == ("openai:grader pairwise", (0, 16))
    run_id = start.add(store, experiment)
    texts = {"FP16": ("三毛", "柴", "富士"), "Q4": ("三毛", " ", "阿蘇")}
    for variant, of_variant in texts.items():
        for number, answer in enumerate(of_variant, start=1):
            stores.answer(store, run_id, variant, number, Answer(content_hash(variant, number), answer, "stop"))
    costs = by_name(planned_costs.of_experiment(experiment, store.path, NO_PRICES, print))
    # Equal answers to task 1 and an empty one to task 2 need no judge: 2 orders and 2 takes of task 3; the last turns are to come.
    assert costs["openai:grader pairwise"].requests == (4, 8)


def test_later_turn_has_the_turns_before_it_in_its_prompt(experiment: Experiment, tmp_path: Path) -> None:
    [cost, *_] = planned_costs.of_experiment(experiment, tmp_path / "none.sqlite", NO_PRICES, print)
    alone = sum(token_estimate.estimated_messages([{"content": turn}]).high for turn in TURNS)
    assert cost.prompt_tokens[1] > alone + 100, "the answer before it may be 100 tokens long"


def test_prices_are_those_of_each_model(experiment: Experiment, tmp_path: Path) -> None:
    prices = Prices((("served", Price(0.0, 1.0)), ("grader", Price(1.0, 0.0, currency="EUR"))))
    costs = by_name(planned_costs.of_experiment(experiment, tmp_path / "none.sqlite", prices, print))
    assert costs["m FP16"].price == pytest.approx((0.0, 4 * 100 / 1e6))
    assert (costs["m Q4"].price, costs["m Q4"].price_unknown) == (None, '[prices] of config.toml has no "served-q4"')
    assert costs["openai:grader"].currency == "EUR"
    assert costs["openai:grader"].price == pytest.approx((0, costs["openai:grader"].prompt_tokens[1] / 1e6), rel=1e-3)


def test_costs_without_what_a_broken_store_has_say_so(experiment: Experiment, tmp_path: Path) -> None:
    (tmp_path / "broken.sqlite").write_bytes(b"no store at all" * 100)
    notes: list[str] = []
    costs = by_name(planned_costs.of_experiment(experiment, tmp_path / "broken.sqlite", NO_PRICES, notes.append))
    assert costs["openai:grader"].requests == (0, 16)
    [note] = notes
    assert note.startswith("costs are counted as if nothing was stored")
    assert "broken.sqlite: is not a store" in note


def test_answers_of_all_variants_are_there(experiment: Experiment, store: Store) -> None:
    run_id = start.add(store, experiment)
    for variant in runs.summaries(store, [run_id])[0].variants:
        for number, (task_id, _) in enumerate(runs.tasks(store, run_id), start=1):
            given = Answer(content_hash(variant.name, number), f"{variant.name}{number}", "stop")
            answers.commit(store, answers.Link(variant.id, task_id, 0), given)
    costs = by_name(planned_costs.of_run(store, run_id, experiment, NO_PRICES))
    assert [cost.requests for cost in costs.values()] == [(0, 0), (0, 0), (16, 16)]


def test_range_of_a_sum_holds_the_sum_19_times_of_20() -> None:
    """The interval of prediction, on questions of many lengths whose tokens vary by a tenth, and replies that vary by a third."""
    import random

    chance = random.Random(11)
    held = 0
    for _ in range(400):
        lengths = [chance.uniform(100, 900) for _ in range(60)]
        seen = Earlier(
            tuple(chance.gauss(1.2, 0.12) for _ in range(30)), tuple(chance.gauss(60, 20) for _ in range(30))
        )
        sizes = Sizes()
        for length in lengths:
            sizes.add(Range(length, length), is_certain=True)
        prompt = sum(length * chance.gauss(1.2, 0.12) for length in lengths)
        completion = sum(chance.gauss(60, 20) for _ in lengths)
        found = cost_estimate.prompt_tokens(sizes, seen)
        replies = cost_estimate.completion_tokens(sizes, seen, 1024)
        held += (found.low <= prompt <= found.high) + (replies.low <= completion <= replies.high)
    assert 0.93 <= held / 800 <= 0.98


@pytest.mark.parametrize(
    "text", ["The quick brown fox jumps over the lazy dog. " * 20, "吾輩は猫である。名前はまだ無い。" * 20, ""]
)
def test_bound_is_never_below_the_range(text: str) -> None:
    assert token_estimate.estimated(text).high <= max(token_estimate.most(text), 0)


async def test_pairwise_judge_is_asked_twice_per_pair_that_differs_as_said_before(tmp_path: Path) -> None:
    answers_of = {"FP16": ("三毛猫", "柴犬", "同じ"), "Q4": ("黒猫", " ", "同じ"), "Q2": ("白猫", "秋田犬", "別")}
    with endpoint(lambda *_: counted('{"reason": "r", "better": "A"}')) as served:
        judge = pairwise_run.spec(served.base_url, takes=2)
        store, run_id = pairwise_run.new_run(tmp_path / "pairs.sqlite", judge, answers_of)
        [cost] = planned_costs.of_judge(store, run_id, judge, PRICES)
        assert served.prompts == []
        await pairwise_run.compare(store, run_id, judge)
        assert cost.requests == (len(served.prompts), len(served.prompts)) == (16, 16)
        [after] = spent_costs.spent(store, run_id, PRICES)
        assert (after.requests, after.prompt_tokens) == (16, 16 * PROMPT_TOKENS)
        assert cost.price is not None
        assert after.price is not None
        [more] = planned_costs.of_judge(store, run_id, replace(judge, takes=3), PRICES)
        assert (more.requests, more.basis) == ((8, 8), "as 16 earlier grades of this judge")


def test_pairs_to_come_are_two_requests_each(experiment: Experiment, tmp_path: Path) -> None:
    judge = JudgeSpec("openai", "arbiter", base_url="http://127.0.0.1:9/v1", takes=3, pairwise=True)
    [*_, cost] = planned_costs.of_experiment(
        replace(experiment, judges=(judge,)), tmp_path / "none.sqlite", NO_PRICES, print
    )
    assert cost.requests == (0, 4 * 2 * 3)


def test_pairs_whose_answers_are_there_are_not_to_come(experiment: Experiment, store: Store) -> None:
    judge = JudgeSpec("openai", "arbiter", base_url="http://127.0.0.1:9/v1", pairwise=True)
    both = replace(experiment, judges=(judge,))
    run_id = start.add(store, both)
    for variant in ("FP16", "Q4"):
        for number in (1, 2):
            given = Answer(content_hash(variant, number), f"{variant}{number}", "stop")
            stores.answer(store, run_id, variant, number, given)
    stores.answer(store, run_id, "FP16", 3, Answer(content_hash("third"), "富士", "stop"))
    [*_, cost] = planned_costs.of_run(store, run_id, both, NO_PRICES)
    assert cost.requests == (4, 8)


async def test_what_is_ungraded_is_asked_again_only_if_that_is_wanted(tmp_path: Path) -> None:
    with endpoint(lambda *_: counted("no choice at all")) as served:
        judge = pairwise_run.spec(served.base_url)
        store, run_id = pairwise_run.new_run(tmp_path / "s.sqlite", judge, {"FP16": ("三毛猫",), "Q4": ("黒猫",)})
        await pairwise_run.compare(store, run_id, judge)
    counts = [planned_costs.of_judge(store, run_id, judge, PRICES, again=again)[0].requests for again in (False, True)]
    assert counts == [(0, 0), (2, 2)]
