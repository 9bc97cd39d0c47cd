"""Numbers in the files of a model are believed only as far as its tensors and sizes allow, before anything is built of them."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from qtui.engines.decoding.answer_text import context_needed
from qtui.engines.weights import gguf_file
from qtui.engines.weights.checkpoint import safetensors_header
from qtui.engines.weights.json_file import read_json
from qtui.engines.weights.sentencepiece_file import SentencepieceFile
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.records import Sampling
from tests.engines.weights.checkpoints import checkpoint

OTHER_NAMES = {"model.safetensors": {f"gpt_neox.layers.{number}.mlp.weight": "F16" for number in range(3)}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 100_000),
        ("n_layer", 10**30),
        ("num_layers", 1e300),
        ("hidden_size", 10**9),
        ("vocab_size", 10**12),
        ("intermediate_size", -(10**9)),
        ("head_dim", 10**9),
        ("num_experts", 10**9),
        ("num_attention_heads", 10**9),
        ("max_position_embeddings", 10**12),
    ],
)
def test_a_size_that_the_weight_files_cannot_have_is_an_error_with_file_and_key(
    tmp_path: Path, key: str, value: float
) -> None:
    for inner in (False, True):
        config = {"text_config": {key: value}} if inner else {key: value}
        folder = checkpoint(tmp_path / f"m{inner}", OTHER_NAMES, **config)
        with pytest.raises(UserError, match=rf'config\.json: "{key}" is .*from the same model$'):
            open_weights(folder).check_config()


def test_layers_of_weights_whose_names_are_not_known_are_bounded(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "m", {}, num_hidden_layers=100_000)
    (folder / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(UserError, match='"num_hidden_layers" is 100000'):
        open_weights(folder).check_config()


def test_sizes_of_images_and_usual_sizes_pass(tmp_path: Path) -> None:
    usual: dict[str, Any] = {
        "hidden_size": 8192,
        "vocab_size": 262_144,
        "max_position_embeddings": 10_485_760,
        "num_hidden_layers": 3,
    }
    usual |= {
        "rope_theta": 5e8,
        "eos_token_id": [1, 2],
        "image_size": 10**7,
        "sliding_window": 10**9,
        "pad_token_id": -1,
        "vision_feature_layer": -2,
    }
    open_weights(checkpoint(tmp_path / "m", OTHER_NAMES, **usual)).check_config()


@pytest.mark.parametrize("trained", [-5, 0, True, "512", 1e9, None])
def test_a_wrong_context_is_no_bound_of_an_answer(trained: Any) -> None:
    assert context_needed([10], [Sampling(max_tokens=20)], None, trained) == 30


def gguf(path: Path, **values: Any) -> Path:
    """A GGUF file with this metadata and one tensor of four numbers."""
    package = pytest.importorskip("gguf")
    import numpy as np

    writer = package.GGUFWriter(path, "llama")
    for name, value in values.items():
        key = f"llama.{name.replace('__', '.')}" if not name.startswith("tokenizer") else name.replace("__", ".")
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, list):
            writer.add_array(key, value)
        else:
            writer.add_uint32(key, value)
    writer.add_tensor("token_embd.weight", np.ones((2, 2), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize(
    "values",
    [
        {"context_length": 0},
        {"context_length": 2**32 - 1},
        {"context_length": "512"},
        {"context_length": 512.5},
        {"block_count": 2},
        {"embedding_length": 2**31},
        {"attention__head_count": [1, 2**30]},
        {"expert_count": 2**30},
        {"tokenizer__ggml__bos_token_id": "1"},
        {"tokenizer__ggml__eos_token_id": 2**31},
    ],
)
def test_a_gguf_number_that_its_tensors_cannot_have_is_an_error_with_file_and_key(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    file = gguf(tmp_path / "m.gguf", **values)
    key = next(iter(values)).replace("__", ".")
    with pytest.raises(UserError, match=rf"m\.gguf: \S*{key} is "):
        open_weights(file).check_files()
        _ = open_weights(file).prompt_format


def test_usual_gguf_numbers_pass(tmp_path: Path) -> None:
    usual = {"context_length": 131_072, "block_count": 1, "embedding_length": 2, "attention__head_count": [1, 1]}
    open_weights(gguf(tmp_path / "m.gguf", tokenizer__ggml__bos_token_id=2**32 - 1, **usual)).check_files()


def header_of(*entries: bytes) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries)


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


@pytest.mark.parametrize(
    "content",
    [
        header_of(entry(b"k", 8, struct.pack("<Q", 1 << 26))),
        header_of(entry(b"k", 8, struct.pack("<Q", 2**64 - 1))),
        header_of(entry(b"k", 9, struct.pack("<IQ", 4, 2**63))),
        header_of(entry(b"k", 9, struct.pack("<IQ", 9, 1) * 5000)),
        b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63),
        b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0),
    ],
)
def test_gguf_counts_and_lengths_beyond_the_file_take_no_memory(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(content)
    with pytest.raises(UserError, match=r"m\.gguf: cut off"):
        _ = open_weights(file).tensors


@pytest.mark.parametrize(
    "tensor",
    [
        None, 5, "x", [], {}, {"dtype": "F16", "shape": [2], "data_offsets": None},
        {"dtype": "F16", "shape": [2.0], "data_offsets": [0, 4]},
        {"dtype": "F16", "shape": [True], "data_offsets": [0, 2]}, {"dtype": "F16", "shape": [-1, -2], "data_offsets": [0, 4]},
        {"dtype": "F16", "shape": [1e999], "data_offsets": [0, 4]}, {"dtype": "F16", "shape": [10**30], "data_offsets": [0, 4]},
        {"dtype": None, "shape": [2], "data_offsets": [0, 4]}, {"dtype": "F16", "shape": [2], "data_offsets": [0.0, 4.0]},
        {"dtype": "F16", "shape": [2], "data_offsets": ["0", "4"]}, {"dtype": "F16", "shape": [2], "data_offsets": [4, 0]},
    ],
)  # fmt: skip
def test_a_safetensors_entry_that_describes_no_tensor_is_named(tmp_path: Path, tensor: object) -> None:
    text = json.dumps({"a.weight": tensor}).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(UserError, match=r"model\.safetensors: damaged: .*a\.weight"):
        safetensors_header.read(file)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"1" * 5000, b"null", b'"x"'])
def test_json_that_cannot_be_read_is_a_sentence_in_every_file_of_a_model(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(text)
    with pytest.raises(UserError, match=r"config\.json: .*download the model again"):
        read_json(file)
    header = tmp_path / "model.safetensors"
    header.write_bytes(len(text).to_bytes(8, "little") + text)
    with pytest.raises(UserError, match=r"model\.safetensors: "):
        safetensors_header.read(header)


@pytest.mark.parametrize("name", ["../other.safetensors.index.json", "/etc/passwd.index.json", 5, [], "a\0b"])
def test_weights_that_a_config_names_are_inside_its_folder(tmp_path: Path, name: object) -> None:
    folder = checkpoint(tmp_path / "m", OTHER_NAMES, transformers_weights=name)
    if isinstance(name, str):
        with pytest.raises(UserError, match=r"not inside|no usual file name"):
            _ = open_weights(folder).files
    else:
        assert open_weights(folder).files


@pytest.mark.parametrize(
    "content", [b"", b"\x12\x02\x18\x02", b"\x0a\x7fabc", b"\x0a\x02\xff\xff", b"\x0a" + b"\xff" * 30]
)
def test_a_damaged_tokenizer_model_is_said_before_the_library_advises_packages(content: bytes) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.model: cannot be read"):
        SentencepieceFile(Path("m/tokenizer.model"), content).check()


def test_a_list_of_words_in_base64_under_that_name_is_no_damaged_file() -> None:
    SentencepieceFile(Path("m/tokenizer.model"), b"IQ== 0\nIg== 1\n").check()


def test_the_alignment_of_a_gguf_file_is_no_more_than_the_file(tmp_path: Path) -> None:
    file = gguf(tmp_path / "m.gguf")
    data = file.read_bytes()
    pair = entry(b"general.alignment", 4, struct.pack("<I", 2**31))
    end = 24
    count = struct.unpack("<Q", data[16:24])[0]
    file.write_bytes(data[:16] + struct.pack("<Q", count + 1) + pair + data[end:])
    with pytest.raises(UserError, match="an alignment of"):
        gguf_file.read_tensors(gguf_file.read_header(file))
