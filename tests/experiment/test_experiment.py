from contextlib import closing
from pathlib import Path

import pytest

from qtui import paths
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, load, parse
from qtui.runner import start
from qtui.store import open_store, runs

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


MAPPED = """
[tasks]
source = "own.csv"
input = "質問"
reference = "回答"
encoding = "cp932"
"""


def test_the_tasks_of_a_table_are_mapped_and_what_was_read_is_noted(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes("質問,回答\n猫,犬\n".encode("cp932"))
    text = GOOD.replace('tasks = "demo"\n', "") + MAPPED
    found = parsed(text, tmp_path)
    assert [(task.input, task.reference) for task in found.task_set.tasks] == [("猫", "犬")]
    assert [note.replace(f"{tmp_path}/", "") for note in found.notes] == [
        "own.csv was read as cp932, because it is not UTF-8.",
        'own.csv: the input is "質問".',
        'own.csv: the reference is "回答".',
    ]


def test_a_table_of_tasks_without_more_is_the_same_run(tmp_path: Path) -> None:
    table = GOOD.replace('tasks = "demo"', 'tasks = { source = "demo" }')
    assert parsed(table, tmp_path).plan == parsed(GOOD, tmp_path).plan


def test_a_column_that_is_not_there_is_named_by_its_key(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("問,回答\n猫,犬\n")
    text = GOOD.replace('tasks = "demo"\n', "") + MAPPED.replace('encoding = "cp932"', "")
    [said] = problems(text, tmp_path)
    assert said.startswith('e.toml:21: tasks.input: own.csv: has no column "質問" (columns: 問, 回答)')


def test_a_reference_judge_of_tasks_without_references_is_noted(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("input,reference\n猫,\n")
    found = parsed(GOOD.replace('"demo"', '"own.csv"', 1), tmp_path)
    assert "empty for the only task" in found.notes[0]
    assert found.notes[1].endswith("the reference judge will grade no answer.")


def test_the_template_of_a_judge_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "j.txt").write_text("{pred}", encoding="utf-8-sig")
    text = GOOD.replace('kind = "reference"', 'kind = "openai"\nmodel = "x"\nprompt = "j.txt"')
    assert parsed(text, tmp_path).judges[0].prompt == "{pred}"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp932"])
def test_an_experiment_in_another_encoding_names_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "e.toml").write_bytes(("# これは実験です。\n" + GOOD).encode(encoding))
    with pytest.raises(UserError, match=r"e\.toml: is (UTF-16|CP932 \(Shift_JIS\)), and TOML is UTF-8"):
        load(tmp_path / "e.toml")


def test_a_run_keeps_the_tasks_that_it_was_started_with(tmp_path: Path) -> None:
    """Its answers belong to these; the file may have been edited since, or be read by other rules."""
    (tmp_path / "own.jsonl").write_text('{"input": "a"}\n')
    text = GOOD.replace('"demo"', '"own.jsonl"', 1)
    started = parsed(text, tmp_path)
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        run_id = start.add(store, started)
        (tmp_path / "own.jsonl").write_text('{"prompt": "b", "question": "c"}\n')
        resumed = parse(started.text, started.origin, stored_tasks=runs.task_set(store, run_id))
    assert (resumed.task_set, resumed.plan) == (started.task_set, started.plan)
