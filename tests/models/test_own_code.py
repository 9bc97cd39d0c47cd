"""Models that bring Python code of their own: run where the experiment asks for it, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qtui.engines.protocol.answering import Answered, Prompt, Request
from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.records import Sampling
from tests.engines.conftest import variant
from tests.loaded_engine import loaded_engine
from tests.models.conftest import Kind

ASKED = "EvoLLM-JP-v1-10B"


def requests(count: int = 3, tokens: int = 10) -> list[Request]:
    texts = [f"[INST] 質問{'です' * number} [/INST]" for number in range(count)]
    return [Request(n, Prompt(text, bos=True), Sampling(max_tokens=tokens)) for n, text in enumerate(texts)]


def test_unasked_it_is_refused_and_its_files_are_named(kind: Callable[[str], Kind], own_modules: None) -> None:
    folder = kind("hopping_mistral").folder
    with pytest.raises(UserError, match=r"modeling_hopping\.py.*trust_remote_code = true"):
        loaded_engine(variant("transformers", folder, "FP16"), folder, requests())


def test_unasked_nothing_of_it_runs(kind: Callable[[str], Kind], tmp_path: Path, own_modules: None) -> None:
    import shutil

    folder = tmp_path / "trap"
    shutil.copytree(kind("hopping_mistral").folder, folder)
    code = folder / "modeling_hopping.py"
    code.write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n" + code.read_text())
    with pytest.raises(UserError):
        loaded_engine(variant("transformers", folder, "FP16"), folder, requests())
    assert not (tmp_path / "ran").exists()


def test_answers_are_those_of_its_own_forward_pass(kind: Callable[[str], Kind], own_modules: None) -> None:
    """It refuses a cache, so that each step is a pass over the whole text; and its answers end at different steps."""
    import torch

    folder = kind("hopping_mistral").folder
    asked = [Request(n, each.prompt, Sampling(max_tokens=4 + 3 * n)) for n, each in enumerate(requests())]
    engine = loaded_engine(variant("transformers", folder, "FP16", trust_remote_code=True), folder, asked)
    assert type(engine.model).__name__ == "HoppingMistralForCausalLM"
    found = {each.index: each for each in engine.answer(asked) if isinstance(each, Answered)}
    for request in asked:
        ids = list(engine.prompts[request.index])
        for _ in range(found[request.index].completion_tokens):
            with torch.inference_mode():
                ids.append(int(engine.model(torch.tensor([ids])).logits[0, -1].argmax()))
        said = b"".join(map(engine.tokenizer.piece, ids[len(engine.prompts[request.index]) :]))
        assert found[request.index].text == said.decode(errors="replace")
        assert found[request.index].completion_tokens == request.sampling.max_tokens


def test_left_over_settings_of_training_cost_a_library_model_no_cache(
    kind: Callable[[str], Kind], tmp_path: Path
) -> None:
    import shutil

    from tests.models.tiny_models import change_config

    folder = tmp_path / "llama"
    shutil.copytree(kind("llama").folder, folder)
    change_config(folder, use_cache=False)
    engine = loaded_engine(variant("transformers", folder, "FP16"), folder, requests())
    assert engine.cache_use.has_cache


def problem(tmp_path: Path, engine: str, more: str = "") -> str:
    (tmp_path / "tasks.jsonl").write_text('{"input": "問い"}\n')
    text = (
        f'name = "e"\ntasks = "tasks.jsonl"\n[[models]]\nname = "{ASKED}"\n[[models.variants]]\nname = "FP16"\n'
        f'engine = "{engine}"\nweights = "{ASKED}"\n{more}\n'
    )
    with pytest.raises(UserError) as caught:
        experiment.parse(text, tmp_path / "e.toml")
    return str(caught.value)


def test_an_experiment_that_does_not_ask_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    assert "SakanaAI/EvoLLM-JP-v1-10B" in problem(tmp_path, "transformers")
    assert "trust_remote_code = true" in problem(tmp_path, "transformers")


def test_llama_cpp_is_refused_asked_or_not(tmp_path: Path) -> None:
    assert "needs the Python code in its repository, which llama.cpp cannot run" in problem(
        tmp_path, "llama.cpp", "trust_remote_code = true"
    )
