"""A converted folder is the same model: the logits say so."""

import json
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from qtui.engines.conversion import llama_folder
from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError

TEXT = "[INST] 朝の市場では、何が並んでいますか。 [/INST]"


@pytest.mark.parametrize("kind", ["spm", "bpe"])
def test_logits_of_the_f16_file_are_those_of_float32_transformers(kind: str, request: pytest.FixtureRequest) -> None:
    assert_same_logits(request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_gguf"))


def test_logits_of_the_demo_are_those_of_float32_transformers(demo: Path, tmp_path: Path) -> None:
    llama_folder.convert(open_weights(demo), tmp_path / "demo.gguf")
    assert_same_logits(demo, tmp_path / "demo.gguf")


# llama.cpp rounds what it multiplies with BF16 weights to BF16, which has three bits fewer than F16.
@pytest.mark.parametrize(("dtype", "type_name", "within"), [("bfloat16", "BF16", 8e-2), ("float32", "F32", 1e-3)])
@pytest.mark.usefixtures("needs_engines")
def test_other_types_and_tied_embeddings_convert_without_loss(
    tmp_path: Path, dtype: str, type_name: str, within: float
) -> None:
    from tests.engines.tiny_llama import sentencepiece_llama

    folder = sentencepiece_llama(tmp_path / "other", dtype=dtype, tied=dtype == "float32")
    assert llama_folder.lossless_type(open_weights(folder)) == type_name
    llama_folder.convert(open_weights(folder), tmp_path / "other.gguf")
    assert_same_logits(folder, tmp_path / "other.gguf", within)


def test_another_architecture_names_the_converter_to_use(spm: Path, tmp_path: Path) -> None:
    folder = changed(spm, tmp_path, architectures=["FalconForCausalLM"])
    with pytest.raises(UserError, match=r"FalconForCausalLM.*convert_hf_to_gguf"):
        llama_folder.convert(open_weights(folder), tmp_path / "out.gguf")


def test_scaled_positions_are_refused_and_not_ignored(spm: Path, tmp_path: Path) -> None:
    folder = changed(spm, tmp_path, rope_parameters={"rope_type": "yarn", "factor": 4.0, "rope_theta": 10000.0})
    with pytest.raises(UserError, match="yarn"):
        llama_folder.convert(open_weights(folder), tmp_path / "out.gguf")


@pytest.mark.parametrize("keep", [0, 5, 200, 20_000])
def test_weights_that_are_cut_off_are_a_clear_error_and_leave_nothing(spm: Path, tmp_path: Path, keep: int) -> None:
    folder = changed(spm, tmp_path)
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"model\.safetensors.*(cut off|not a complete)"):
        llama_folder.convert(open_weights(folder), tmp_path / "out.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def changed(folder: Path, tmp_path: Path, **config: object) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    known = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(known | config))
    return copy


def assert_same_logits(folder: Path, file: Path, within: float = 2e-2) -> None:
    ids, expected = logits_of_transformers(folder)
    found = logits_of_llama(file, ids)
    assert np.abs(found - expected).max() < within
    assert (found.argmax(-1) == expected.argmax(-1)).mean() > 0.9


def logits_of_transformers(folder: Path) -> tuple[list[int], npt.NDArray[np.float32]]:
    import torch
    from transformers import AutoModelForCausalLM

    from qtui.engines.transformers.tokenizer import HubTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = HubTokenizer(open_weights(folder)).tokens(Prompt(TEXT, bos=True))
    with torch.inference_mode():
        return ids, model(torch.tensor([ids])).logits[0].numpy()


def logits_of_llama(file: Path, ids: list[int]) -> npt.NDArray[np.float32]:
    import llama_cpp

    from qtui.engines.llama_cpp.model import LlamaModel

    model = LlamaModel(open_weights(file))
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx, settings.n_threads, settings.n_threads_batch = 256, 1, 1
    # What rounds to half precision on a CPU says nothing about the conversion: flash attention's sums and the cache of keys and
    # values, each up to 3e-2 on the demo's logits of ±20.
    settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.type_k = settings.type_v = llama_cpp.GGML_TYPE_F32
    context = llama_cpp.llama_init_from_model(model.pointer, settings)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    for place, token in enumerate(ids):
        batch.token[place], batch.pos[place], batch.n_seq_id[place], batch.logits[place] = token, place, 1, True
        batch.seq_id[place][0] = 0
    batch.n_tokens = len(ids)
    assert llama_cpp.llama_decode(context, batch) == 0
    rows = [llama_cpp.llama_get_logits_ith(context, place) for place in range(len(ids))]
    found = np.stack([np.ctypeslib.as_array(row, shape=(model.size,)).copy() for row in rows])
    llama_cpp.llama_free(context)
    return found
