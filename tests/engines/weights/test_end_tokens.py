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


CHAT = "{% for m in messages %}<|turn|>{{ m.role }}\n{{ m.content }}BEHIND{% endfor %}"
OPENS = (
    "{% for m in messages %}{% if m['role'] == 'user' %}<|user|>{% elif m['role'] in ['tool', 'observation'] %}<|observation|>"
    "{% else %}<|assistant|>{% endif %}\n{{ m['content'] }}{% endfor %}"
)
TURNS = {"<|user|>": CONTROL, "<|observation|>": CONTROL, "<|assistant|>": CONTROL, "<|endoftext|>": CONTROL}


def test_the_token_behind_the_last_answer_of_the_template_is_an_end_token(file: File) -> None:
    tokens = {"<eos>": CONTROL, "<|turn|>": CONTROL, "<|over|>": CONTROL}
    assert ends(file(tokens, eos="<eos>", template=CHAT.replace("BEHIND", "<|over|>\n"))) == ("<eos>", "<|over|>")


def test_a_section_that_ends_before_a_known_end_token_is_none(file: File) -> None:
    """Command A: `<|END_RESPONSE|><|END_OF_TURN_TOKEN|>`."""
    tokens = {"<|turn_end|>": CONTROL, "<|turn|>": CONTROL, "<|over|>": CONTROL}
    assert ends(file(tokens, eos="<|turn_end|>", template=CHAT.replace("BEHIND", "<|over|><|turn_end|>"))) == (
        "<|turn_end|>",
    )


def test_a_model_that_ends_by_opening_the_users_turn_also_ends_by_opening_a_tools(file: File) -> None:
    assert ends(file(TURNS, eos="<|user|>", template=OPENS)) == ("<|endoftext|>", "<|observation|>", "<|user|>")


def test_a_model_that_ends_its_turn_itself_does_not_end_by_opening_another(file: File) -> None:
    assert ends(file(TURNS, eos="<|endoftext|>", template=OPENS)) == ("<|endoftext|>",)


@pytest.mark.parametrize("name", ["<|eom|>", "<|EOT|>", "[|endofturn|]"])
def test_a_special_token_with_the_name_of_an_end_is_one(file: File, name: str) -> None:
    assert ends(file({"<a>": CONTROL, name: CONTROL}, eos="<a>")) == tuple(sorted(("<a>", name)))
    assert ends(file({"<a>": CONTROL, name: NORMAL}, eos="<a>")) == ("<a>",)


@pytest.mark.parametrize(
    "template", ["{% for", "{{ raise_exception('no') }}", "{{ messages[9].content }}", "{{ 1 / 0 }}"]
)
def test_a_template_that_cannot_be_rendered_shows_nothing(file: File, template: str) -> None:
    assert ends(file({"<eos>": CONTROL}, eos="<eos>", template=template)) == ("<eos>",)
