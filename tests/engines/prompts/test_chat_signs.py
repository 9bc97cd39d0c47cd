"""A model trained for chat that is asked with the bare tasks: known by its name or its end tokens, said, and a guard."""

import json
import shutil
from pathlib import Path

import pytest

from qtui.engines import planning
from qtui.engines.prompts.chat_signs import why_chat
from qtui.engines.weights.finding import WeightsFinder
from qtui.records import PromptSource
from qtui.variant_facts import VariantFacts
from tests.engines.conftest import job, variant


@pytest.mark.parametrize(
    "name",
    ["Llama-3.1-8B-Instruct", "calm2-7b-chat", "ELYZA-japanese-Llama-2-7b-instruct", "gemma-3-4b-it", "OLMo-2-7B-SFT",
     "youri-7b-chat", "tulu-3-8b", "model-instruct-Q4_K_M.gguf", "Swallow-7b-instruct-v0.1", "gemma-2-2b-it-Q8_0"],
)  # fmt: skip
def test_names_of_models_trained_for_chat(name: str) -> None:
    assert name in why_chat([name], ())


@pytest.mark.parametrize(
    "name", ["Llama-3.1-8B", "Swallow-7b-hf", "gemma-2-2b", "structchat2", "chatter", "it", "digit-7b", "Qwen2.5-7B"]
)
def test_names_of_other_models(name: str) -> None:
    assert why_chat([name], ("</s>", "<|endoftext|>")) == ""


@pytest.mark.parametrize("end", ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"])
def test_an_end_token_that_ends_a_turn(end: str) -> None:
    assert end in why_chat(["a"], ("</s>", end))


def facts(folder: Path, prompt: PromptSource | None = None) -> VariantFacts:
    asked = job(variant("llama.cpp", folder, "Q8_0"), prompt=prompt)
    return planning.plan(asked, WeightsFinder(lambda _: None)).planned.facts


def test_it_is_a_fact_and_a_note_unless_the_experiment_wants_bare_tasks(bpe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tiny-instruct"
    shutil.copytree(bpe, folder)
    assert facts(bpe).asked_bare is None
    found = facts(folder)
    assert found.asked_bare
    assert "no chat template" in found.notes[-1]
    assert facts(folder, PromptSource(template="")).asked_bare is None
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": "{{ messages[0].content }}"}))
    assert facts(folder).asked_bare is None
