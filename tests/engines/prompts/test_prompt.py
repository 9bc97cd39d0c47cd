import json
from pathlib import Path

import pytest

from qtui.engines.prompts import rendering
from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError

WITH_BOS = "{{ bos_token }}[INST] {{ messages[-1]['content'] }} [/INST]"
WITHOUT_BOS = "[INST] {{ messages[-1]['content'] }} [/INST]"


def form(template: str | None = None, *, adds_bos: bool = True) -> PromptFormat:
    return PromptFormat(source="tiny", template=template, bos_token="<s>", eos_token="</s>", adds_bos=adds_bos)


@pytest.mark.parametrize(
    ("template", "adds_bos", "expected"),
    [(WITH_BOS, True, True), (WITH_BOS, False, True), (WITHOUT_BOS, True, True), (WITHOUT_BOS, False, False)],
)
def test_one_bos_however_template_and_tokenizer_share_the_work(template: str, adds_bos: bool, expected: bool) -> None:
    (made,) = rendering.render(["問い"], form(template, adds_bos=adds_bos))
    assert (made.text, made.bos) == ("[INST] 問い [/INST]", expected)


def test_a_bos_that_is_written_several_times_is_still_one() -> None:
    (made,) = rendering.render(["<s>問い"], form("{{ bos_token }}{{ bos_token }}{{ messages[0]['content'] }}"))
    assert made == Prompt("問い", bos=True)


@pytest.mark.parametrize("template", [WITH_BOS, WITHOUT_BOS, ""])
@pytest.mark.parametrize("adds_bos", [True, False])
@pytest.mark.parametrize("wanted", [True, False])
def test_a_source_that_decides_on_the_bos_goes_before_template_and_tokenizer(
    template: str, adds_bos: bool, wanted: bool
) -> None:
    (made,) = rendering.render(["<s>問い"], form(adds_bos=adds_bos), template=template, bos=wanted)
    assert made.bos is wanted
    assert not made.text.startswith("<s>")


def test_without_a_template_the_input_is_the_prompt() -> None:
    inputs = ["  空白と\n改行 ", "{{ 7 * 7 }}", "[/INST]"]
    assert [made.text for made in rendering.render(inputs, form())] == inputs


def test_an_empty_template_means_the_input_as_it_is() -> None:
    (made,) = rendering.render(["問い"], form(WITH_BOS), template="")
    assert made.text == "問い"


def test_the_given_template_goes_before_the_models() -> None:
    (made,) = rendering.render(["問い"], form(WITH_BOS), template="Q: {{ messages[0]['content'] }}\nA:")
    assert made.text == "Q: 問い\nA:"


def test_the_system_prompt_is_the_first_message() -> None:
    template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}"
    (made,) = rendering.render(["問い"], form(template), system="役割")
    assert made.text == "<system>役割<user>問い"


def test_a_system_prompt_without_a_template_is_an_error() -> None:
    with pytest.raises(UserError, match="needs a chat template"):
        rendering.render(["問い"], form(), system="役割")


def test_templates_find_what_transformers_gives_them() -> None:
    template = (
        "{%- for m in messages %}\n    {%- if loop.first %}{% generation %}{{ m['content'] | tojson }}{% endgeneration %}"
        "{%- endif %}{% continue %}{%- endfor %}{{ strftime_now('%Y') | length }}{% if add_generation_prompt %}A{% endif %}"
    )
    (made,) = rendering.render(['"問"'], form(template))
    assert made.text == '"\\"問\\""4A'


def test_a_broken_template_names_its_line() -> None:
    with pytest.raises(UserError, match="broken at line 2"):
        rendering.render(["問い"], form("first\n{% if %}"))


def test_a_template_that_refuses_says_why() -> None:
    with pytest.raises(UserError, match="no system role here"):
        rendering.render(["問い"], form("{{ raise_exception('no system role here') }}"))


def test_a_template_cannot_leave_the_sandbox() -> None:
    with pytest.raises(UserError, match="rejects"):
        rendering.render(["問い"], form("{{ ''.__class__.__mro__[1].__subclasses__() }}"))


def folder(tmp_path: Path, **files: object) -> Path:
    for name, content in files.items():
        suffix = "jinja" if isinstance(content, str) else "json"
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    return tmp_path


def test_a_template_file_goes_before_the_tokenizers_settings(tmp_path: Path) -> None:
    found = open_weights(
        folder(tmp_path, chat_template="from file", tokenizer_config={"chat_template": "from settings"})
    ).prompt_format
    assert found.template == "from file"


def test_of_named_templates_the_default_is_taken(tmp_path: Path) -> None:
    templates = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    assert (
        open_weights(folder(tmp_path, tokenizer_config={"chat_template": templates})).prompt_format.template == "plain"
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"tokenizer_class": "LlamaTokenizer"}, True),
        ({"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": False}, False),
        ({"tokenizer_class": "GPTNeoXTokenizerFast", "bos_token": "<s>"}, False),
        ({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": {"content": "<s>"}, "add_bos_token": True}, True),
    ],
)
def test_whether_a_tokenizer_adds_a_bos(tmp_path: Path, settings: dict[str, object], expected: bool) -> None:
    assert open_weights(folder(tmp_path, tokenizer_config=settings)).prompt_format.adds_bos is expected


def test_a_post_processor_that_adds_the_bos_is_seen(tmp_path: Path) -> None:
    single = [{"SpecialToken": {"id": "<|begin|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    files = {
        "tokenizer": {
            "post_processor": {"type": "Sequence", "processors": [{"type": "TemplateProcessing", "single": single}]}
        },
        "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin|>"},
    }
    assert open_weights(folder(tmp_path, **files)).prompt_format.adds_bos is True


def test_settings_that_are_no_json_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text("{oops")
    with pytest.raises(UserError, match=r"tokenizer_config\.json"):
        _ = open_weights(tmp_path).prompt_format


def test_a_gguf_and_its_folder_give_the_same_prompts(spm: Path, spm_gguf: Path) -> None:
    of_folder = rendering.render(["問い"], open_weights(spm).prompt_format, system="役割")
    of_file = rendering.render(["問い"], open_weights(spm_gguf).prompt_format, system="役割")
    assert [(made.text, made.bos) for made in of_folder] == [(made.text, made.bos) for made in of_file]
    assert of_folder[0].bos
