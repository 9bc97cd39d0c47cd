"""Only the files that transformers reads are the weights; what is missing is named before any work."""

import json
from pathlib import Path

import pytest

from qtui.engines.weights.finding import WeightsFinder
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.weights.checkpoints import checkpoint, safetensors

INDEX = "model.safetensors.index.json"
SHARDS = {
    "model-00001-of-00002.safetensors": {"model.embed_tokens.weight": "F16"},
    "model-00002-of-00002.safetensors": {"lm_head.weight": "F16"},
}


def names(folder: Path) -> list[str]:
    return [file.name for file in open_weights(folder).files]


@pytest.mark.parametrize(
    "stray",
    [
        "consolidated.safetensors",
        "adapter_model.safetensors",
        "model.fp16.safetensors",
        "old.safetensors",
        "optimizer.bin",
        "training_args.bin",
        "pytorch_model.bin",
        "consolidated.safetensors.index.json",
        "pytorch_model.bin.index.json",
    ],
)
def test_a_stray_file_beside_an_index_is_not_read(tmp_path: Path, stray: str) -> None:
    folder = checkpoint(tmp_path / "m", SHARDS, index=INDEX)
    (folder / stray).write_bytes(b"{}")
    assert names(folder) == sorted(SHARDS)
    open_weights(folder).check_files()


def test_a_stray_file_beside_a_single_file_is_not_read(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", {"model.safetensors": {"a": "F16"}, "consolidated.safetensors": {"a": "F16"}})
    before = open_weights(folder).fingerprint
    assert names(folder) == ["model.safetensors"]
    (folder / "consolidated.safetensors").unlink()
    assert open_weights(folder).fingerprint == before


def test_a_whole_file_wins_over_an_index_as_in_transformers_and_that_is_said(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", SHARDS, index=INDEX)
    safetensors(folder / "model.safetensors", {"a": "F16"})
    assert names(folder) == ["model.safetensors"]
    (note,) = open_weights(folder).notes
    assert INDEX in note


def test_the_index_of_bin_files_decides_where_there_are_no_safetensors(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", {})
    for name in ("pytorch_model-1.bin", "optimizer.bin", "pytorch_model-old.bin"):
        (folder / name).write_bytes(b"\x80\x02.")
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"a": "pytorch_model-1.bin"}}))
    assert names(folder) == ["pytorch_model-1.bin"]
    open_weights(folder).check_files()


def test_shards_that_the_index_names_and_that_are_missing_are_named(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", SHARDS, index=INDEX)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(
        UserError, match=r"1 of the 2 weight files that model\.safetensors\.index\.json names.*00002-of-00002"
    ):
        WeightsFinder(lambda _: None).find_weights(str(folder))


def test_numbered_shards_without_an_index_are_counted(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", {"model-00001-of-00003.safetensors": {"a": "F16"}})
    with pytest.raises(UserError, match=r"2 of the 3.*model-00002-of-00003\.safetensors, model-00003"):
        _ = open_weights(folder).files


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("adapter_model.safetensors",), "merge it into its base model"),
        (("consolidated.safetensors",), "its maker's own format"),
        (("a.safetensors", "b.safetensors"), "no model.safetensors.index.json says which"),
        (("x.gguf",), "name one of them as weights"),
        ((), r"no \*.safetensors file"),
    ],
)
def test_where_nothing_says_which_files_count_it_is_an_error(
    tmp_path: Path, files: tuple[str, ...], words: str
) -> None:
    folder = checkpoint(tmp_path / "m", {name: {name: "F16"} for name in files})
    with pytest.raises(UserError, match=words):
        _ = open_weights(folder).files


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", ""])
def test_an_index_cannot_name_a_file_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    folder = checkpoint(tmp_path / "m", {})
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": name}}))
    with pytest.raises(UserError, match="not inside the model's folder"):
        _ = open_weights(folder).files


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {}}', "version https://git-lfs"]
)
def test_an_index_that_names_nothing_is_an_error(tmp_path: Path, text: str) -> None:
    folder = checkpoint(tmp_path / "m", SHARDS)
    (folder / INDEX).write_text(text)
    with pytest.raises(UserError, match=r"model\.safetensors\.index\.json"):
        _ = open_weights(folder).files


def test_a_tensor_that_the_index_names_and_no_file_has_is_named(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", SHARDS, index=INDEX)
    safetensors(folder / "model-00002-of-00002.safetensors", {"other": "F16"})
    with pytest.raises(UserError, match=r"names 1 tensors.*lm_head\.weight"):
        open_weights(folder).check_files()


def test_a_tensor_in_two_files_is_an_error(tmp_path: Path) -> None:
    twice = {name: {"a": "F16", name: "F16"} for name in SHARDS}
    with pytest.raises(UserError, match=r"has the tensor a, which model-00001-of-00002\.safetensors has, too"):
        open_weights(checkpoint(tmp_path / "m", twice, index=INDEX)).check_files()
