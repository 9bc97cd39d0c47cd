"""Which differences of conditions confound a comparison, and how they are named."""

import json
from typing import Any

import pytest

from qtui.analysis.conditions import compare
from qtui.analysis.verdict import bare_prompt_guard

SAME = {"engine": "llama.cpp", "prompt": "abc", "task_set": "t"}


def sampling(**values: Any) -> dict[str, str]:
    return SAME | {"sampling": json.dumps({"max_tokens": 128, "temperature": 0.0, "seed": 42} | values)}


def test_equal_conditions_say_nothing() -> None:
    found = compare(sampling(), sampling())
    assert (found.confounded, found.notes) == ((), ())


def test_a_sampling_key_is_named_with_both_values() -> None:
    assert compare(sampling(max_tokens=256), sampling()).confounded == ("max_tokens 256 vs 128",)
    assert compare(sampling(), sampling(stop=["</s>"])).confounded == ('stop none vs ["</s>"]',)


def test_a_seed_is_a_note_and_only_when_something_is_drawn() -> None:
    assert compare(sampling(seed=1), sampling(seed=2)).notes == ()
    warm = compare(sampling(seed=1, temperature=0.7), sampling(seed=2, temperature=0.7))
    assert (warm.confounded, warm.notes) == ((), ("different seeds: 1 vs 2",))


@pytest.mark.parametrize("name", ["prompt", "task_set"])
def test_another_prompt_or_task_set_confounds(name: str) -> None:
    found = compare(sampling(), sampling() | {name: "other"})
    assert found.confounded == (f"{name.replace('_', ' ')} {SAME[name]} vs other",)


def test_another_engine_is_a_note() -> None:
    found = compare(sampling() | {"engine": "transformers"}, sampling())
    assert (found.confounded, found.notes) == ((), ("different engines: transformers vs llama.cpp",))


def test_another_number_of_slots_is_a_note_where_the_engine_is_the_same() -> None:
    assert compare(sampling() | {"slots": "16"}, sampling() | {"slots": "1"}).notes == (
        "different slot counts: 16 vs 1",
    )
    assert compare(sampling() | {"slots": "16"}, sampling() | {"slots": "1"}).confounded == ()
    assert compare(sampling() | {"slots": "16"}, sampling() | {"slots": "unknown"}).notes == ()
    other = compare(sampling() | {"slots": "16"}, sampling() | {"slots": "1", "engine": "transformers"})
    assert other.notes == ("different engines: llama.cpp vs transformers",)


def test_a_setting_that_one_sides_endpoint_refused_confounds_as_another_value() -> None:
    found = compare(sampling(), sampling() | {"left_out": "temperature"})
    assert found.confounded == ("temperature 0.0 vs the endpoint's own",)
    assert found.notes == ("not taken by the endpoint, whose own values applied (candidate): temperature",)


def test_a_setting_that_both_endpoints_refused_is_a_note() -> None:
    found = compare(sampling() | {"left_out": "seed,temperature"}, sampling() | {"left_out": "seed,temperature"})
    assert found.confounded == ()
    assert found.notes == ("not taken by the endpoint, whose own values applied (both sides): seed, temperature",)


def test_a_filter_that_could_only_not_be_switched_off_is_a_note() -> None:
    found = compare(sampling(top_k=0), sampling(top_k=0) | {"left_out": "top_k"})
    assert (found.confounded, len(found.notes)) == ((), 1)
    assert compare(sampling(top_k=40), sampling(top_k=40) | {"left_out": "top_k"}).confounded == (
        "top_k 40 vs the endpoint's own",
    )


@pytest.mark.parametrize("name", ["chat_template_kwargs", "reasoning_effort"])
def test_thinking_that_one_endpoint_does_not_take_confounds(name: str) -> None:
    found = compare(sampling(), sampling() | {"left_out": name})
    assert found.confounded == (f"thinking as asked on one side only (the candidate's endpoint does not take {name})",)
    both = compare(sampling() | {"left_out": name}, sampling() | {"left_out": name})
    assert (both.confounded, len(both.notes)) == ((), 1)


@pytest.mark.parametrize("left_out", ["", None, float("nan")])
def test_nothing_that_was_refused_is_nothing(left_out: Any) -> None:
    assert compare(sampling(), sampling() | {"left_out": left_out}).notes == ()


@pytest.mark.parametrize("unknown", ["unknown", None, float("nan"), ""])
def test_what_nobody_recorded_is_a_note_and_no_guard(unknown: Any) -> None:
    found = compare(sampling() | {"prompt": unknown, "engine": unknown}, sampling())
    assert (found.confounded, found.notes) == ((), ("unknown settings: prompt",))
    assert compare({}, {}).notes == ("unknown settings: prompt, sampling, task set",)


@pytest.mark.parametrize(("before", "after"), [("greedy", '{"a": 1}'), ("[1]", "[2]")])
def test_sampling_that_is_no_json_object_still_confounds(before: str, after: str) -> None:
    assert len(compare(SAME | {"sampling": before}, SAME | {"sampling": after}).confounded) == 1


def test_a_model_trained_for_chat_that_got_bare_tasks_is_a_guard_of_its_own() -> None:
    found = compare({"asked_bare": "unknown"}, {"asked_bare": "its name is x-instruct"})
    assert found.confounded == ()
    assert found.asked_bare == "its name is x-instruct"
    assert str(bare_prompt_guard(found.asked_bare)).startswith("no chat template: ")
    assert bare_prompt_guard(compare({}, {}).asked_bare) is None


def test_weights_that_are_computed_in_another_form_than_stored_are_noted() -> None:
    assert compare({"computed_as": "mxfp4, dequantized"}, {"computed_as": "unknown"}).notes[-1] == (
        "the baseline's weights were computed as mxfp4, dequantized"
    )
