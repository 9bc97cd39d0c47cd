"""The tokenizer of a Hugging Face folder, as an engine needs it: prompts to ids, and the bytes of each token.

The bytes come from the vocabulary and not from `decode`, which drops a leading space and replaces incomplete characters together
with their neighbours. It would return other texts than llama.cpp for the same tokens.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from qtui.engines.protocol.answering import Prompt
from qtui.engines.weights import special_tokens
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.files.parsing import reason

_BYTE = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")


class HubTokenizer:
    """Raises UserError if the folder's tokenizer cannot be read."""

    def __init__(self, weights: Weights, *, trust_remote_code: bool = False, space_after_special: bool = True) -> None:
        self.folder = folder = weights.path
        self._format = weights.prompt_format
        try:
            self.library: Any = _finder(self._format).from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
            """The tokenizer of the transformers library."""
        except Exception as error:  # of files that are damaged the library raises anything
            raise UserError(f"{folder}: its tokenizer cannot be read ({reason(error)}); download it again") from error
        if self._format.is_unigram and self._format.is_sentencepiece_llama:
            _use_likeliest_pieces(self.library, folder)
        self._decoder = _decoder(self.library)
        self._special = set(self.library.all_special_ids) | {
            number for number, token in self.library.added_tokens_decoder.items() if token.special
        }
        self._added = set(self.library.added_tokens_decoder)
        self._special |= {
            number
            for number, token in self.library.added_tokens_decoder.items()
            if special_tokens.looks_special(token.content)
        }
        self._special -= set(self.ids_of(self._format.marker_texts).values())
        self._byte_of = {char: byte for byte, char in _byte_level_alphabet().items()}
        self._pieces: dict[int, bytes] = {}
        self._plain: Any = None
        _put_spaces(self.library, space_after_special)

    def tokens(self, prompt: Prompt) -> list[int]:
        """Return the prompt's token ids, with special tokens in its text parsed, and with one BOS if the prompt says so."""
        ids = list(self.library(prompt.text, add_special_tokens=False)["input_ids"])
        if not prompt.bos:
            return ids
        if self.library.bos_token_id is None:
            raise UserError(f"{self.folder}: the prompt begins with a BOS, and this model's tokenizer has none")
        return [self.library.bos_token_id, *ids]

    def plain_tokens(self, text: str) -> list[int]:
        """Return the token ids of a text in mid-answer: without an added space, and without parsing special tokens."""
        if self._plain is None:
            self._plain = _without_space_before(self.library, self.folder)
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token adds to a text; empty for a special token."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token)
        return piece

    def ids_of(self, texts: Collection[str]) -> dict[str, int]:
        """Return the ids of those `texts` that are single tokens."""
        if not texts:
            return {}
        vocabulary = self.library.get_vocab()
        return {text: vocabulary[text] for text in texts if text in vocabulary}

    def is_special(self, token: int) -> bool:
        """Whether the token has no text in an answer."""
        return not self.piece(token)

    def default_end_ids(self) -> list[int]:
        """Return the end tokens that the folder names."""
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
    """The class that loads the tokenizer: the library's automatic one, except for the Llama family.

    For these the automatic class adds the leading space by the model's type (Llama or Mistral), not by the tokenizer's files. Of a
    tokenizer.json with a unigram model their own class would make a BPE.
    """
    import transformers

    if form.is_sentencepiece_llama and form.is_unigram and form.has_tokenizer_json:
        return transformers.PreTrainedTokenizerFast
    return transformers.LlamaTokenizer if form.is_sentencepiece_llama else transformers.AutoTokenizer


def _use_likeliest_pieces(tokenizer: Any, folder: Path) -> None:
    """Give a tokenizer of the Llama family the unigram model of its files.

    transformers 5 makes a BPE of the pieces of every tokenizer.model, which splits texts otherwise than the model has learned them.
    """
    from sentencepiece import SentencePieceProcessor
    from tokenizers import models

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or type(backend.model).__name__ == "Unigram":
        return
    pieces = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    scored = [(pieces.id_to_piece(token), pieces.get_score(token)) for token in range(pieces.vocab_size())]
    backend.model = models.Unigram(scored, unk_id=pieces.unk_id(), byte_fallback=True)


def _decoder(tokenizer: Any) -> str:
    """`sentencepiece`, `byte-level` or `other`, by the tokenizer's decoder."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return "other"
    steps = json.dumps(json.loads(backend.to_str()).get("decoder"), ensure_ascii=False)
    if '"ByteLevel"' in steps:
        return "byte-level"
    return "sentencepiece" if "▁" in steps else "other"


def _put_spaces(tokenizer: Any, after_special: bool) -> None:
    """Make a SentencePiece tokenizer add its space where the prompts need it; see `Prompt.space_after_special`.

    With `after_special` it behaves like SentencePiece and llama.cpp, which also add a space to a text that begins with one.
    """
    from tokenizers import AddedToken, normalizers

    added = tokenizer.added_tokens_decoder.values()
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rule: Any = getattr(backend, "pre_tokenizer", None)
    if backend is not None and type(rule).__name__ == "Metaspace" and rule.prepend_scheme != "never":
        if after_special:
            backend.add_tokens(
                # Added words are matched in the original text, before spaces are added.
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


def _without_space_before(tokenizer: Any, folder: Path) -> Any:
    """A copy of the underlying tokenizer that adds no space before a text."""
    from tokenizers import Tokenizer

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise UserError(f"{folder}: its tokenizer is written in Python, which cannot tokenize a text in mid-answer")
    settings = json.loads(backend.to_str())
    for name in ("normalizer", "pre_tokenizer"):
        settings[name] = _without_added_space(settings[name])
    copy = Tokenizer.from_str(json.dumps(settings))
    copy.encode_special_tokens = True
    copy.no_truncation()
    copy.no_padding()
    return copy


def _without_added_space(step: Any) -> Any:
    """A normalizer or pre-tokenizer of tokenizer.json without the steps that add a space before the text."""
    if step is None or step["type"] == "Prepend":
        return None
    if step["type"] == "Sequence":
        inner = "normalizers" if "normalizers" in step else "pretokenizers"
        return {**step, inner: [changed_step for each in step[inner] if (changed_step := _without_added_space(each))]}
    changed = {"prepend_scheme": "never", "add_prefix_space": False}
    return {name: changed.get(name, value) for name, value in step.items()}


def _byte_level_alphabet() -> dict[int, str]:
    """GPT-2's mapping of bytes to characters: printable bytes map to themselves, the others to U+0100 and following."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printing]
    return {byte: chr(byte) for byte in printing} | {byte: chr(0x100 + n) for n, byte in enumerate(others)}
