"""Which tokens end an answer: settled once, from the files of a model's baseline, and the same for every engine.

Left to themselves the engines differ: llama.cpp ends at every token whose text looks like an end, transformers at those that a
checkpoint names. A model that writes one of the others would be cut off on one side and go on on the other, and the difference
would pass for quantization's. So tokens are named here by their texts, and each engine finds them in its own vocabulary.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from qtui.engines.prompts import prompt_format
from qtui.engines.prompts.prompt_format import read_json
from qtui.engines.protocol.answering import Request
from qtui.engines.weights import gguf_file
from qtui.errors import UserError
from qtui.records import Sampling

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
)
"""Of a GGUF baseline, whose file names one or two: what llama.cpp ends at by its text. A folder of the hub's form names all."""

_NAMED_BY_GGUF = ("eos", "eot", "eom")
_FIRST_FIELD = 0x0A
"""Of a protobuf message: number 1, a text or message with its length."""
_CONFIGS = ("generation_config.json", "config.json")


class Vocabulary(Protocol):
    """What an engine knows of its tokens."""

    def ids_of(self, texts: Collection[str]) -> dict[str, int]:
        """The ids of those texts that are single tokens."""
        ...

    def is_special(self, token: int) -> bool:
        """Whether it has no text in an answer."""
        ...

    def own_ends(self) -> Collection[int]:
        """The end tokens that the weights name themselves, for prompts that name none."""
        ...


def named_by(weights: Path) -> tuple[str, ...]:
    """Texts of the tokens that end an answer, by a folder of the hub's form or a GGUF file; none where it names none."""
    found = _of_folder(weights) if weights.is_dir() else _of_gguf(weights)
    return tuple(sorted({text for text in found if text}))


@dataclass(frozen=True, slots=True)
class EndTokens:
    """Ids in the vocabulary of some weights."""

    always: frozenset[int]
    by_stop: dict[str, int]
    """Stop texts that are special tokens: these have no text that could be found in an answer."""

    def of(self, sampling: Sampling) -> frozenset[int]:
        return self.always.union(self.by_stop[text] for text in sampling.stop if text in self.by_stop)


def find(requests: Sequence[Request], vocabulary: Vocabulary, where: Path) -> EndTokens:
    """What ends the answers to the requests of one job, in the vocabulary of the weights `where`.

    Raises UserError where it has none of the tokens that the baseline names: the sides do not speak the same tokens.
    """
    named = {text for request in requests for text in request.prompt.ends or ()}
    found = vocabulary.ids_of(named)
    if named and not found:
        raise UserError(
            f"{where}: its vocabulary has none of the tokens that end the baseline's answers ({', '.join(sorted(named))}); "
            "is it a variant of the same model?"
        )
    stops = vocabulary.ids_of({text for request in requests for text in request.sampling.stop})
    return EndTokens(
        frozenset(found.values() if named else vocabulary.own_ends()),
        {text: token for text, token in stops.items() if vocabulary.is_special(token)},
    )


def _of_gguf(path: Path) -> Iterator[str]:
    header = gguf_file.read_header(path)
    for name in _NAMED_BY_GGUF:
        yield header.token_text(header.values.get(f"tokenizer.ggml.{name}_token_id"))
    yield from header.tokens_among(_BY_TEXT)


def _of_folder(folder: Path) -> Iterator[str]:
    yield prompt_format.read(folder).eos_token
    named = {token for name in _CONFIGS for token in _ids_in(read_json(folder / name))}
    if named:
        texts = _Texts(folder)
        for token in sorted(named):
            yield texts.of(token)


def _ids_in(config: dict[str, Any]) -> list[int]:
    inner = config.get("text_config")
    value = config.get("eos_token_id", inner.get("eos_token_id") if isinstance(inner, dict) else None)
    values = value if isinstance(value, list) else [value]
    return [token for token in values if isinstance(token, int) and token >= 0]


class _Texts:
    """The text of a token by its id, from whichever file of a tokenizer has it; empty where none does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        settings = read_json(folder / "tokenizer_config.json")
        whole = read_json(folder / "tokenizer.json")
        vocabulary = (whole.get("model") or {}).get("vocab") or read_json(folder / "vocab.json")
        if isinstance(vocabulary, dict):
            self._known = {number: text for text, number in vocabulary.items()}
        else:  # of the unigram kind: pairs of text and score
            self._known = dict(enumerate(pair[0] for pair in vocabulary))
        self._known |= {number: text for text, number in read_json(folder / "added_tokens.json").items()}
        added = settings.get("added_tokens_decoder") or {}
        self._known |= {int(number): token["content"] for number, token in added.items()}
        self._known |= {token["id"]: token["content"] for token in whole.get("added_tokens") or []}

    def of(self, token: int) -> str:
        return self._known.get(token) or self._by_sentencepiece(token)

    def _by_sentencepiece(self, token: int) -> str:
        file = self._folder / "tokenizer.model"
        if self._known or not file.is_file():
            return ""
        try:
            return _sentencepiece_text(file.read_bytes(), token)
        except (IndexError, UnicodeDecodeError, OSError) as error:
            raise UserError(f"{file}: cannot be read ({error}); fetch the model again") from None


def _sentencepiece_text(data: bytes, token: int) -> str:
    """The text of a piece, read without the package, which planning is too light for; empty where there are fewer.

    The file is a protobuf message that begins with its pieces (field 1), each a message that begins with its text (field 1).
    """
    place = 0
    for _ in range(token + 1):
        if place >= len(data) or data[place] != _FIRST_FIELD:
            return ""
        length, start = _varint(data, place + 1)
        place = start + length
    size, text = _varint(data, start + 1)
    return data[text : text + size].decode() if data[start] == _FIRST_FIELD else ""


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """The number at a place, seven bits a byte, and the place after it."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
