"""A judge that compares two answers in a run: what it is asked, in which order, how often, and what the store then has."""

import json
import random
from pathlib import Path

import pytest

from qtui.records import Answer, Task, Usage
from qtui.store import grades, judges, runs, spending
from tests import stores
from tests.judges.endpoint import Failure, Said, endpoint
from tests.runner.pairwise_run import always, choices, compare, longest, new_run, shown, spec

ANSWERS = {"FP16": ["猫です", "犬", "", "", "同じ"], "Q4": ["猫", "犬です", "鳥", "", "同じ"]}
"""Tasks 1 and 2 differ, an answer to task 3 is empty, both to task 4, and those to task 5 are equal."""


async def test_both_orders_are_asked_and_only_where_the_answers_differ(tmp_path: Path) -> None:
    with endpoint(longest) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        assert await compare(store, run_id, judge) == []
    asked = sorted(map(shown, served.prompts))
    assert asked == sorted([("猫です", "猫"), ("猫", "猫です"), ("犬", "犬です"), ("犬です", "犬")])
    assert choices(store, run_id) == {
        ("Q4", 1, 1, False): "first", ("Q4", 1, 1, True): "second",
        ("Q4", 2, 1, False): "second", ("Q4", 2, 1, True): "first",
        ("Q4", 3, 1, False): "second", ("Q4", 3, 1, True): "first",
        ("Q4", 4, 1, False): "tie", ("Q4", 4, 1, True): "tie",
        ("Q4", 5, 1, False): "tie", ("Q4", 5, 1, True): "tie",
    }  # fmt: skip
    [progress] = runs.summaries(store)[0].judges
    assert (progress.expected, progress.graded, progress.ungraded, progress.state) == (10, 10, 0, "done")
    assert progress.label == "openai:arbiter pairwise"


async def test_reply_is_bound_by_a_schema_with_three_choices(tmp_path: Path) -> None:
    with endpoint(longest) as served:
        judge = spec(served.base_url, system="公正に。", reasoning_effort="low", temperature=None)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        await compare(store, run_id, judge)
    schema = served.bodies[0]["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["reason", "better"]
    assert schema["properties"]["better"]["enum"] == ["A", "B", "tie"]
    assert (served.bodies[0]["reasoning_effort"], "temperature" in served.bodies[0]) == ("low", False)
    assert served.bodies[0]["messages"][0] == {"role": "system", "content": "公正に。"}


async def test_every_take_asks_both_orders_and_the_next_run_asks_nothing(tmp_path: Path) -> None:
    with endpoint(longest) as served:
        judge = spec(served.base_url, takes=3)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        await compare(store, run_id, judge)
        assert len(served.prompts) == 3 * 2 * 2
        await compare(store, run_id, judge)
        assert len(served.prompts) == 3 * 2 * 2
    assert len(choices(store, run_id)) == 3 * 2 * 5


async def test_every_other_variant_is_compared_and_equal_pairs_of_texts_are_asked_once(tmp_path: Path) -> None:
    answers = {"FP16": ["長い答え", "あ"], "Q8": ["短い", "いい"], "Q4": ["短い", "うう"], "control": ["短い", "いい"]}
    with endpoint(longest) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, answers)
        await compare(store, run_id, judge)
    assert sorted(map(shown, served.prompts)) == sorted(
        [("長い答え", "短い"), ("短い", "長い答え"), ("あ", "いい"), ("いい", "あ"), ("あ", "うう"), ("うう", "あ")]
    )
    assert len(choices(store, run_id)) == 3 * 2 * 2


async def test_pair_of_texts_that_was_judged_is_shared_with_a_variant_that_answers_later(tmp_path: Path) -> None:
    with endpoint(longest) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, {"FP16": ["長い答え"], "Q8": ["短い"], "Q4": ["別の"]})
        await compare(store, run_id, judge)
        assert len(served.prompts) == 4
        stores.answer(store, run_id, "Q4", 1, Answer("later", "短い", "stop"))
        await compare(store, run_id, judge)
        assert len(served.prompts) == 4
    assert choices(store, run_id)["Q4", 1, 1, True] == choices(store, run_id)["Q8", 1, 1, True] == "second"


