from pathlib import Path

import pytest

from qtui import paths
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, load, parse

GOOD = """
name = "e"
tasks = "demo"
[sampling]
max_tokens = 64
[[models]]
name = "m"
baseline = "B"
  [[models.variants]]
  name = "Q4_K_M"
  engine = "llama.cpp"
  weights = "demo"
  [[models.variants]]
  name = "B"
  engine = "transformers"
  weights = "demo"
[[judges]]
kind = "reference"
"""


def parsed(text: str, folder: Path) -> Experiment:
    return parse(text, folder / "e.toml")


def problems(text: str, folder: Path) -> list[str]:
    with pytest.raises(UserError) as caught:
        parsed(text, folder)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_shipped_demo_is_valid() -> None:
    experiment = load(paths.data() / "experiments" / "demo.toml")
    assert [v.name for v in experiment.variants] == ["FP16", "F16", "Q4_K_M", "Q2_K"]
    assert len(experiment.task_set.tasks) >= 40


def test_baseline_comes_first_and_gives_all_variants_their_prompt(tmp_path: Path) -> None:
    model = parsed(GOOD, tmp_path).models[0]
    assert [(v.name, v.is_baseline) for v in model.variants] == [("B", True), ("Q4_K_M", False)]
    assert model.prompt.weights == "demo"


def test_precision_is_the_name_unless_said(tmp_path: Path) -> None:
    assert parsed(GOOD, tmp_path).models[0].variants[1].precision == "Q4_K_M"


def test_all_problems_are_reported_at_once_with_line_and_key(tmp_path: Path) -> None:
    text = GOOD.replace('engine = "llama.cpp"', 'engine = "llamacpp"').replace(
        "max_tokens = 64", "max_token = 64\nseed = -1"
    )
    found = problems(text, tmp_path)
    assert [line.split(": ")[:2] for line in found] == [
        ["e.toml:5", "sampling.max_token"],
        ["e.toml:6", "sampling.seed"],
        ["e.toml:12", "models[1].variants[1].engine"],
    ]
    assert "did you mean max_tokens?" in found[0]


def test_what_only_shows_when_resolved_is_reported_at_once_too(tmp_path: Path) -> None:
    text = GOOD.replace('baseline = "B"', 'baseline = "C"').replace('weights = "demo"', 'weights = "./none.gguf"', 1)
    found = problems(text.replace('tasks = "demo"', 'tasks = "none.jsonl"'), tmp_path)
    assert [line.split(": ")[0] for line in found] == ["e.toml:3", "e.toml:8", "e.toml:12"]
    assert 'no variant is named "C" (variants: Q4_K_M, B)' in found[1]


def test_invalid_toml_names_the_line(tmp_path: Path) -> None:
    assert "line 2" in problems('name = "x"\ntasks = = 3\n', tmp_path)[0]


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").write_text(GOOD)
    with pytest.raises(UserError, match=r"Did you mean .*demo\.toml"):
        load(tmp_path / "dmeo.toml")


def test_relative_weights_begin_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    text = GOOD.replace('weights = "demo"', 'weights = "m.gguf"', 1)
    assert parsed(text, tmp_path).models[0].variants[1].weights == str(tmp_path / "m.gguf")


def test_catalog_name_becomes_weights_and_prompt(tmp_path: Path) -> None:
    text = GOOD.replace('name = "m"', 'name = "calm2-7b-chat"').replace('weights = "demo"', 'weights = "calm2-7b-chat"')
    model = parsed(text, tmp_path).models[0]
    assert [v.weights for v in model.variants] == [
        "cyberagent/calm2-7b-chat",
        "TheBloke/calm2-7B-chat-GGUF:calm2-7b-chat.Q4_K_M.gguf",
    ]
    assert model.prompt.template == "USER: {{ messages[-1]['content'] }}\nASSISTANT: "
    assert model.prompt.bos is False


def test_samples_need_a_temperature(tmp_path: Path) -> None:
    assert "temperature above 0" in problems(GOOD.replace("max_tokens = 64", "samples = 3"), tmp_path)[0]


@pytest.mark.parametrize("change", ["seed = 1", "max_tokens = 65", "temperature = 0.5"])
def test_plan_changes_with_what_decides_the_answers(tmp_path: Path, change: str) -> None:
    assert parsed(GOOD.replace("max_tokens = 64", change), tmp_path).plan != parsed(GOOD, tmp_path).plan


def test_plan_stays_when_a_judge_or_a_comment_changes(tmp_path: Path) -> None:
    text = "# why\n" + GOOD.replace('kind = "reference"', 'kind = "openai"\nmodel = "x"')
    assert parsed(text, tmp_path).plan == parsed(GOOD, tmp_path).plan
