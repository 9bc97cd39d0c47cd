"""The small models of each kind, made once per session, and what is heard when an entry of the catalog is run on one."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from qtui import catalog
from qtui.catalog import Entry
from qtui.engines import planning
from qtui.engines.protocol.answering import Answered, Item, Job, Prompt, Request
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.experiment import experiment
from qtui.experiment.experiment import Experiment
from qtui.records import VariantSpec
from tests.loaded_engine import loaded_engine

TASKS = (
    "りんごが五つ、みかんが八つあります。三つ食べると残りはいくつですか。",
    "次の文章を三つの要点に\n\nまとめてください。  [INST] e\u0301 ",
    "空",
)
MAX_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    folder: Path
    gguf: Path | None
    """None where llama.cpp cannot run it."""


@dataclass(frozen=True, slots=True)
class Side:
    """One engine, as the worker drives it: prompts, their token ids, answers."""

    engine: Any
    planned: Any
    prompts: list[Prompt]
    ids: list[list[int]]
    answers: list[Answered]


@pytest.fixture(scope="session")
def kind(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Kind]:
    for package in ("torch", "transformers", "llama_cpp", "gguf", "sentencepiece"):
        pytest.importorskip(package, reason=f'{package} is not installed: pip install "qtui[engines]"')
    home = tmp_path_factory.mktemp("kinds")
    made: dict[str, Kind] = {}

    def of(name: str) -> Kind:
        from qtui.engines.conversion import llama_folder
        from tests.models.tiny_models import MAKERS

        if name not in made:
            folder = MAKERS[name](home / name)
            gguf = None if name == "hopping_mistral" else home / f"{name}-F16.gguf"
            if gguf:
                llama_folder.convert(open_weights(folder), gguf)
            made[name] = Kind(name, folder, gguf)
        return made[name]

    return of


@pytest.fixture
def own_modules(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where transformers copies the code that models bring, in place of the user's cache."""
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))


def kind_of(entry: Entry) -> str:
    """What an entry says that its model is made of, as the name of a small model of the same make."""
    if entry.trust_remote_code:
        return "hopping_mistral"
    if entry.architecture != "LlamaForCausalLM":
        return {"MistralForCausalLM": "mistral", "MixtralForCausalLM": "mixtral"}[entry.architecture]
    if "GPTNeoX" in entry.tokenizer:
        return "neox_llama"
    return "extended_llama" if (entry.vocab_size or 0) > 32000 else "llama"


def written(folder: Path, entry: Entry, of: Kind, model: str = "") -> Experiment:
    """An experiment on the entry, by its name, with the small model's weights; `model` are more lines of its table."""
    tasks = folder / "tasks.jsonl"
    tasks.write_text("".join(json.dumps({"input": text}) + "\n" for text in TASKS))
    variants = [("FP16", "transformers", of.folder, f"trust_remote_code = {str(entry.trust_remote_code).lower()}")]
    if of.gguf:
        variants.append(("F16", "llama.cpp", of.gguf, ""))
    text = f'name = "e"\ntasks = "{tasks}"\n[sampling]\nmax_tokens = {MAX_TOKENS}\n'
    text += f'[[models]]\nname = "{entry.name}"\n{model}\n'
    for name, engine, weights, more in variants:
        text += (
            f'[[models.variants]]\nname = "{name}"\nengine = "{engine}"\nweights = "{weights}"\nthreads = 1\n{more}\n'
        )
    return experiment.parse(text, folder / "e.toml")


def heard(asked: Experiment, variant: VariantSpec) -> Side:
    items = [Item(number, 0, task.input) for number, task in enumerate(asked.task_set.tasks, 1)]
    sampling = asked.sampling_of(variant.model)
    plan = planning.plan(Job(variant, sampling, asked.models[0].prompt, items), WeightsFinder(nothing))
    assert plan.weights
    requests = [Request(number, prompt, sampling) for number, prompt in enumerate(plan.prompts)]
    engine = loaded_engine(variant, plan.weights.path, requests)
    answers = [each for each in engine.answer(requests) if isinstance(each, Answered)]
    ids = [engine.prompts[number] for number in range(len(requests))]
    return Side(engine, plan.planned, plan.prompts, ids, sorted(answers, key=lambda each: each.index))


def nothing(_: object) -> None:
    pass


ENTRIES = {entry.name: entry for entry in catalog.entries()}
