"""The texts of the tokens that end an answer, as a model's files name them.

By default the engines differ: llama.cpp ends at every token whose text looks like an end token, transformers at those that a
checkpoint names. Then the same text would end on one engine and continue on the other, and the difference would be attributed to
quantization. So the tokens are named here by their texts, and each engine looks them up in its vocabulary.
"""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from qtui.engines.weights import special_tokens, turn_ends
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
_NAMES = frozenset(
    (
        "eos", "eot", "eotid", "eom", "eomid", "endoftext", "endofturn", "endofmessage", "endofsentence", "endofutterance",
        "imend",
    )
)  # fmt: skip
"""Letters and digits of a special token's text that say that it is an end, however a family brackets and joins them."""
_LONGEST_NAME = 32
_BRACKETS = ("<", "[", "_", "|", "{")
_CONTROL, _USER_DEFINED = 3, 4
"""Types of tokens in `tokenizer.ggml.token_type`: without a text of its own; a text that is one token wherever it is."""

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
    named = {header.token_text(header.whole_number(f"tokenizer.ggml.{name}_token_id")) for name in _NAMED_BY_GGUF}
    template = header.chat_template or ""
    behind = turn_ends.written_behind(template, _special_texts(header))
    tokens = _Tokens(header, {*_BY_TEXT, *special_tokens.possible_markers(), *behind.beginnings(), *named})
    within = {special_tokens.END_OF_MESSAGE} if special_tokens.message_ends_within_answer(tokens.ids) else set[str]()
    found = named - within
    for text in tokens.ids:
        if text in _BY_TEXT or text == special_tokens.END_OF_MESSAGE:
            # A word that only looks like an end token (`</s>` in Gemma 4, a tag of HTML) is one if the template writes it.
            found |= {text} if tokens.is_special(text) or text in template else set()
        elif _is_end_by_name(text) and tokens.is_control(text):
            found.add(text)
    found -= within
    yield from found
    yield from _learned(behind, tokens, found, named) - within


def _learned(behind: turn_ends.WrittenBehind, tokens: "_Tokens", known: set[str], named: set[str]) -> set[str]:
    """The end tokens that only the template shows.

    A token behind the last answer is one, unless one that is known stands there too (`<|END_RESPONSE|><|END_OF_TURN_TOKEN|>`). A
    token that opens another's turn is one only if the file itself names such a one: other models end their turn before it.
    """
    last = tokens.at_beginning(behind.last, (_CONTROL, _USER_DEFINED))
    openers = {first for text in behind.before_turns for first in tokens.at_beginning(text, (_CONTROL,))[:1]}
    return ({*last[:1]} if known.isdisjoint(last) else set()) | (set() if named.isdisjoint(openers) else openers)


def _is_end_by_name(text: str) -> bool:
    # Most words of a vocabulary are told apart by their first character.
    is_bracketed = text.startswith(_BRACKETS) and len(text) <= _LONGEST_NAME
    return is_bracketed and "".join(filter(str.isalnum, text)).lower() in _NAMES


def _special_texts(header: GgufHeader) -> dict[str, str]:
    names = {"eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
    texts = {
        key: header.token_text(header.whole_number(f"tokenizer.ggml.{name}_token_id")) for key, name in names.items()
    }
    return texts | {"bos_token": header.token_text(header.bos_id)}


class _Tokens:
    """Those tokens of a GGUF file's vocabulary that may end an answer: the texts asked for, and names of ends."""

    def __init__(self, header: GgufHeader, texts: Collection[str]) -> None:
        self.ids = header.ids_where(lambda text: text in texts or _is_end_by_name(text))
        types = header.token_types(self.ids.values())
        self._types = {text: types.get(token) for text, token in self.ids.items()}

    def is_control(self, text: str) -> bool:
        """Whether the file says that a token has no text of its own."""
        return self._types[text] == _CONTROL

    def is_special(self, text: str) -> bool:
        """Whether a token is no word; True if the file does not say."""
        kind = self._types[text]
        return kind in (None, _CONTROL) or (kind == _USER_DEFINED and special_tokens.looks_special(text))

    def at_beginning(self, text: str, types: Collection[int]) -> list[str]:
        """The tokens of these types that a text begins with, one behind the other, the longest first; blanks between them."""
        found: list[str] = []
        while True:
            text = text.lstrip()
            sizes = range(min(len(text), turn_ends.LONGEST_TOKEN), 0, -1)
            token = next((text[:size] for size in sizes if self._types.get(text[:size]) in types), "")
            if not token:
                return found
            found.append(token)
            text = text[len(token) :]


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
