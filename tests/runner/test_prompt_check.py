"""Settings that a chat template does not read are said by `qtui run --check` and before a run starts, with the variants."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from qtui.cli import cli
from qtui.experiment import experiment
from qtui.runner.prompt_check import prompt_notes
from tests.engines.weights.checkpoints import checkpoint

TENSORS = {"model.safetensors": {"model.embed_tokens.weight": "F16", "lm_head.weight": "F16"}}
SWITCH = "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment's folder, with the headers of a model whose template reads `enable_thinking`."""
    model = checkpoint(tmp_path / "model", TENSORS)
    config = {"chat_template": "{{ messages[0]['content'] }}" + SWITCH}
    (model / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "tasks.jsonl").write_text('{"input": "a"}\n')
    return tmp_path


def written(folder: Path, *lines: str, of_model: str = "", weights: str = "") -> Path:
    """An experiment of two variants with these lines each."""
    text = f"name = 'e'\ntasks = 'tasks.jsonl'\n[[models]]\nname = 'm'\n{of_model}\n"
    for name, kind in (("v", "F16"), ("w", "Q8_0")):
        text += f"[[models.variants]]\nname = '{name}'\nengine = 'llama.cpp'\nprecision = '{kind}'\n"
        text += "\n".join([f"weights = '{weights or folder / 'model'}'", *lines]) + "\n"
    file = folder / "e.toml"
    file.write_text(text)
    return file


def notes(file: Path) -> tuple[str, ...]:
    return prompt_notes(experiment.load(file))


def test_what_the_template_does_not_read_is_said_once_for_all_variants(folder: Path) -> None:
    [level, colour] = sorted(
        notes(written(folder, "thinking = 'high'", "template_args = {colour = 'red'}")), key=len, reverse=True
    )
    assert level == ('m (v, w): thinking = "high" has no effect: the chat template of model reads only enable_thinking')
    assert colour == "m (v, w): the chat template of model does not read colour, so it has no effect"
    assert notes(written(folder, "thinking = false")) == ()
    assert notes(written(folder)) == ()


def test_a_template_of_the_experiment_counts_in_place_of_the_model_s(folder: Path) -> None:
    (folder / "t.jinja").write_text("{{ messages[0]['content'] }}")
    [note] = notes(written(folder, "thinking = true", of_model="prompt = 't.jinja'"))
    assert note.startswith("m (v, w): thinking = true has no effect: the chat template of the experiment reads none of")


def test_a_model_of_the_hub_is_not_fetched_and_an_endpoint_s_template_is_not_known(folder: Path) -> None:
    assert notes(written(folder, "thinking = 'high'", weights="nobody/nothing-7b")) == ()
    file = written(folder, "template_args = {colour = 'red'}", weights="served")
    text = file.read_text().replace("llama.cpp", "openai").replace("precision", "base_url = 'http://127.0.0.1:9/v1'\n#")
    file.write_text(text)
    assert notes(file) == (
        "m (v, w): the endpoint gets template_args (colour), and does not say whether its chat template reads them",
    )


def test_check_prints_it_and_a_broken_template_too(folder: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    file = written(folder, "thinking = 'low'")
    checked = CliRunner().invoke(cli, ["run", "--check", str(file)])
    assert checked.exit_code == 0, checked.output
    assert 'note: m (v, w): thinking = "low" has no effect' in checked.output
    (folder / "model" / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{% if %}"}))
    assert (
        "the chat template of model is broken at line 1"
        in CliRunner().invoke(cli, ["run", "--check", str(file)]).output
    )
