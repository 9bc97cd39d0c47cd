"""An answer's key changes with everything that decides the answer, and with nothing else."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qtui.engines import available, planning
from qtui.engines.protocol.answering import Item, Job
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.records import EngineName, PromptSource, Sampling
from tests.engines.conftest import job, variant


def key(asked: Job, item: int = 0) -> str:
    return planning.plan(asked, WeightsFinder(lambda _: None)).planned.keys[item]


@pytest.fixture
def asked(spm_gguf: Path) -> Job:
    return job(variant("llama.cpp", spm_gguf, "F16"))


def changed(asked: Job, **fields: Any) -> Job:
    values: dict[str, Any] = {
        "variant": asked.variant,
        "sampling": asked.sampling,
        "prompt": asked.prompt,
        "items": asked.items,
    }
    return Job(**(values | fields))


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_tokens=13),
        Sampling(max_tokens=12, temperature=0.5),
        Sampling(max_tokens=12, top_p=0.9),
        Sampling(max_tokens=12, top_k=40),
        Sampling(max_tokens=12, min_p=0.1),
        Sampling(max_tokens=12, repetition_penalty=1.1),
        Sampling(max_tokens=12, seed=43),
        Sampling(max_tokens=12, stop=("。",)),
    ],
)
def test_changes_with_the_sampling(asked: Job, sampling: Sampling) -> None:
    assert key(changed(asked, sampling=sampling)) != key(asked)


@pytest.mark.parametrize("fields", [{"slots": 5}, {"context": 300}])
def test_changes_with_the_batch(asked: Job, fields: dict[str, Any]) -> None:
    assert key(changed(asked, variant=replace(asked.variant, **fields))) != key(asked)


@pytest.mark.parametrize(("temperature", "slots"), [(0.0, None), (0.0, 1), (0.7, None), (0.7, 1)])
def test_a_noise_floor_shares_no_answer_with_its_baseline(
    spm_gguf: Path, tmp_path: Path, temperature: float, slots: int | None
) -> None:
    (tmp_path / "tasks.jsonl").write_text('{"input": "a"}\n{"input": "b"}\n')
    lines = ["engine = 'llama.cpp'", f"weights = '{spm_gguf}'", *([f"slots = {slots}"] if slots else [])]
    asked = experiment.parse(
        f"name = 'e'\ntasks = 'tasks.jsonl'\n[sampling]\ntemperature = {temperature}\nsamples = {3 if temperature else 1}\n"
        "[[models]]\nname = 'm'\nnoise_floor = true\n[[models.variants]]\nname = 'F16'\n" + "\n".join(lines),
        tmp_path / "e.toml",
    )
    keys: list[str] = []
    for spec in asked.variants:
        items = [Item(1, sample, "a") for sample in range(asked.sampling.samples)]
        whole = Job(spec, asked.sampling_for(spec), asked.models[0].prompt, items)
        keys += planning.plan(whole, WeightsFinder(lambda _: None)).planned.keys
    assert len(keys) == len(set(keys)) == 2 * asked.sampling.samples


def test_slots_that_are_not_named_are_those_of_the_device(asked: Job) -> None:
    of_device = key(changed(asked, variant=replace(asked.variant, slots=None)))
    assert available.accelerator("llama.cpp") != "cpu" or of_device == key(
        changed(asked, variant=replace(asked.variant, slots=16))
    )
    assert of_device != key(changed(asked, variant=replace(asked.variant, slots=8)))


@pytest.mark.parametrize("prompt", [PromptSource(template="{{ messages[0].content }}"), PromptSource(system="役割")])
def test_changes_with_the_rendered_prompt(asked: Job, prompt: PromptSource) -> None:
    assert key(changed(asked, prompt=prompt)) != key(asked)


def test_changes_with_the_engine_and_its_version(asked: Job, spm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(asked)
    assert key(job(variant("transformers", spm, "FP16"))) != before
    monkeypatch.setattr(available, "version_of", lambda engine: "llama-cpp-python 99")
    assert key(asked) != before


def test_changes_with_the_weights(asked: Job, spm_gguf: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    data = bytearray(spm_gguf.read_bytes())
    data[-1] ^= 1
    other.write_bytes(data)
    assert key(changed(asked, variant=replace(asked.variant, weights=str(other)))) != key(asked)


def test_changes_with_the_type_that_is_made_of_a_folder(spm: Path) -> None:
    keys = [key(job(variant("llama.cpp", spm, name))) for name in ("Q4_K_M", "Q2_K", "F16")]
    assert len(set(keys)) == 3


def test_does_not_change_with_names_order_threads_or_how_many_samples(
    asked: Job, spm_gguf: Path, tmp_path: Path
) -> None:
    before = key(asked, 3)
    copy = tmp_path / "renamed.gguf"
    shutil.copy(spm_gguf, copy)
    spec = replace(asked.variant, model="m", name="n", precision="p", weights=str(copy), threads=2, role="baseline")
    assert key(changed(asked, variant=spec), 3) == before
    assert key(changed(asked, sampling=replace(asked.sampling, samples=1)), 3) == before
    assert key(changed(asked, items=asked.items[3:4])) == before


def test_does_not_change_with_another_name_of_the_same_precision(spm: Path) -> None:
    assert key(job(variant("llama.cpp", spm, "fp16"))) == key(job(variant("llama.cpp", spm, "F16")))
    assert key(job(variant("transformers", spm, "float16"))) == key(job(variant("transformers", spm, "FP16")))


def test_samples_of_one_task_have_keys_of_their_own(asked: Job) -> None:
    items = [replace_sample(asked, sample) for sample in range(3)]
    planned = planning.plan(
        changed(asked, items=items, sampling=Sampling(temperature=1.0, samples=3)), WeightsFinder(lambda _: None)
    )
    assert len(set(planned.planned.keys)) == 3


def test_an_endpoint_is_known_by_its_address_and_model() -> None:
    def of(**fields: Any) -> str:
        return key(job(variant("openai", "model", base_url="http://127.0.0.1:1/v1", **fields)))

    assert of() == of(api_key_env="OTHER_KEY")
    assert of() != key(job(variant("openai", "model", base_url="http://127.0.0.1:2/v1")))
    assert of() != key(job(variant("openai", "other", base_url="http://127.0.0.1:1/v1")))


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"max_tokens": 0}, "max_tokens"), ({"repetition_penalty": 0.0}, "repetition"), ({"top_p": 0.0}, "top_p")],
)
def test_settings_that_mean_nothing_are_errors_before_anything_is_loaded(
    asked: Job, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        key(changed(asked, sampling=Sampling(**settings)))


def replace_sample(asked: Job, sample: int) -> Any:
    import msgspec

    return msgspec.structs.replace(asked.items[0], sample=sample)


def test_keys_of_models_that_were_computed_right_are_as_before(spm: Path, needs_engines: None) -> None:
    hub, llama = variant("transformers", spm, "F32"), variant("llama.cpp", spm, "Q4_K_M")
    assert planning.how_computed(hub, open_weights(spm), "1.0", "cpu") == ["1.0", "cpu", "float32", False]
    assert planning.how_computed(llama, open_weights(spm), "1.0", "cpu") == ["1.0", "cpu", "Q4_K_M", 1]


@pytest.mark.parametrize(
    ("engine", "file", "changes", "value"),
    [
        ("transformers", "config.json", {"model_type": "mamba"}, "state is kept"),
        ("llama.cpp", "config.json", {"model_type": "deepseek_v3"}, {"scoring_func": "sigmoid"}),
        (
            "transformers",
            "tokenizer_config.json",
            {"added_tokens_decoder": {"300": {"content": "<|channel|>", "special": True}}},
            "markers are text",
        ),
    ],
)
def test_answers_that_an_earlier_version_gave_wrongly_are_computed_again(  # noqa: PLR0917
    spm: Path, tmp_path: Path, engine: EngineName, file: str, changes: dict[str, Any], value: object
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(spm, folder)
    settings = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(settings | changes))
    assert value in planning.how_computed(variant(engine, folder, "F32"), open_weights(folder), "1.0", "cpu")


def test_that_llama_cpp_splits_a_unigram_models_texts_otherwise_is_a_note(tmp_path: Path, needs_engines: None) -> None:
    from tests.zoo import checkpoint
    from tests.zoo.kinds import KINDS

    (kind,) = (each for each in KINDS if each.name == "Sarashina 2")
    checkpoint.write(kind, tmp_path / "model")
    asked = {engine: job(variant(engine, tmp_path / "model", "F32")) for engine in ("llama.cpp", "transformers")}
    notes = {
        engine: planning.plan(each, WeightsFinder(lambda _: None)).planned.facts.compute_notes
        for engine, each in asked.items()
    }
    assert any("may have other tokens" in note for note in notes["llama.cpp"] or ())
    assert not any("may have other tokens" in note for note in notes["transformers"] or ())
