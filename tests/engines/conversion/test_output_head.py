"""The GGUF file has the output head that transformers computes with, whatever `tie_word_embeddings` says."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qtui.engines import planning
from qtui.engines.conversion import clean_folder, converted_head, llama_folder
from qtui.engines.weights import gguf_file
from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.conftest import job, variant
from tests.engines.conversion.test_llama_folder import logits_of_llama, logits_of_transformers

HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
Change = Callable[[dict[str, Any]], None]


def changed(source: Path, target: Path, change: Change, *, tied: bool) -> Path:
    """`source` with other tensors, and another word in the config."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(source, target)
    tensors = load_file(target / "model.safetensors")
    change(tensors)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | {"tie_word_embeddings": tied}))
    return target


def drop_head(tensors: dict[str, Any]) -> None:
    del tensors[HEAD]


def head_as_embedding(tensors: dict[str, Any]) -> None:
    tensors[HEAD] = tensors[EMBEDDING].copy()


def drop_embedding(tensors: dict[str, Any]) -> None:
    del tensors[EMBEDDING]


def keep(_: dict[str, Any]) -> None:
    pass


def names(file: Path) -> set[str]:
    return {tensor.name for tensor in gguf_file.read_tensors(gguf_file.read_header(file))}


@pytest.mark.parametrize(
    ("change", "tied", "shown"),
    [
        (keep, True, (True, True)),
        (keep, False, (True, False)),
        (head_as_embedding, True, (False, False)),
        (head_as_embedding, False, (True, False)),
        (drop_head, True, (False, False)),
        (drop_embedding, True, (False, False)),
    ],
)
def test_both_engines_use_the_same_head(
    spm: Path, tmp_path: Path, change: Change, tied: bool, shown: tuple[bool, bool]
) -> None:
    """`shown`: whether the GGUF file has a head of its own, and whether a difference to the config is said."""
    has_head, is_said = shown
    weights = open_weights(changed(spm, tmp_path / "m", change, tied=tied))
    llama_folder.convert(weights, tmp_path / "m.gguf")
    ids, expected = logits_of_transformers(weights.path)
    assert np.abs(logits_of_llama(tmp_path / "m.gguf", ids) - expected).max() < 2e-2
    assert ("output.weight" in names(tmp_path / "m.gguf")) is has_head
    assert any("differs from the embedding" in note for note in weights.notes) is is_said


@pytest.mark.parametrize(("change", "words"), [(drop_head, "output head is missing"), (drop_embedding, "embed_tokens")])
def test_a_head_that_is_missing_is_an_error_and_not_the_embedding(
    spm: Path, tmp_path: Path, change: Change, words: str
) -> None:
    weights = open_weights(changed(spm, tmp_path / "m", change, tied=False))
    with pytest.raises(UserError, match=words):
        llama_folder.convert(weights, tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()


def test_a_head_that_the_config_denies_is_said_in_the_facts_and_a_value_of_the_key(spm: Path, tmp_path: Path) -> None:
    finder = WeightsFinder(lambda _: None)
    folder = changed(spm, tmp_path / "m", keep, tied=True)
    facts = planning.plan(job(variant("llama.cpp", folder)), finder).planned.facts
    assert facts.weight_notes
    assert "differs from the embedding" in facts.notes[-1]
    values = [
        planning.how_computed(variant("llama.cpp", each), open_weights(each), "0", "cpu") for each in (spm, folder)
    ]
    assert len(values[0]) + 1 == len(values[1])


def test_a_converter_that_leaves_the_head_out_is_found_out(spm: Path, tmp_path: Path) -> None:
    """As llama.cpp's converter does for architectures whose head it always ties."""
    llama_folder.convert(open_weights(changed(spm, tmp_path / "tied", drop_head, tied=True)), tmp_path / "m.gguf")
    with pytest.raises(UserError, match="leaves it out"):
        converted_head.check(open_weights(changed(spm, tmp_path / "m", keep, tied=True)), tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()


def test_llama_cpps_converter_sees_the_files_that_count_and_a_config_that_fits(spm: Path, tmp_path: Path) -> None:
    folder = changed(spm, tmp_path / "m", keep, tied=True)
    for name in ("model-old.safetensors", "consolidated.safetensors", "model.safetensors.index.json"):
        (folder / name).write_bytes(b"{}")
    with clean_folder.only_counting_files(open_weights(folder), tmp_path) as clean:
        assert clean.name == folder.name
        assert sorted(file.name for file in clean.glob("*.safetensors*")) == ["model.safetensors"]
        assert json.loads((clean / "config.json").read_text())["tie_word_embeddings"] is False
        assert (clean / "tokenizer.model").read_bytes() == (folder / "tokenizer.model").read_bytes()
    assert not clean.exists()
    with clean_folder.only_counting_files(open_weights(spm), tmp_path) as same:
        assert same == spm
