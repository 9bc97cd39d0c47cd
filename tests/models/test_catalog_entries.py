"""Every entry of the catalog on both engines, through its own prompt, a small random model of the same make for its weights."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qtui.catalog import Entry
from qtui.engines.weights.weights import open_weights
from qtui.experiment import experiment
from qtui.experiment.experiment import Experiment
from tests.engines.conversion.test_llama_folder import logits_of_llama
from tests.models.conftest import ENTRIES, MAX_TOKENS, TASKS, Kind, Side, heard, kind_of, written

Sides = tuple[Experiment, list[Side]]


@pytest.fixture(scope="module")
def known() -> dict[str, Sides]:
    return {}


@pytest.fixture(params=ENTRIES)
def entry(request: pytest.FixtureRequest) -> Entry:
    return ENTRIES[request.param]


@pytest.fixture
def sides(
    entry: Entry,
    kind: Callable[[str], Kind],
    known: dict[str, Sides],
    tmp_path: Path,
    own_modules: None,
) -> Sides:
    """The entry run once, whatever tests look at it."""
    if entry.name not in known:
        asked = written(tmp_path, entry, kind(kind_of(entry)))
        known[entry.name] = (asked, [heard(asked, variant) for variant in asked.variants])
    return known[entry.name]


def test_both_engines_get_the_same_tokens(sides: Sides) -> None:
    ids = [side.ids for side in sides[1]]
    assert all(each == ids[0] for each in ids)
    assert len({side.planned.prompt_hash for side in sides[1]}) == 1


def test_there_is_one_bos_or_none_as_the_entry_says(entry: Entry, sides: Sides) -> None:
    for side in sides[1]:
        bos = sides[1][0].engine.tokenizer.library.bos_token_id
        assert [ids.count(bos) for ids in side.ids] == [int(bool(entry.bos))] * len(TASKS)
        assert all((ids[0] == bos) is entry.bos for ids in side.ids)


def test_the_prompt_is_the_one_of_its_card_to_the_last_blank(entry: Entry, sides: Sides) -> None:
    form = entry.prompt if entry.system else entry.prompt_without_system or entry.prompt
    assert form
    expected = form.replace("{system}", entry.system or "").replace("{input}", TASKS[0])
    assert sides[1][0].prompts[0].text == expected


def test_logits_of_the_f16_file_are_those_of_float32_transformers(sides: Sides) -> None:
    import torch

    hub, *llama = sides[1]
    ids = max(hub.ids, key=len)
    with torch.inference_mode():
        expected = hub.engine.model(torch.tensor([ids]), use_cache=False).logits[0].numpy()
    assert np.isfinite(expected).all()
    for side in llama:
        assert np.abs(logits_of_llama(side.engine.model.path, ids) - expected).max() < 1e-2


def test_every_task_is_answered(sides: Sides) -> None:
    for side in sides[1]:
        assert [answer.index for answer in side.answers] == list(range(len(TASKS)))
        assert all(answer.completion_tokens == MAX_TOKENS or answer.finish_reason == "stop" for answer in side.answers)


def test_its_stop_texts_are_among_the_conditions_of_both_sides(entry: Entry, sides: Sides) -> None:
    asked = sides[0]
    assert entry.stop
    assert asked.sampling_of(entry.name).stop == entry.stop
    assert all(stop in asked.sampling_of(entry.name).conditions() for stop in entry.stop)


def test_without_a_system_prompt_its_block_goes_too(entry: Entry, kind: Callable[[str], Kind], tmp_path: Path) -> None:
    asked = written(tmp_path, entry, kind(kind_of(entry)), 'system = ""')
    assert asked.models[0].prompt.system is None
    side = planned(asked)
    form = entry.prompt_without_system or entry.prompt or ""
    assert side == form.replace("{input}", TASKS[0])


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_its_name_is_enough_to_find_its_weights(entry: Entry, engine: str, tmp_path: Path) -> None:
    if engine == "llama.cpp" and not entry.gguf_repo:
        pytest.skip("has no GGUF file: a model may have one side alone")
    (tmp_path / "tasks.jsonl").write_text('{"input": "問い"}\n')
    text = (
        f'name = "e"\ntasks = "tasks.jsonl"\n[[models]]\nname = "{entry.name}"\n[[models.variants]]\nname = "only"\n'
        f'engine = "{engine}"\nweights = "{entry.name}"\ntrust_remote_code = {str(entry.trust_remote_code).lower()}\n'
    )
    (variant,) = experiment.parse(text, tmp_path / "e.toml").variants
    assert variant.weights == (entry.hf_repo if engine == "transformers" else f"{entry.gguf_repo}:{entry.gguf_file}")


def planned(asked: Experiment) -> str:
    from qtui.engines.prompts import rendering

    source = asked.models[0].prompt
    form = open_weights(Path(asked.variants[0].weights)).prompt_format
    (made,) = rendering.render([TASKS[0]], form, template=source.template, system=source.system, bos=source.bos)
    return made.text
