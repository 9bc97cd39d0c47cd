"""The texts of the tokens that end an answer, as a model's files name them.

By default the engines differ: llama.cpp ends at every token whose text looks like an end token, transformers at those that a
checkpoint names. Then the same text would end on one engine and continue on the other, and the difference would be attributed to
quantization. So the tokens are named here by their texts, and each engine looks them up in its vocabulary.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from qtui.engines.weights import special_tokens
from qtui.engines.weights.gguf_file import GgufHeader
from qtui.engines.weights.json_file import read_json
from qtui.engines.weights.sentencepiece_file import SentencepieceFile

_BY_TEXT = (
    "</s>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<end_of_turn>",
    "<eos>",
    "<EOT>",
    "[EOS]",
    "[EOT]",
    "<｜end▁of▁sentence｜>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<turn|>",
    "<|tool_response>",
    "<end_of_utterance>",
    "_<EOT>",
    "[e~[",
)
"""Texts at which llama.cpp ends. Added for a GGUF baseline, whose file names only one or two; a Hugging Face folder names all."""
_NORMAL = 1
"""The type of a token that is a word of the vocabulary, in `tokenizer.ggml.token_type`."""

_NAMED_BY_GGUF = ("eos", "eot", "eom")


def end_texts_of_gguf(header: GgufHeader) -> tuple[str, ...]:
    """Return the end-token texts of a GGUF file, sorted; empty if it names none."""
    return _sorted_texts(_named_by_gguf(header))


def end_texts_of_folder(
    folder: Path,
    config: dict[str, Any],
    settings: dict[str, Any],
    tokenizer: dict[str, Any],
    pieces: SentencepieceFile | None,
    *,
    eos_token: str,
) -> tuple[str, ...]:
    """Return the end-token texts of a folder, sorted; empty if it names none. Raises UserError if a file is damaged.

    `config`, `settings`, `tokenizer` and `pieces` are its config.json, tokenizer_config.json, tokenizer.json and tokenizer.model.
    """
    named = {token for file in (read_json(folder / "generation_config.json"), config) for token in _ids_in(file)}
    if not named:
        return _sorted_texts([eos_token])
    texts = _TokenTexts(folder, settings, tokenizer, pieces)
    return _sorted_texts([eos_token, *(texts.text(token) for token in sorted(named))])


def _sorted_texts(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))


def _named_by_gguf(header: GgufHeader) -> Iterator[str]:
    for name in _NAMED_BY_GGUF:
        yield header.token_text(header.values.get(f"tokenizer.ggml.{name}_token_id"))
    found = header.ids_among((*_BY_TEXT, special_tokens.END_OF_MESSAGE))
    words = header.token_types(found.values())
    for text, token in found.items():
        if text == special_tokens.END_OF_MESSAGE and special_tokens.message_ends_within_answer(found):
            continue
        # A word that only looks like an end token (`</s>` in Gemma 4, a tag of HTML) is one if the model's own template writes it.
        if words.get(token) != _NORMAL or text in (header.chat_template or ""):
            yield text


def _ids_in(config: dict[str, Any]) -> list[int]:
    inner = config.get("text_config")
    value = config.get("eos_token_id", inner.get("eos_token_id") if isinstance(inner, dict) else None)
    values = value if isinstance(value, list) else [value]
    return [token for token in values if isinstance(token, int) and token >= 0]


class _TokenTexts:
    """Texts of tokens by id, from all files of a tokenizer; empty for unknown ids."""

    def __init__(
        self, folder: Path, settings: dict[str, Any], tokenizer: dict[str, Any], pieces: SentencepieceFile | None
    ) -> None:
        self._pieces = pieces
        vocabulary = (tokenizer.get("model") or {}).get("vocab") or read_json(folder / "vocab.json")
        if isinstance(vocabulary, dict):
            self._known = {number: text for text, number in vocabulary.items()}
        else:  # a unigram vocabulary: pairs of text and score
            self._known = dict(enumerate(pair[0] for pair in vocabulary))
        self._known |= {number: text for text, number in read_json(folder / "added_tokens.json").items()}
        added = settings.get("added_tokens_decoder") or {}
        self._known |= {int(number): token["content"] for number, token in added.items()}
        self._known |= {token["id"]: token["content"] for token in tokenizer.get("added_tokens") or []}

    def text(self, token: int) -> str:
        known = self._known.get(token)
        if known or self._known or self._pieces is None:
            return known or ""
        return self._pieces.token_text(token)
