import os
from pathlib import Path

import pytest

from qtui import paths
from qtui.engines.weights import fingerprint
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"tensors")
    (made / "tokenizer_config.json").write_text("{}")
    return made


@pytest.mark.parametrize(
    "changed", ["config.json", "model.safetensors", "tokenizer_config.json", "chat_template.jinja"]
)
def test_changes_with_every_file_that_counts(folder: Path, changed: str) -> None:
    before = open_weights(folder).fingerprint
    (folder / changed).write_text('{"other": "content"}')
    assert open_weights(folder).fingerprint != before


def test_does_not_change_with_a_readme_or_a_script(folder: Path) -> None:
    before = open_weights(folder).fingerprint
    (folder / "README.md").write_text("words")
    (folder / "make_model.py").write_text("print()")
    assert open_weights(folder).fingerprint == before


def test_code_counts_where_the_model_brings_its_own(folder: Path) -> None:
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "modeling.Model"}}')
    before = open_weights(folder).fingerprint
    (folder / "modeling.py").write_text("class Model: ...")
    assert open_weights(folder).fingerprint != before


def test_a_gguf_is_known_by_content_and_not_by_name(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(b"same")
    assert open_weights(tmp_path / "a.gguf").fingerprint == open_weights(tmp_path / "b.gguf").fingerprint


def test_a_file_is_read_once_for_its_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a.gguf"
    file.write_bytes(b"first")
    os.utime(file, ns=(1, 1))
    before = open_weights(file).fingerprint
    file.write_bytes(b"other")
    os.utime(file, ns=(1, 1))
    assert open_weights(file).fingerprint == before  # same size and time: taken from the cache
    os.utime(file, ns=(2, 2))
    assert open_weights(file).fingerprint != before


def test_a_damaged_cache_is_forgotten(folder: Path) -> None:
    before = open_weights(folder).fingerprint
    (paths.cache() / "fingerprints.json").write_text("{broken")
    assert open_weights(folder).fingerprint == before


def test_progress_ends_at_one(folder: Path) -> None:
    seen: list[float] = []
    fingerprint.of_files(open_weights(folder).files, seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_folder_without_weights_is_an_error(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no \*\.safetensors"):
        _ = open_weights(folder).fingerprint


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"weights")
    paths.cache().parent.mkdir(parents=True, exist_ok=True)
    paths.cache().write_text("a file in the place of the folder")
    assert fingerprint.of_files([weights]) == fingerprint.of_files([weights])
