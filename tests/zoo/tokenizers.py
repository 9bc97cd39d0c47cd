"""Tokenizers of the kinds that today's models have, trained on a few lines: real kinds, small vocabularies.

The patterns are the rules by which each family splits text before it merges; llama.cpp knows each by a name.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qtui.tasks.load import load_task_set
from tests.engines.tiny_llama import CORPUS, sentencepiece_tokenizer

SIZE = 600

_BEGIN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA_3 = _BEGIN + r"\p{N}{1,3}" + _REST
QWEN_2 = _BEGIN + r"\p{N}" + _REST
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_TAIL = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
GPT_4O = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_TAIL}|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_TAIL}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, slots=True)
class Words:
    """The special tokens of a family and what each is for."""

    bos: str = ""
    eos: str = ""
    """The end token that the tokenizer names."""
    pad: str = ""
    ends: Sequence[str] = ()
    """All tokens at which generation_config.json ends; `eos` alone if empty."""
    more: Sequence[str] = ()
    """Special tokens of the template."""
    plain: Sequence[str] = ()
    """Added tokens that are not special: they are text."""
    adds_bos: bool = False

    def special(self) -> list[str]:
        """Return all special tokens, in the order of their ids."""
        return list(dict.fromkeys(text for text in (self.pad, self.bos, self.eos, *self.ends, *self.more) if text))


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenizer that was written: the size of its vocabulary and the ids of its tokens."""

    size: int
    ids: dict[str, int] = field(repr=False)
    pattern: str = ""
    """llama.cpp's name of the splitting rule; empty where its converter needs none."""


Maker = Callable[[Path, Words, str], Tokens]


def byte_level(
    rule: str, pattern: str, *, normal_form: bool = False, digits: bool = False, kind: str = "PreTrainedTokenizerFast"
) -> Maker:
    """Return a maker of byte-level BPE tokenizers that split by a pattern; an empty one is GPT-2's.

    `digits`: every digit is apart. `kind`: the class that the settings name.
    """

    def make(folder: Path, words: Words, template: str) -> Tokens:
        from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

        bpe: Any = Tokenizer(models.BPE())
        if normal_form:
            bpe.normalizer = normalizers.NFC()
        if rule:
            steps = [
                pre_tokenizers.Split(Regex(rule), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
            bpe.pre_tokenizer = pre_tokenizers.Sequence(steps)
        elif digits:
            steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
            bpe.pre_tokenizer = pre_tokenizers.Sequence(steps)
        else:
            bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=SIZE - 60,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        bpe.train_from_iterator(CORPUS.splitlines(), trainer)
        return _write(bpe, folder, words, template, pattern, {"tokenizer_class": kind})

    return make


def merged_pieces(folder: Path, words: Words, template: str) -> Tokens:
    """SentencePiece's pieces as a BPE in tokenizer.json alone, with byte fallback and no space in front: Gemma 4."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    bpe: Any = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    bpe.normalizer = normalizers.Replace(" ", "▁")
    bpe.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    bpe.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = [*words.special(), "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - 60, special_tokens=[*special, *fallback], limit_alphabet=200, show_progress=False
    )
    bpe.train_from_iterator(CORPUS.splitlines(), trainer)
    made = json.loads(bpe.to_str())
    made["added_tokens"] = [token for token in made["added_tokens"] if token["content"] not in fallback]
    named = {"unk_token": "<unk>", "extra_special_tokens": [*words.more, *words.ends]}
    return _write(Tokenizer.from_str(json.dumps(made)), folder, words, template, "", named)


def sentencepiece_bpe(folder: Path, words: Words, template: str) -> Tokens:
    """tokenizer.model as the Llama 2 family has it."""
    sentencepiece_tokenizer(folder)
    return _finish_sentencepiece(folder, words, template, "LlamaTokenizer")


def gemma_pieces(folder: Path, words: Words, template: str) -> Tokens:
    """tokenizer.model as Gemma 1 to 3 have it: its own special pieces, and no space in front of a text."""
    special: dict[str, Any] = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
    pieces = {"pad_piece": "<pad>", "eos_piece": "<eos>", "bos_piece": "<bos>", "unk_piece": "<unk>"}
    _train(folder, model_type="bpe", vocab_size=640, **{**special, **pieces})
    return _finish_sentencepiece(folder, words, template, "GemmaTokenizer")


def sentencepiece_unigram(folder: Path, words: Words, template: str) -> Tokens:
    """tokenizer.model of likeliest pieces in place of merges: Sarashina, LLM-jp."""
    texts = [task.input for task in load_task_set("demo").tasks]
    _train(folder, texts=texts, model_type="unigram", vocab_size=640, add_dummy_prefix=True)
    return _finish_sentencepiece(folder, words, template, "LlamaTokenizer")


def _train(folder: Path, *, texts: Sequence[str] = (), **settings: Any) -> None:
    import io

    import sentencepiece

    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*CORPUS.splitlines(), *(line for text in texts for line in text.splitlines())]),
        model_writer=model,
        byte_fallback=True,
        character_coverage=0.98,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
        **{"add_dummy_prefix": False, **settings},
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())


def _finish_sentencepiece(folder: Path, words: Words, template: str, kind: str) -> Tokens:
    """Settings beside tokenizer.model, with the template's tokens added behind the pieces."""
    import sentencepiece

    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    ids = {model.id_to_piece(number): number for number in range(model.vocab_size())}
    added = [text for text in (*words.special(), *words.plain) if text not in ids]
    ids |= {text: len(ids) + place for place, text in enumerate(added)}
    decoder = {
        str(ids[text]): {
            "content": text, "special": text not in words.plain, "lstrip": False, "rstrip": False,
            "normalized": False, "single_word": False,
        }
        for text in (*words.special(), *words.plain)
    }  # fmt: skip
    settings: dict[str, Any] = {
        "tokenizer_class": kind,
        "bos_token": words.bos,
        "eos_token": words.eos,
        "unk_token": "<unk>",
        "add_bos_token": words.adds_bos,
        "add_eos_token": False,
        "legacy": False,
        "added_tokens_decoder": decoder,
    }
    if words.pad:
        settings["pad_token"] = words.pad
    if template:
        settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    (folder / "tokenizer.json").unlink(missing_ok=True)
    if kind == "GemmaTokenizer":
        _write_gemma_json(folder)
    return Tokens(len(ids), ids)


def _write_gemma_json(folder: Path) -> None:
    """tokenizer.json beside tokenizer.model, as Gemma's repositories have it."""
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str(), encoding="utf-8")


def _write(  # noqa: PLR0917
    bpe: Any, folder: Path, words: Words, template: str, pattern: str, named: dict[str, Any]
) -> Tokens:
    """tokenizer.json with the special tokens behind the vocabulary, and its settings; the template in a file of its own."""
    from tokenizers import AddedToken, processors

    bpe.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in words.special()])
    bpe.add_tokens([AddedToken(text, special=False, normalized=False) for text in words.plain])
    if words.adds_bos:
        bpe.post_processor = processors.TemplateProcessing(
            single=f"{words.bos} $A", special_tokens=[(words.bos, bpe.token_to_id(words.bos))]
        )
    folder.mkdir(parents=True, exist_ok=True)
    bpe.save(str(folder / "tokenizer.json"))
    settings: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    settings |= named
    settings |= {f"{name}_token": text for name in ("bos", "eos", "pad") if (text := getattr(words, name))}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    if template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return Tokens(bpe.get_vocab_size(), bpe.get_vocab(), pattern)
