"""What holds for each kind of model, whatever is asked of it: equal token ids on both engines, a conversion that loses nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qtui.engines.conversion import llama_folder
from qtui.engines.prompts import rendering
from qtui.engines.weights import gguf_file
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from tests.engines.prompts.test_token_ids import HOSTILE, random_texts
from tests.models.conftest import Kind
from tests.models.tiny_models import SIZES, WINDOW

KINDS = ("llama", "extended_llama", "neox_llama", "mistral", "mixtral")


@pytest.mark.parametrize("name", KINDS)
def test_token_ids_of_any_text_are_equal_on_both_engines(name: str, kind: Callable[[str], Kind]) -> None:
    from qtui.engines.llama_cpp.model import LlamaModel
    from qtui.engines.transformers.tokenizer import HubTokenizer

    made = kind(name)
    assert made.gguf
    form = open_weights(made.folder).prompt_format
    hub = HubTokenizer(open_weights(made.folder), space_after_special=form.space_after_special)
    llama = LlamaModel(open_weights(made.gguf), space_after_special=form.space_after_special)
    texts = [*HOSTILE, *("[INST] " + text for text in HOSTILE), *random_texts()]
    for asked in rendering.render(texts, form, template="", bos=True):
        assert hub.tokens(asked) == llama.tokens(asked), repr(asked.text)


def test_added_pieces_are_used_and_rows_beyond_the_vocabulary_are_not(kind: Callable[[str], Kind]) -> None:
    from qtui.engines.protocol.answering import Prompt
    from qtui.engines.transformers.tokenizer import HubTokenizer

    made = kind("extended_llama")
    plain = HubTokenizer(open_weights(kind("llama").folder))
    extended = HubTokenizer(open_weights(made.folder))
    text = Prompt("りんごが五つ、みかんが八つあります。", bos=True)
    ids = extended.tokens(text)
    assert len(ids) < len(plain.tokens(text))
    assert max(ids) >= len(plain.library)
    size = json.loads((made.folder / "config.json").read_text())["vocab_size"]
    assert size > len(extended.library)
    assert extended.piece(size - 1) == b""


def test_a_text_in_another_unicode_form_is_asked_in_the_tokenizers(kind: Callable[[str], Kind]) -> None:
    form = open_weights(kind("neox_llama").folder).prompt_format
    (asked,) = rendering.render(["か\u3099"], form, template="")
    assert asked.text == "が"


def test_beyond_its_window_llama_cpp_is_given_no_room(kind: Callable[[str], Kind]) -> None:
    """It attends to everything there, and would compute something else than the model."""
    made = kind("mistral").gguf
    assert made
    assert SIZES["max_position_embeddings"] > WINDOW
    assert gguf_file.read_header(made).values["llama.context_length"] == WINDOW


def test_an_expert_that_is_missing_is_named(kind: Callable[[str], Kind], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "mixtral"
    shutil.copytree(kind("mixtral").folder, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.block_sparse_moe.experts.3.w2.weight"]
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"experts of model\.layers\.1\.block_sparse_moe\.experts\.w2.* are missing"):
        llama_folder.convert(open_weights(folder), tmp_path / "out.gguf")
    assert [path.name for path in tmp_path.iterdir()] == ["mixtral"]


def test_experts_in_several_files_are_one_tensor(kind: Callable[[str], Kind], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    made = kind("mixtral")
    folder = tmp_path / "mixtral"
    shutil.copytree(made.folder, folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    for number in range(3):
        part = {name: tensor for place, (name, tensor) in enumerate(sorted(tensors.items())) if place % 3 == number}
        save_file(part, folder / f"model-{number + 1:05d}-of-00003.safetensors")
    llama_folder.convert(open_weights(folder), tmp_path / "out.gguf")
    assert made.gguf
    assert tensors_of(tmp_path / "out.gguf") == tensors_of(made.gguf)


def tensors_of(file: Path) -> dict[str, bytes]:
    import gguf

    return {tensor.name: tensor.data.tobytes() for tensor in gguf.GGUFReader(file).tensors}
