"""What may be quantized and what may not, said before native code sees it."""

from pathlib import Path

import numpy as np
import pytest

from qtui.engines.quantizing import gguf_source, quantize
from qtui.errors import UserError


def test_a_whole_file_is_counted(spm_gguf: Path) -> None:
    found = gguf_source.read(spm_gguf)
    assert (found.precision, found.architecture) == ("F16", "llama")
    assert 0.9 * spm_gguf.stat().st_size < found.tensor_bytes < found.file_bytes == spm_gguf.stat().st_size
    assert found.tensor_bytes >= 2 * found.parameters


@pytest.mark.parametrize("missing", [1, 1000, 1_000_000])
def test_a_file_that_is_cut_off_is_named_with_the_tensor(spm_gguf: Path, tmp_path: Path, missing: int) -> None:
    file = tmp_path / "cut.gguf"
    file.write_bytes(spm_gguf.read_bytes()[:-missing])
    with pytest.raises(UserError, match=r"cut\.gguf: cut off: .*tensor"):
        gguf_source.read(file)


def test_a_file_that_is_quantized_already_says_what_to_use(spm_gguf: Path, tmp_path: Path) -> None:
    quantize.quantize(spm_gguf, tmp_path / "q.gguf", "Q8_0", threads=1)
    with pytest.raises(UserError, match=r"q\.gguf: is already quantized \(tensor .* is Q8_0\).*F16, BF16 or F32"):
        gguf_source.read(tmp_path / "q.gguf")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b"GGML nothing", "unknown|a text"),
        (b"version https://git-lfs", "LFS"),
        (b"PK\x03\x04", "zip"),
        (b"GGUF\x03\0\0\0", "cut off"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 64, "cut off or damaged"),
    ],
)
def test_what_is_no_gguf_file_is_told_apart(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(UserError, match=what):
        gguf_source.read(tmp_path / "x.gguf")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder, but a GGUF file is needed"):
        gguf_source.read(tmp_path)


def test_a_file_without_a_model_has_nothing_to_quantize(tmp_path: Path) -> None:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "llama")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(UserError, match="no model weights"):
        gguf_source.read(tmp_path / "v.gguf")


def test_rows_that_are_no_multiple_of_256_get_another_type_and_are_counted(tmp_path: Path, needs_engines: None) -> None:
    source = odd_rows(tmp_path / "odd-F16.gguf")
    foretold = quantize.forecast(gguf_source.read(source), "Q4_K_M")
    made = quantize.quantize(source, tmp_path / "odd-Q4_K_M.gguf", "Q4_K_M", threads=1)
    assert foretold.fallback == made.fallback > 0


def test_values_that_are_no_numbers_end_in_a_reason_and_no_file(tmp_path: Path, needs_engines: None) -> None:
    source = odd_rows(tmp_path / "nan-F16.gguf", value=float("nan"))
    with pytest.raises(UserError, match="cannot be quantized to Q8_0"):
        quantize.quantize(source, tmp_path / "out.gguf", "Q8_0", threads=1)
    assert [path.name for path in tmp_path.iterdir()] == ["nan-F16.gguf"]


def odd_rows(path: Path, value: float = 0.5) -> Path:
    """A Llama of one layer and rows of 96, without a tokenizer: enough to quantize."""
    import gguf

    size, wide, words = 96, 192, 64
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(size)
    writer.add_feed_forward_length(wide)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(words)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    shapes = {"attn_q": (size, size), "attn_k": (size, size), "attn_v": (size, size), "attn_output": (size, size),
              "ffn_gate": (wide, size), "ffn_up": (wide, size), "ffn_down": (size, wide)}  # fmt: skip
    for name, shape in shapes.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.full(shape, value, np.float16))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(size, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(size, np.float32))
    for name in ("token_embd", "output"):
        writer.add_tensor(f"{name}.weight", np.full((words, size), 0.5, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
