"""The catalog's file: facts as the sources have them, and what is said of a user's own that is wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from qtui import catalog, paths, prompt_slots
from qtui.engines.prompts import rendering
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.errors import UserError

FACTS = (
    "hf_repo", "family", "parameters", "parameter_count", "context_length", "vocab_size", "license", "base_model", "tokenizer",
    "training_method",
)  # fmt: skip
IN_OTHER_WORDS = ("pretraining_data", "pretraining_tokens", "finetuning_data")
BOS = {
    "tokenizer must add it": True,
    "template text contains <s>": True,
    "no BOS in the reference use": False,
}


@pytest.fixture
def reference(shared: Path) -> dict[str, dict[str, Any]]:
    file = shared / "reference" / "models.toml"
    return {model["name"]: model for model in tomllib.loads(file.read_text(encoding="utf-8"))["model"]}


def test_the_fourteen_models_are_there_in_the_order_of_the_study(reference: dict[str, dict[str, Any]]) -> None:
    assert catalog.names() == list(reference)


def test_facts_are_those_of_the_sources(reference: dict[str, dict[str, Any]]) -> None:
    for entry in catalog.entries():
        known = reference[entry.name]
        assert {key: getattr(entry, key) for key in FACTS} == {key: known[key] for key in FACTS}
        assert known["architecture"].startswith(entry.architecture)
        assert list(entry.stop) == known["stop_strings"]
        assert entry.bos is BOS[known["adds_bos"]]
        for key in IN_OTHER_WORDS:
            told = known[key].startswith(("N/A", "none of its own"))
            assert told or getattr(entry, key) == known[key]


def test_gguf_files_are_those_of_the_sources_or_absent(reference: dict[str, dict[str, Any]]) -> None:
    for entry in catalog.entries():
        known = reference[entry.name]
        there = known["gguf_bytes"] > 0
        found = (entry.gguf_repo, entry.gguf_file, entry.gguf_bytes)
        expected = (known["gguf_repo"], known["gguf_file"], known["gguf_bytes"])
        assert found == (expected if there else (None, None, None))


def test_prompts_are_those_of_the_cards_without_the_bos(reference: dict[str, dict[str, Any]]) -> None:
    for entry in catalog.entries():
        official = reference[entry.name]["prompt_official"].removeprefix("<s>")
        official = official.replace("{instruction}\n\n", "")  # one question: one slot
        assert entry.prompt == ("{input}" if official.startswith("none") else official)
        without = reference[entry.name].get("prompt_official_without_system", "").removeprefix("<s>")
        assert not without or entry.prompt_without_system == without
        if entry.system:
            assert entry.system == reference[entry.name]["system_prompt_official"]


def test_no_prompt_of_the_study_is_in_the_catalog_but_where_it_is_the_cards(
    reference: dict[str, dict[str, Any]],
) -> None:
    text = (paths.data() / "models.toml").read_text(encoding="utf-8")
    for entry in catalog.entries():
        of_study = reference[entry.name]["prompt_article"]
        official = (entry.prompt or "").replace("{system}", entry.system or "")
        expected = "unknown" if of_study == "unknown" else "own"
        if of_study.removeprefix("<s>") == official:
            expected = "official"
        assert entry.study_prompt == expected
        if expected == "own":
            assert of_study.replace("\n", "\\n") not in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('stop = "</s>"', 'stop: "</s>" is not valid: should be a list of texts'),
        ('context_length = "4096"', 'context_length: "4096" is not valid: should be a whole number'),
        ("bos = 1", "bos: 1 is not valid: should be true or false"),
        ('study_prompt = "mine"', 'should be "official" or "own" or "unknown"'),
        ('promt = "{input}"', "promt: no such key; did you mean prompt?"),
        ('prompt = "USER: "', "prompt: has no {input}"),
        ('prompt = "{system} {input}"\nprompt_without_system = "{system}{input}"', "has {system}"),
        ('prompt = "{input}"\nsystem = "短く。"', "system: the prompt has no {system} for it"),
    ],
)
def test_what_is_wrong_in_a_users_own_is_named_with_line_and_key(line: str, said: str) -> None:
    own = paths.user_catalog()
    own.parent.mkdir(parents=True)
    own.write_text(f'[[model]]\nname = "m"\nhf_repo = "o/m"\n{line}\n')
    with pytest.raises(UserError) as caught:
        catalog.entries()
    assert said in str(caught.value)
    number = 5 if line.count("\n") else 4
    assert f"models.toml:{number}: " in str(caught.value)


@pytest.mark.parametrize("text", ["model = 5\n", "model = [1]\n", "[model]\nname = 'a'\n", "model = [[]]\n"])
def test_a_list_of_models_that_is_none_is_named_with_its_line(text: str) -> None:
    paths.user_catalog().parent.mkdir(parents=True, exist_ok=True)
    paths.user_catalog().write_text(text)
    with pytest.raises(UserError, match=r"models\.toml:1: model: .* is not valid; write entries as \[\[model\]\]\.$"):
        catalog.entries()


def test_a_users_own_entry_replaces_one_of_the_same_name() -> None:
    own = paths.user_catalog()
    own.parent.mkdir(parents=True)
    own.write_text('[[model]]\nname = "calm2-7b-chat"\nhf_repo = "me/mine"\n')
    found = catalog.find("calm2-7b-chat")
    assert found
    assert found.hf_repo == "me/mine"
    assert len(catalog.entries()) == 14


@pytest.mark.parametrize(
    "form",
    ["{system}|{input}\n", "\n  {system}\n{input}  ", "{{ x }}{% if %}{# #}{system}{input}", "{system}\r\n{input}\n\n"],
)
@pytest.mark.parametrize("without", ["{input}", "  {input}\n", "\n{input} {%+ x"])
def test_a_format_is_taken_to_the_letter(form: str, without: str) -> None:
    template = prompt_slots.template(form, without)
    (both,) = rendering.render(["問い"], PromptFormat("m"), template=template, system="役割")
    (alone,) = rendering.render(["問い"], PromptFormat("m"), template=template)
    assert both.text == form.replace("{system}", "役割").replace("{input}", "問い")
    assert alone.text == without.replace("{input}", "問い")


@pytest.mark.parametrize("form", ["{input}", "{input}\n", "{input}\n\n", "  {input} \r\n"])
def test_a_format_without_a_system_prompt_is_taken_to_the_letter(form: str) -> None:
    (made,) = rendering.render(["{{ 1 }}"], PromptFormat("m"), template=prompt_slots.template(form))
    assert made.text == form.replace("{input}", "{{ 1 }}")


@pytest.mark.parametrize("encoding", ["cp932", "utf-16", "euc_jp"])
def test_a_users_own_that_is_not_utf8_is_named_with_its_line(encoding: str) -> None:
    own = paths.user_catalog()
    own.parent.mkdir(parents=True)
    own.write_bytes('[[model]]\n# 夜の色\nname = "m"\n'.encode(encoding))
    with pytest.raises(
        UserError, match=r"models\.toml:\d: is not UTF-8 \(byte \d+ of the file\)\. Save the file as UTF-8\."
    ):
        catalog.entries()
