"""Which tokens of a GGUF file end an answer: those that its model means, and no word that only looks like one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from qtui.engines.weights.weights import open_weights

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
File = Callable[..., Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    gguf = pytest.importorskip("gguf")

    def write(tokens: dict[str, int], *, eos: str, template: str = "", has_types: bool = True, fill: int = 100) -> Path:
        path = tmp_path / "model.gguf"
        texts = [f"片{number}" for number in range(fill)] + list(tokens)
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(texts)
        if has_types:
            writer.add_token_types([NORMAL] * fill + list(tokens.values()))
        writer.add_eos_token_id(texts.index(eos))
        if template:
            writer.add_chat_template(template)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    return write


def ends(path: Path) -> Sequence[str]:
    return open_weights(path).prompt_format.end_token_texts


@pytest.mark.parametrize("fill", [3, 100])
def test_a_word_that_looks_like_an_end_token_is_none(file: File, fill: int) -> None:
    """Gemma 4 has tags of HTML among its words."""
    tokens = {"</s>": NORMAL, "<eos>": CONTROL, "<turn|>": CONTROL, "<|tool_response>": CONTROL}
    assert ends(file(tokens, eos="<eos>", fill=fill)) == ("<eos>", "<turn|>", "<|tool_response>")


def test_a_word_that_the_template_writes_is_an_end_token(file: File) -> None:
    """Early converters called the tokens that a fine-tuning had added words."""
    tokens = {"</s>": CONTROL, "<|im_end|>": NORMAL}
    assert ends(file(tokens, eos="</s>", template="{{ messages[0].content }}<|im_end|>")) == ("</s>", "<|im_end|>")
    assert ends(file(tokens, eos="</s>")) == ("</s>",)


@pytest.mark.parametrize("kind", [CONTROL, USER_DEFINED])
def test_in_harmony_a_message_ends_within_the_answer(file: File, kind: int) -> None:
    tokens = {"<|return|>": CONTROL, "<|call|>": CONTROL, "<|end|>": kind, "<|endoftext|>": CONTROL}
    assert ends(file(tokens, eos="<|return|>")) == ("<|call|>", "<|endoftext|>", "<|return|>")


def test_in_solar_open_too(file: File) -> None:
    tokens = {"<|flush|>": CONTROL, "<|calls|>": CONTROL, "<|end|>": CONTROL, "<|endoftext|>": CONTROL}
    assert ends(file(tokens, eos="<|endoftext|>")) == ("<|calls|>", "<|endoftext|>", "<|flush|>")


def test_elsewhere_the_same_text_ends_the_answer(file: File) -> None:
    tokens = {"<|endoftext|>": CONTROL, "<|end|>": CONTROL}
    assert set(ends(file(tokens, eos="<|endoftext|>"))) == set(tokens)


def test_a_file_without_types_is_read_by_its_texts(file: File) -> None:
    tokens = {"</s>": CONTROL, "<|im_end|>": CONTROL}
    assert ends(file(tokens, eos="</s>", has_types=False)) == ("</s>", "<|im_end|>")
