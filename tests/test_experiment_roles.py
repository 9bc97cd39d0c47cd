"""`control = true` and `noise_floor = true` in the table of a model: which variants they come to, and where they cannot."""

from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, load, parse
from qtui.experiment.roles import in_words
from qtui.paths import data

Variant = dict[str, object]
BASE: Variant = {"name": "FP16", "engine": "transformers", "weights": "demo"}
QUANTIZED: Variant = {"name": "Q4_K_M", "engine": "llama.cpp", "weights": "demo"}
LISTED: Variant = {"name": "whole", "engine": "llama.cpp", "weights": "demo", "precision": "f16"}
ENDPOINT: Variant = {"name": "api", "engine": "openai", "weights": "w", "base_url": "http://localhost:1/v1"}


def made(folder: Path, line: str, *variants: Variant, sampling: str = "", name: str = "m") -> Experiment:
    tables = ("[[models.variants]]\n" + "\n".join(f"{k} = {_toml(v)}" for k, v in each.items()) for each in variants)
    (folder / "tasks.jsonl").write_text('{"input": "a"}\n')
    head = f'name = "e"\ntasks = "tasks.jsonl"\n[sampling]\n{sampling}\n[[models]]\nname = "{name}"\n{line}\n'
    return parse(head + "\n".join(tables), folder / "e.toml")


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def roles(asked: Experiment) -> list[tuple[str, str]]:
    return [(each.name, each.role) for each in asked.variants]


def problem(folder: Path, line: str, *variants: Variant, name: str = "m") -> str:
    with pytest.raises(UserError) as caught:
        made(folder, line, *variants, name=name)
    key = line.split(" ", maxsplit=1)[0]
    place, message = str(caught.value).split(": ", 1)
    assert (place, message.split(": ", 1)[0]) == (f"{folder}/e.toml:7", f"models[1].{key}")
    return message.split(": ", 1)[1]


def test_control_adds_the_baselines_own_weights_unquantized_on_llama_cpp(tmp_path: Path) -> None:
    base = BASE | {"slots": 3, "context": 512, "threads": 2}
    asked = made(tmp_path, "control = true", base, QUANTIZED)
    assert roles(asked) == [("FP16", "baseline"), ("Q4_K_M", "candidate"), ("F16", "control arm")]
    added = asked.variants[2]
    assert (added.engine, added.weights, added.precision) == ("llama.cpp", "demo", "F16")
    assert (added.slots, added.context, added.threads) == (3, 512, 2)


def test_control_of_a_catalog_model_is_made_of_its_checkpoint_and_not_of_its_gguf(tmp_path: Path) -> None:
    asked = made(tmp_path, "control = true", BASE | {"weights": "calm2-7b-chat"}, name="calm2-7b-chat")
    assert [each.weights for each in asked.variants] == ["cyberagent/calm2-7b-chat"] * 2


def test_control_marks_a_listed_variant_of_that_kind_and_adds_none(tmp_path: Path) -> None:
    lesser = LISTED | {"name": "single", "precision": "F32"}
    asked = made(tmp_path, "control = true", BASE, lesser, LISTED, QUANTIZED)
    assert roles(asked) == [
        ("FP16", "baseline"),
        ("single", "candidate"),
        ("whole", "control arm"),
        ("Q4_K_M", "candidate"),
    ]


def test_a_run_is_found_again_after_its_control_arm_was_marked_but_not_after_one_was_added(tmp_path: Path) -> None:
    def plans(*variants: Variant) -> list[str]:
        return [made(tmp_path, line, *variants).plan for line in ("", "control = true")]

    marked, added = plans(BASE, LISTED), plans(BASE, QUANTIZED)
    assert marked[0] == marked[1]
    assert added[0] != added[1]


def test_a_baseline_on_llama_cpp_has_no_other_engine_to_control_for(tmp_path: Path) -> None:
    said = problem(tmp_path, "control = true", LISTED, QUANTIZED)
    assert said.startswith('the baseline "whole" also runs on llama.cpp')
    assert "remove this line" in said


def test_an_endpoint_gives_no_weights_but_may_have_a_listed_control_arm(tmp_path: Path) -> None:
    said = problem(tmp_path, "control = true", ENDPOINT, QUANTIZED)
    assert 'list a llama.cpp variant with precision = "F16" of the same model' in said
    assert roles(made(tmp_path, "control = true", ENDPOINT, LISTED))[1] == ("whole", "control arm")


def test_a_model_with_code_of_its_own_has_no_control_arm(tmp_path: Path) -> None:
    own = BASE | {"weights": "EvoLLM-JP-v1-10B", "trust_remote_code": True}
    assert "Python code in its repository" in problem(tmp_path, "control = true", own, name="EvoLLM-JP-v1-10B")


@pytest.mark.parametrize(
    ("line", "name"), [("control = true", "F16"), ("noise_floor = true", "noise floor")], ids=["control", "noise floor"]
)
def test_a_name_that_is_taken_is_said(tmp_path: Path, line: str, name: str) -> None:
    said = problem(tmp_path, line, BASE, QUANTIZED | {"name": name, "precision": "Q4_K_M"})
    assert said.startswith(f'a variant named "{name}" exists')


@pytest.mark.parametrize(("slots", "other", "said"), [(None, 1, "1 slot"), (8, 1, "1 slot"), (1, 2, "2 slots")])
def test_the_noise_floor_of_greedy_answers_has_another_number_of_slots(
    tmp_path: Path, slots: int | None, other: int, said: str
) -> None:
    base = BASE | ({"slots": slots} if slots else {})
    asked = made(tmp_path, "noise_floor = true", base, QUANTIZED)
    floor = asked.variants[2]
    assert (floor.name, floor.role, floor.engine, floor.precision) == (
        "noise floor",
        "noise floor",
        "transformers",
        "FP16",
    )
    assert (floor.slots, floor.seed_offset) == (other, 0)
    assert in_words(floor, asked.sampling_for(floor)) == f"the baseline again with {said}"


def test_the_noise_floor_of_drawn_answers_has_other_seeds_for_every_sample(tmp_path: Path) -> None:
    asked = made(tmp_path, "noise_floor = true", BASE, sampling="temperature = 0.7\nsamples = 5\nseed = 7")
    base, floor = asked.variants
    assert floor.slots == base.slots
    seeds = [{asked.sampling_for(each).for_sample(n).seed for n in range(5)} for each in (base, floor)]
    assert (len(seeds[0] | seeds[1]), min(seeds[0])) == (10, 7)
    assert in_words(floor, asked.sampling_for(floor)) == "the baseline again with seed 1000007"


def test_without_either_line_there_is_neither(tmp_path: Path) -> None:
    asked = made(tmp_path, "", BASE, LISTED, QUANTIZED)
    assert roles(asked) == [("FP16", "baseline"), ("whole", "candidate"), ("Q4_K_M", "candidate")]


def test_the_demo_marks_its_control_arm() -> None:
    asked = load(data() / "experiments" / "demo.toml")
    assert [each.name for each in asked.variants if each.role == "control arm"] == ["F16"]
