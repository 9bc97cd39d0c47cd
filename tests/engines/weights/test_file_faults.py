"""Files that are not what their names say are told from their first bytes and their sizes, in a sentence with the file's name."""

import json
import zipfile
from pathlib import Path

import pytest

from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.weights.checkpoints import checkpoint, safetensors

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234\n"
PAGE = b"<!DOCTYPE html><html><body>429</body></html>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return checkpoint(tmp_path / "m", {"model.safetensors": {"a": "F16", "b": "BF16"}})


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "tokenizer.model"]
)
@pytest.mark.parametrize(("content", "words"), [(POINTER, "git lfs pull"), (b"", "empty"), (PAGE, "web page")])
def test_what_stands_in_the_place_of_a_file_is_said(folder: Path, name: str, content: bytes, words: str) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: .*{words}"):
        open_weights(folder).check_files()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer_config.json", "chat_template.jinja"])
def test_a_link_to_nothing_is_no_missing_file(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("../../blobs/0123")
    with pytest.raises(UserError, match=rf"{name}.*(which does not exist|links to nothing)"):
        open_weights(folder).check_files()


def test_a_template_that_is_a_link_to_nothing_is_not_a_model_without_one(folder: Path) -> None:
    (folder / "tokenizer_config.json").symlink_to("../../blobs/0123")
    with pytest.raises(UserError, match=r"tokenizer_config\.json.*does not exist"):
        _ = open_weights(folder).prompt_format


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[:-1], "cut off: tensor b"),
        (lambda data: data[:20], "not a complete"),
        (lambda data: data + b"\0", "describes .* bytes, but the file has"),
        (lambda data: bytes(len(data)), "header is not JSON"),
        (lambda data: data[:8] + data[8:].replace(b'"F16"', b'"F32"'), "does not describe tensors"),
        (lambda data: data[:8] + data[8:].replace(b"[0, 32]", b"[1, 33]"), "begins at byte"),
        (lambda data: b"\xff" * 8 + data[8:], "not a complete"),
    ],
)
def test_a_safetensors_file_must_be_as_long_as_its_header_says(folder: Path, change: object, words: str) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(change(file.read_bytes()))  # type: ignore[operator]
    with pytest.raises(UserError, match=rf"model\.safetensors: .*{words}"):
        open_weights(folder).check_files()


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(90), POINTER, b"", bytes(100)])
def test_a_bin_file_that_is_cut_off_or_none_is_said(tmp_path: Path, content: bytes) -> None:
    folder = checkpoint(tmp_path / "m", {})
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"pytorch_model\.bin"):
        open_weights(folder).check_files()


def test_a_whole_bin_file_is_right(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", {})
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
        archive.writestr("data.pkl", b"x")
    open_weights(folder).check_files()


@pytest.mark.parametrize("text", ["[]", "3", "{broken", "\xff"])
def test_a_config_that_is_no_object_is_named(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"config\.json"):
        open_weights(folder).check_files()


@pytest.mark.parametrize(
    "tokenizer",
    [{"added_tokens": [{"content": "a"}]}, {"added_tokens": 3}, {"model": {"vocab": [1, 2]}}],
)
def test_a_tokenizer_of_an_unusual_form_is_a_sentence(folder: Path, tokenizer: object) -> None:
    (folder / "generation_config.json").write_text('{"eos_token_id": 1}')
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(UserError, match="not of the usual form"):
        _ = open_weights(folder).prompt_format


def test_a_gguf_file_that_ends_within_its_last_tensor_is_cut_off(spm_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(spm_gguf.read_bytes()[:-64])
    with pytest.raises(UserError, match=r"cut\.gguf: cut off: tensor"):
        open_weights(tmp_path / "cut.gguf").check_files()
    open_weights(spm_gguf).check_files()


def test_a_link_to_a_file_that_exists_is_the_file(tmp_path: Path) -> None:
    blob = safetensors(tmp_path / "blob", {"a": "F16"})
    folder = checkpoint(tmp_path / "snapshots" / "m", {})
    (folder / "model.safetensors").symlink_to(blob)
    open_weights(folder).check_files()
