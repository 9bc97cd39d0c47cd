"""Which prompt a model of an experiment gets, and what is wrong with a choice."""

from pathlib import Path

import pytest

from qtui.engines.prompts import rendering
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, ModelPlan, parse

LLAMA2 = "ELYZA-japanese-Llama-2-7b-instruct"
SYSTEM = "あなたは誠実で優秀な日本人のアシスタントです。"


def planned(folder: Path, name: str, lines: str = "", sampling: str = "") -> Experiment:
    return parse(
        f'name = "e"\ntasks = "demo"\n[sampling]\n{sampling}\n[[models]]\nname = "{name}"\n{lines}\n'
        '[[models.variants]]\nname = "FP16"\nengine = "transformers"\nweights = "demo"\n',
        folder / "e.toml",
    )


def model(folder: Path, name: str, lines: str = "") -> ModelPlan:
    return planned(folder, name, lines).models[0]


def problem(folder: Path, name: str, lines: str) -> str:
    with pytest.raises(UserError) as caught:
        model(folder, name, lines)
    return str(caught.value)


def asked(plan: ModelPlan, *, tokenizer_bos: bool = True) -> tuple[str, bool]:
    """The prompt of the task "問い", with a tokenizer that adds a BOS of itself, and whether a BOS goes before it."""
    form = PromptFormat("m", template="T {{ messages[-1]['content'] }}", bos_token="<s>", adds_bos=tokenizer_bos)
    source = plan.prompt
    (made,) = rendering.render(["問い"], form, template=source.template, system=source.system, bos=source.bos)
    return made.text, made.bos


@pytest.mark.parametrize("lines", ["", 'prompt = "official"'])
def test_the_catalogs_prompt_is_the_default_and_has_a_name(tmp_path: Path, lines: str) -> None:
    text, bos = asked(model(tmp_path, LLAMA2, lines))
    assert text == f"[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n\n問い [/INST] "
    assert bos


def test_an_own_system_prompt_goes_before_the_catalogs(tmp_path: Path) -> None:
    text, _ = asked(model(tmp_path, LLAMA2, 'system = "短く。"'))
    assert text == "[INST] <<SYS>>\n短く。\n<</SYS>>\n\n問い [/INST] "


def test_an_empty_system_prompt_is_none_and_its_block_goes_too(tmp_path: Path) -> None:
    assert asked(model(tmp_path, LLAMA2, 'system = ""'))[0] == "[INST] 問い [/INST] "


def test_a_block_that_is_empty_by_default_comes_with_a_system_prompt(tmp_path: Path) -> None:
    assert asked(model(tmp_path, "youri-7b-chat"))[0] == "ユーザー: 問い\nシステム: "
    assert asked(model(tmp_path, "youri-7b-chat", 'system = "短く。"'))[0] == "設定: 短く。\nユーザー: 問い\nシステム: "


def test_a_system_prompt_that_has_no_place_is_a_problem_and_not_ignored(tmp_path: Path) -> None:
    assert "models[1].system: the catalog's prompt of calm2-7b-chat has no place" in problem(
        tmp_path, "calm2-7b-chat", 'system = "短く。"'
    )
    assert "plain prompt" in problem(tmp_path, LLAMA2, 'prompt = "plain"\nsystem = "短く。"')


def test_the_tokenizers_own_template_is_used_when_named(tmp_path: Path) -> None:
    assert asked(model(tmp_path, LLAMA2, 'prompt = "tokenizer"'), tokenizer_bos=False) == ("T 問い", False)


def test_plain_is_the_tasks_text_alone(tmp_path: Path) -> None:
    assert asked(model(tmp_path, LLAMA2, 'prompt = "plain"'))[0] == "問い"


def test_a_model_outside_the_catalog_uses_its_tokenizers(tmp_path: Path) -> None:
    assert asked(model(tmp_path, "mine"))[0] == "T 問い"
    assert "has none for mine" in problem(tmp_path, "mine", 'prompt = "official"')


def test_the_studys_prompt_is_the_official_one_where_it_was(tmp_path: Path) -> None:
    assert model(tmp_path, LLAMA2, 'prompt = "study"').prompt == model(tmp_path, LLAMA2).prompt


