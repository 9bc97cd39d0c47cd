"""The same prompt is the same token ids on both engines: without that a comparison is not about quantization."""

import random
from pathlib import Path

import pytest

from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights.weights import open_weights

HOSTILE = (
    "",
    " ",
    "  前の  空白   ",
    "漢字かな交じり文、句読点。",
    "ｶﾀｶﾅ ﾊﾝｶｸ ﾞﾟ",
    "a\tb\t\tc\n行\n\n行\r\n",
    "[INST] [/INST] <<SYS>>",
    "<s>あ</s>い<unk>う",
    "x<s> y",
    "<s>",
    "</s>",
    "<pad>",
    "<0x41>",
    "▁under▁score",
    "👩‍👩‍👧 🇯🇵 e\u0301 が",
    "\x00\x01\x1b[31m\x7f",
    "\u3000全角空白\u3000𠮷野家\ufeff",
    "a" * 300,
)
PARTS = (
    " ",
    "  ",
    "\n",
    "\t",
    "▁",
    "<s>",
    "</s>",
    "<unk>",
    "[INST]",
    "あ",
    "ｶ",
    "漢",
    "a",
    "\x00",
    "👩",
    "\u200d",
    "\u3000",
    "<",
    "s>",
    "<|im_start|>",
    "東京特許",
)


def random_texts() -> list[str]:
    chance = random.Random(7)
    return ["".join(chance.choices(PARTS, k=chance.randint(1, 10))) for _ in range(300)]


@pytest.mark.parametrize("space_after_special", [True, False])
@pytest.mark.parametrize("kind", ["spm", "extended", "bpe"])
def test_token_ids_are_equal_on_both_engines(
    kind: str, space_after_special: bool, request: pytest.FixtureRequest
) -> None:
    hub, llama = both(request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_gguf"), space_after_special)
    for text in (*HOSTILE, *random_texts()):
        for bos in (True, False):
            prompt = Prompt(text, bos, space_after_special)
            assert hub.tokens(prompt) == llama.tokens(prompt), repr(text)


def test_token_ids_of_the_demo_are_equal_on_both_engines(demo: Path, tmp_path: Path) -> None:
    from qtui.engines.conversion import llama_folder

    llama_folder.convert(open_weights(demo), tmp_path / "demo.gguf")
    space = open_weights(demo).prompt_format.space_after_special
    hub, llama = both(demo, tmp_path / "demo.gguf", space)
    for text in (*HOSTILE, *random_texts()):
        prompt = Prompt(text, True, space)
        assert hub.tokens(prompt) == llama.tokens(prompt), repr(text)


@pytest.mark.parametrize("kind", ["spm", "extended", "bpe"])
def test_every_token_adds_the_same_bytes_on_both_engines(kind: str, request: pytest.FixtureRequest) -> None:
    hub, llama = both(request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_gguf"), True)
    assert [hub.piece(token) for token in range(llama.size)] == [llama.piece(token) for token in range(llama.size)]


@pytest.mark.parametrize("kind", ["spm", "extended", "bpe"])
def test_there_is_exactly_one_bos(kind: str, request: pytest.FixtureRequest) -> None:
    for tokenizer in both(request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_gguf"), True):
        bos = tokenizer.tokens(Prompt("", bos=True))
        ids = tokenizer.tokens(Prompt("問い", bos=True))
        assert len(bos) == 1
        assert ids[:1] == bos
        assert ids.count(bos[0]) == 1
        assert bos[0] not in tokenizer.tokens(Prompt("問い", bos=False))


def both(folder: Path, file: Path, space_after_special: bool):  # type: ignore[no-untyped-def]
    from qtui.engines.llama_cpp.model import LlamaModel
    from qtui.engines.transformers.tokenizer import HubTokenizer

    return (
        HubTokenizer(open_weights(folder), space_after_special=space_after_special),
        LlamaModel(open_weights(file), space_after_special=space_after_special),
    )


# What is no text of a token: SentencePiece writes a space as U+2581, so that character itself is lost in it.
ANSWERS = tuple(text for text in (*HOSTILE, " 答え", "答え", "\n答え", "。") if "▁" not in text)


@pytest.mark.parametrize("space_after_special", [True, False])
@pytest.mark.parametrize("kind", ["spm", "extended", "bpe"])
def test_text_in_mid_answer_is_the_same_tokens_on_both_engines(
    kind: str, space_after_special: bool, request: pytest.FixtureRequest
) -> None:
    hub, llama = both(request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_gguf"), space_after_special)
    for text in (*ANSWERS, *random_texts()):
        assert hub.plain_tokens(text) == llama.plain_tokens(text), repr(text)


@pytest.mark.parametrize("kind", ["spm", "extended", "bpe"])
def test_tokens_of_text_in_mid_answer_add_exactly_that_text(kind: str, request: pytest.FixtureRequest) -> None:
    for tokenizer in both(request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_gguf"), True):
        for text in ANSWERS:
            assert b"".join(map(tokenizer.piece, tokenizer.plain_tokens(text))).decode() == text