async def test_reply_that_cannot_be_read_is_unjudged_and_never_a_tie(tmp_path: Path) -> None:
    def say(prompt: str, number: int) -> str:
        return "どちらも良い" if shown(prompt)[0] == "猫です" else longest(prompt)

    with endpoint(say) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        await compare(store, run_id, judge)
    found = choices(store, run_id)
    assert (found["Q4", 1, 1, False], found["Q4", 1, 1, True]) == (None, "second")
    [progress] = runs.summaries(store)[0].judges
    assert (progress.graded, progress.ungraded, progress.ungraded_words) == (9, 1, "1 unjudged")


async def test_judge_that_cannot_be_reached_has_no_preference(tmp_path: Path) -> None:
    with endpoint(lambda *_: Failure(401, {"error": {"message": "bad key"}})) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        [failure] = await compare(store, run_id, judge)
    assert "was refused (401)" in failure
    assert choices(store, run_id) == {}
    assert runs.summaries(store)[0].judges[0].state == "failed"


async def test_run_without_a_difference_needs_no_judge(tmp_path: Path) -> None:
    judge = spec("http://127.0.0.1:9/v1")
    store, run_id = new_run(tmp_path / "s.sqlite", judge, {"FP16": ["同じ", ""], "Q4": ["同じ ", "\n"]})
    assert await compare(store, run_id, judge) == []
    assert set(choices(store, run_id).values()) == {"tie"}


async def test_both_conversations_are_shown(tmp_path: Path) -> None:
    tasks = [Task("名前は？"), Task("なぜ？", follows=1)]
    answers = {"FP16": ["タマ", "猫だから"], "Q4": ["ポチ", "猫だから"]}
    with endpoint(always("A")) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, answers, tasks)
        await compare(store, run_id, judge)
    second_turn = [prompt for prompt in served.prompts if "なぜ" in prompt]
    assert len(second_turn) == 2, "equal answers in conversations that differ are compared"
    first, second = shown(second_turn[0])
    for whole, name in ((first, "タマ"), (second, "ポチ")) if "タマ" in first else ((first, "ポチ"), (second, "タマ")):
        assert whole == f"[User]\n名前は？\n\n[Assistant]\n{name}\n\n[User]\nなぜ？\n\n[Assistant]\n猫だから"
    assert second_turn[0].startswith("[User]\n名前は？\n\n[User]\nなぜ？\n<A>")


async def test_grading_judge_of_the_same_model_is_another_judge(tmp_path: Path) -> None:
    with endpoint(lambda prompt, _: longest(prompt) if "<A>" in prompt else '{"reason": "", "grade": 3}') as served:
        comparing, grading = (
            spec(served.base_url),
            spec(served.base_url, pairwise=False, prompt="{input_text}{pred}"),
        )
        store, run_id = new_run(tmp_path / "s.sqlite", comparing, ANSWERS)
        stores.put_judge(store, run_id, grading)
        await compare(store, run_id, comparing)
        await compare(store, run_id, grading)
    assert len(choices(store, run_id)) == 10
    assert len(grades.rows(store, [run_id])) == 10
    assert [each.label for each in runs.summaries(store)[0].judges] == ["openai:arbiter pairwise", "openai:arbiter"]


async def test_what_preferences_used_is_counted(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 20}}
    with endpoint(lambda prompt, _: Said(longest(prompt), usage)) as served:
        judge = spec(served.base_url)
        store, run_id = new_run(tmp_path / "s.sqlite", judge, ANSWERS)
        await compare(store, run_id, judge)
    [stored] = judges.of_run(store, run_id)
    assert grades.usage(store, run_id, stored.label, stored.fingerprint) == Usage(4, 200, 80, 20)
    used = spending.of_judges(store, run_id)[stored.label, stored.fingerprint]
    assert (used.whole.known, used.whole.items, used.whole.unknown) == (Usage(4, 200, 80, 20), 10, 0)


@pytest.mark.parametrize("seed", range(3))
async def test_after_other_settings_only_the_newest_preferences_are_shown(tmp_path: Path, seed: int) -> None:
    better = random.Random(seed).choice("AB")
    with endpoint(
        lambda prompt, _: json.dumps({"reason": "", "better": better if "厳" in prompt else "tie"})
    ) as served:
        first, second = spec(served.base_url), spec(served.base_url, prompt=f"厳しく {spec('').prompt}")
        store, run_id = new_run(tmp_path / "s.sqlite", first, ANSWERS)
        await compare(store, run_id, first)
        stores.put_judge(store, run_id, second)
        await compare(store, run_id, second)
    assert choices(store, run_id)["Q4", 1, 1, True] == {"A": "first", "B": "second"}[better]
