"""tokenizer.model read without SentencePiece's package says the same as with it."""

from pathlib import Path

import pytest

from qtui.engines.weights.sentencepiece_file import read_sentencepiece_file
from qtui.errors import UserError
from tests.zoo import kinds, tokenizers


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Folders with a tokenizer, by whether it is a unigram one."""
    pytest.importorskip("sentencepiece")
    home = tmp_path_factory.mktemp("pieces")
    tokenizers.sentencepiece_unigram(home / "unigram", kinds.LLAMA_2, "")
    tokenizers.sentencepiece_bpe(home / "bpe", kinds.LLAMA_2, "")
    return {True: home / "unigram", False: home / "bpe"}


@pytest.mark.parametrize("is_unigram", [True, False])
def test_kind_and_texts_are_those_of_the_package(folders: dict[bool, Path], is_unigram: bool) -> None:
    from sentencepiece import SentencePieceProcessor

    file = folders[is_unigram] / "tokenizer.model"
    model = SentencePieceProcessor(model_file=str(file))
    read = read_sentencepiece_file(file.parent)
    assert read is not None
    assert read.is_unigram() is is_unigram
    assert [read.token_text(token) for token in (0, 2, 100, model.vocab_size())] == [
        *map(model.id_to_piece, (0, 2, 100)), "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"version https://git-lfs.github.com/spec/v1\n", b"\x0a\xff\xff\xff\x0f", b"\xff" * 40]
)
def test_a_file_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    read = read_sentencepiece_file(tmp_path)
    assert read is not None
    with pytest.raises(UserError, match=r"tokenizer\.model: cannot be read"):
        read.is_unigram()


def test_a_folder_without_the_file_has_none(tmp_path: Path) -> None:
    assert read_sentencepiece_file(tmp_path) is None


def test_a_unigram_tokenizer_splits_as_sentencepiece_does(folders: dict[bool, Path], needs_engines: None) -> None:
    """transformers 5 makes a BPE of it, which splits almost every text otherwise."""
    from sentencepiece import SentencePieceProcessor

    from qtui.engines.protocol.answering import Prompt
    from qtui.engines.transformers.tokenizer import HubTokenizer
    from qtui.engines.weights.weights import open_weights

    folder = folders[True]
    model = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    found = HubTokenizer(
        open_weights(folder), space_after_special=open_weights(folder).prompt_format.space_after_special
    )
    for text in ("りんごが五つ、みかんが八つあります。", "空", "The quick test\nneeds 12345", "𠮷野家 ｶﾀｶﾅ"):
        assert found.tokens(Prompt(text, bos=False)) == model.encode(text)