@pytest.mark.parametrize(
    ("name", "said"),
    [("youri-7b-chat", "is its own"), ("EvoLLM-JP-v1-7B", "is not known"), ("mine", "is not known")],
)
def test_the_studys_prompt_is_a_problem_where_qtui_does_not_have_it(tmp_path: Path, name: str, said: str) -> None:
    assert said in problem(tmp_path, name, 'prompt = "study"')


def test_a_txt_is_a_format_with_slots_to_the_last_blank(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes(b"{{ 1 }} {system}\r\nQ: {input}\nA: \r\n")
    text, bos = asked(model(tmp_path, "Swallow-7b-instruct-hf", 'prompt = "f.txt"\nsystem = "短く。"'))
    assert text == "{{ 1 }} 短く。\nQ: 問い\nA: "
    assert bos is False  # as the catalog has it for this model


def test_a_format_without_a_place_for_the_task_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("Q: {{ messages[0].content }}")
    assert "has no {input}" in problem(tmp_path, "mine", 'prompt = "f.txt"')


def test_a_format_whose_system_prompt_is_missing_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("{system} {input}")
    assert "there is no system prompt" in problem(tmp_path, "mine", 'prompt = "f.txt"')


def test_any_other_file_is_a_jinja_template_that_writes_its_own_bos(tmp_path: Path) -> None:
    (tmp_path / "f.jinja").write_text("{{ bos_token }}Q: {{ messages[-1].content }}")
    plan = model(tmp_path, "Swallow-7b-instruct-hf", 'prompt = "f.jinja"')
    assert asked(plan, tokenizer_bos=False) == ("Q: 問い", True)


def test_a_file_that_is_not_there_names_the_other_choices(tmp_path: Path) -> None:
    assert "official, tokenizer, plain, study" in problem(tmp_path, "mine", 'prompt = "offical"')


@pytest.mark.parametrize("prompt_line", ["", 'prompt = "tokenizer"', 'prompt = "plain"'])
@pytest.mark.parametrize("bos", [True, False])
def test_an_experiments_word_on_the_bos_goes_before_all_others(tmp_path: Path, prompt_line: str, bos: bool) -> None:
    assert asked(model(tmp_path, LLAMA2, f"{prompt_line}\nbos = {str(bos).lower()}"))[1] is bos


def test_stop_texts_of_experiment_and_catalog_come_together(tmp_path: Path) -> None:
    found = planned(tmp_path, LLAMA2, sampling='stop = ["###", "</s>"]')
    assert found.sampling_of(LLAMA2).stop == ("###", "</s>")
    assert found.sampling.stop == ("###", "</s>")
    assert planned(tmp_path, LLAMA2, sampling='stop = ["###"]').sampling_of(LLAMA2).stop == ("###", "</s>")


def test_a_models_own_stop_texts_go_before_the_catalogs(tmp_path: Path) -> None:
    assert planned(tmp_path, LLAMA2, 'stop = ["\\n\\n"]').sampling_of(LLAMA2).stop == ("\n\n",)
    assert planned(tmp_path, LLAMA2, "stop = []").sampling_of(LLAMA2).stop == ()


def test_stop_texts_are_part_of_what_a_run_is_found_by(tmp_path: Path) -> None:
    assert planned(tmp_path, LLAMA2, "stop = []").plan != planned(tmp_path, LLAMA2).plan


@pytest.mark.parametrize(
    ("encoding", "notes"), [("utf-8-sig", 0), ("cp932", 1), ("utf-16", 1), ("utf-16-le", 1), ("utf-8", 0)]
)
@pytest.mark.parametrize("name", ["f.txt", "f.jinja"])
def test_a_prompt_file_is_the_same_in_every_encoding_and_what_is_not_utf8_is_said(
    tmp_path: Path, name: str, encoding: str, notes: int
) -> None:
    slot = "{input}" if name == "f.txt" else "{{ messages[-1].content }}"
    (tmp_path / name).write_bytes(f"質問です: {slot}\r\n答え:".encode(encoding))
    found = planned(tmp_path, "mine", f'prompt = "{name}"')
    assert asked(found.models[0])[0] == "質問です: 問い\n答え:"
    assert len(found.notes) == notes


def test_a_prompt_file_in_an_unclear_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_bytes("don’t: {input}".encode("cp1252"))
    assert "f.txt:1: not UTF-8" in problem(tmp_path, "mine", 'prompt = "f.txt"')
