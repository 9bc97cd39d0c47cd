"""What runs cost: from counts in the store, at the prices that are set, and unknown where nothing was counted."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from qtui.figures.costs import SpentCost
from qtui.judges import fingerprint
from qtui.prices import Price, Prices
from qtui.records import UNKNOWN_USAGE, Answer, Grade, JudgeSpec, Task, TaskSet, Usage, content_hash
from qtui.results.spent_costs import spent
from qtui.runner import batch_questions
from qtui.store import Store, batches, grades, judges, new_runs, open_store
from qtui.store.batches import Outcome
from tests import stores

TASKS = TaskSet("pets", tuple(Task(f"動物{i}") for i in range(1, 5)))
PRICES = Prices((("grader", Price(10.0, 100.0, 5.0)), ("served", Price(1.0, 2.0))))
USED = Usage(1, 1000, 400, 50)
COST = (600 * 10 + 400 * 5 + 50 * 100) / 1e6
SPEC = JudgeSpec("openai", "grader")
EXPERIMENT = '[[models]]\nname = "m"\n[[models.variants]]\nname = "FP16"\nbase_url = "http://h/v1"\n'


def new_run(
    store: Store,
    spec: JudgeSpec = SPEC,
    *,
    engine: str = "llama.cpp",
    prompt_tokens: int | None = 7,
    experiment: str = "pets",
) -> int:
    judge = new_runs.NewJudge(spec.label, spec.takes, fingerprint(spec), asdict(spec))
    variants = stores.variants(TASKS, ("FP16",), engine=engine)
    variants = [new_runs.NewVariant(**asdict(variant) | {"weights": "served"}) for variant in variants]
    run_id = stores.new_run(store, experiment, TASKS, variants, judges=[judge], definition=EXPERIMENT)
    stores.answer_all(
        store,
        run_id,
        lambda _variant, number, _task: Answer(content_hash(number), f"猫{number}", "stop", prompt_tokens, 3),
    )
    return run_id


def grade(store: Store, run_id: int, used: Sequence[Usage], spec: JudgeSpec = SPEC) -> None:
    """Grade the first answers; each grade used this."""
    for (answer_key, number), place in sorted(grades.places(store, run_id).items(), key=lambda item: item[0][1]):
        if number <= len(used):
            key = grades.key(answer_key, TASKS.tasks[number - 1].hash, spec.label, fingerprint(spec), 1)
            row = Grade(key, spec.label, 1, 4, "r", fingerprint(spec), usage=used[number - 1])
            grades.commit(store, [(place, row)])


def one(store: Store, run_id: int, prices: Prices = PRICES) -> SpentCost:
    [cost] = spent(store, run_id, prices)
    return cost


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "s.sqlite")


def test_counts_are_added_and_priced(store: Store) -> None:
    run_id = new_run(store)
    grade(store, run_id, [USED, USED])
    cost = one(store, run_id)
    assert (cost.requests, cost.prompt_tokens, cost.cached_tokens, cost.completion_tokens) == (2, 2000, 800, 100)
    assert cost.price == pytest.approx(2 * COST)
    assert (cost.currency, cost.is_at_least) == ("USD", False)


def test_grades_of_an_older_version_are_unknown(store: Store) -> None:
    run_id = new_run(store)
    grade(store, run_id, [UNKNOWN_USAGE, UNKNOWN_USAGE])
    cost = one(store, run_id)
    assert (cost.requests, cost.prompt_tokens, cost.price, cost.unknown) == (None, None, None, 2)
    assert cost.price_unknown == "no tokens are counted"


def test_grade_whose_tokens_are_unknown_makes_sums_unknown_and_the_price_a_least_one(store: Store) -> None:
    run_id = new_run(store)
    grade(store, run_id, [USED, Usage(2)])
    cost = one(store, run_id)
    assert (cost.prompt_tokens, cost.known_prompt_tokens, cost.known_requests) == (None, 1000, 3)
    assert cost.price == pytest.approx(COST)
    assert cost.is_at_least


def test_cache_that_nobody_counts_is_unknown(store: Store) -> None:
    run_id = new_run(store)
    grade(store, run_id, [Usage(1, 1000, None, 50)])
    cost = one(store, run_id)
    assert (cost.cached_tokens, cost.known_cached_tokens) == (None, None)
    assert cost.price == pytest.approx((1000 * 10 + 50 * 100) / 1e6)


@pytest.mark.parametrize(("base_url", "factor"), [(None, 0.5), ("http://h/v1", None)])
def test_what_a_batch_replied_has_the_price_of_batches(
    store: Store, base_url: str | None, factor: float | None
) -> None:
    spec = JudgeSpec("openai", "grader", base_url=base_url, batch=True)
    run_id = new_run(store, spec)
    grade(store, run_id, [USED], spec)
    ask_in_a_batch(store, run_id, spec)
    cost = one(store, run_id)
    assert (cost.requests, cost.batch_requests) == (4, 3)
    if factor is None:
        assert cost.price is None
        assert 'set "batch" in [prices."grader"]' in cost.price_unknown
    else:
        assert cost.price == pytest.approx(COST + 3 * COST * factor)


def ask_in_a_batch(store: Store, run_id: int, spec: JudgeSpec) -> None:
    """Let a batch reply to tasks 2 to 4: to one with a grade, to one not, and to one in vain, which has no grade yet."""
    [judge] = judges.of_run(store, run_id)
    asked = batch_questions.missing(store, judge, 1)
    batches.plan(store, run_id, (judge.label, judge.fingerprint), (spec.base_url, "KEY"), asked)
    [batch] = batches.open_of_run(store, run_id)
    words = ("graded", "ungraded", "again")
    outcomes = [Outcome(question.key, word, "", USED) for question, word in zip(asked, words, strict=True)]
    rows = [
        row
        for question, value in zip(asked, (4, None), strict=False)
        for row in batch_questions.rows(question, Grade("", spec.label, 1, value, "", judge.fingerprint, usage=USED))
    ]
    assert batches.fetched(store, batch, outcomes, rows)


def test_variant_behind_an_endpoint_has_its_tokens_and_no_requests(store: Store) -> None:
    run_id = new_run(store, engine="openai")
    cost = one(store, run_id)
    assert (cost.asker, cost.name, cost.items) == ("variant", "m FP16", 4)
    assert (cost.requests, cost.known_requests) == (None, None)
    assert (cost.prompt_tokens, cost.completion_tokens) == (28, 12)
    assert cost.price == pytest.approx((28 * 1 + 12 * 2) / 1e6)


def test_price_of_a_variant_is_that_at_its_address(store: Store) -> None:
    run_id = new_run(store, engine="openai")
    there = Prices((("served", Price(1.0, 2.0, base_url="http://h/v1")),))
    elsewhere = Prices((("served", Price(1.0, 2.0, base_url="http://other/v1")),))
    assert one(store, run_id, there).price is not None
    assert one(store, run_id, elsewhere).price is None


@pytest.mark.parametrize("prompt_tokens", [0, None])
def test_variant_whose_endpoint_counts_nothing_is_unknown(store: Store, prompt_tokens: int | None) -> None:
    cost = one(store, new_run(store, engine="openai", prompt_tokens=prompt_tokens))
    assert (cost.prompt_tokens, cost.completion_tokens, cost.price, cost.unknown) == (None, None, None, 4)


def test_answers_made_here_cost_nothing(store: Store) -> None:
    assert spent(store, new_run(store), PRICES) == ()


def test_grades_of_one_answer_in_two_runs_are_counted_in_both_and_once_in_each(store: Store) -> None:
    first = new_run(store)
    grade(store, first, [USED])
    second = new_run(store, experiment="pets again")
    assert [one(store, run_id).requests for run_id in (first, second)] == [1, 1]
