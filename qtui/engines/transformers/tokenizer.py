"""The tokenizer of a folder of the hub's form, as an engine needs it: prompt into ids, and the bytes of each token.

The bytes come from the vocabulary itself and not from `decode`, which drops a leading space, turns a half-finished character
into several replacement marks together with its neighbours, and so would give other texts than llama.cpp for the same tokens.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

_BYTE = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")


class HubTokenizer:
    """Raises UserError where the folder's tokenizer cannot be read."""

    def __init__(self, weights: Weights, *, trust_remote_code: bool = False, space_after_special: bool = True) -> None:
        self.folder = folder = weights.path
        self._format = weights.prompt_format
        try:
            self.library: Any = _finder(self._format).from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
            """The tokenizer of the transformers library."""
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise UserError(f"{folder}: its tokenizer cannot be read ({_first_line(error)}); fetch it again") from None
        self._decoder = _decoder(self.library)
        self._special = set(self.library.all_special_ids) | {
            number for number, token in self.library.added_tokens_decoder.items() if token.special
        }
        self._added = set(self.library.added_tokens_decoder)
        self._byte_of = {char: byte for byte, char in _byte_level_alphabet().items()}
        self._pieces: dict[int, bytes] = {}
        self._plain: Any = None
        _put_spaces(self.library, space_after_special)

    def tokens(self, prompt: Prompt) -> list[int]:
        """The prompt's token ids, special tokens in its text parsed, with one BOS where the prompt says so."""
        ids = list(self.library(prompt.text, add_special_tokens=False)["input_ids"])
        if not prompt.bos:
            return ids
        if self.library.bos_token_id is None:
            raise UserError(f"{self.folder}: the prompt begins with a BOS, and this model's tokenizer has none")
        return [self.library.bos_token_id, *ids]

    def plain_tokens(self, text: str) -> list[int]:
        """The token ids of a text that goes on after others: no space put before it, no special token parsed in it."""
        if self._plain is None:
            self._plain = _without_prefix(self.library, self.folder)
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to a text; none for a special token."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._piece(token)
        return known

    def ids_of(self, texts: Collection[str]) -> dict[str, int]:
        """The ids of those texts that are single tokens."""
        if not texts:
            return {}
        known = self.library.get_vocab()
        return {text: known[text] for text in texts if text in known}

    def is_special(self, token: int) -> bool:
        return not self.piece(token)

    def default_end_ids(self) -> list[int]:
        """The tokens that the folder names as ends of an answer."""
        return list(self.ids_of(self._format.end_token_texts).values())

    def _piece(self, token: int) -> bytes:
        if token in self._special:
            return b""
        text = self.library.convert_ids_to_tokens(token)
        if text is None:
            return b""  # a row of the embedding that pads its size
        if token in self._added:
            return str(text).encode()
        if self._decoder == "sentencepiece":
            byte = _BYTE.match(text)
            return bytes([int(byte[1], 16)]) if byte else text.replace("▁", " ").encode()
        if self._decoder == "byte-level":
            return bytes(self._byte_of[char] for char in text if char in self._byte_of)
        return str(self.library.decode([token], skip_special_tokens=True)).encode()


def _finder(form: PromptFormat) -> Any:
    """The library's own finder of tokenizers, but for those of the Llama family.

    Of those it puts the space in front by whether the model is called a Llama or a Mistral, and not by the tokenizer's files.
    """
    import transformers

    return transformers.LlamaTokenizer if form.is_sentencepiece_llama else transformers.AutoTokenizer


def _decoder(tokenizer: Any) -> str:
    """`sentencepiece`, `byte-level` or `other`, by what the tokenizer itself decodes with."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return "other"
    steps = json.dumps(json.loads(backend.to_str()).get("decoder"), ensure_ascii=False)
    if '"ByteLevel"' in steps:
        return "byte-level"
    return "sentencepiece" if "▁" in steps else "other"


def _put_spaces(tokenizer: Any, after_special: bool) -> None:
    """Make a SentencePiece tokenizer put its space where the prompts say; see `Prompt.space_after_special`.

    After special tokens too means as SentencePiece and llama.cpp have it: before a text that begins with a space as well.
    """
    from tokenizers import AddedToken, normalizers

    added = tokenizer.added_tokens_decoder.values()
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rule: Any = getattr(backend, "pre_tokenizer", None)
    if backend is not None and type(rule).__name__ == "Metaspace" and rule.prepend_scheme != "never":
        if after_special:
            backend.add_tokens(
                # Added words are looked for in the text as it is, not in one that has spaces put in.
                [
                    AddedToken(token.content, normalized=False)
                    for token in added
                    if token.normalized and not token.special
                ]
            )
            backend.pre_tokenizer = None
            backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        else:
            rule.prepend_scheme = "first"
            backend.pre_tokenizer = rule


def _without_prefix(tokenizer: Any, folder: Path) -> Any:
    """A copy of the tokenizer underneath that takes a text as it stands."""
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserError(
            f"{folder}: its tokenizer runs in Python alone, which cannot say what a text in mid-answer comes to"
        )
    settings = json.loads(backend.to_str())
    for name in ("normalizer", "pre_tokenizer"):
        settings[name] = _as_it_stands(settings[name])
    copy = Tokenizer.from_str(json.dumps(settings))
    copy.encode_special_tokens = True
    copy.no_truncation()
    copy.no_padding()
    return copy


def _as_it_stands(step: Any) -> Any:
    """A normalizer or pre-tokenizer of tokenizer.json without what would put a space before the text."""
    if step is None or step["type"] == "Prepend":
        return None
    if step["type"] == "Sequence":
        inner = "normalizers" if "normalizers" in step else "pretokenizers"
        return {**step, inner: [kept for each in step[inner] if (kept := _as_it_stands(each))]}
    changed = {"prepend_scheme": "never", "add_prefix_space": False}
    return {name: changed.get(name, value) for name, value in step.items()}


def _byte_level_alphabet() -> dict[int, str]:
    """GPT-2's writing of bytes as printable characters: those that print are themselves, the others follow from U+0100 on."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return {byte: chr(byte) for byte in printing} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
