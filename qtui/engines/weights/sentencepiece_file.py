"""Reads what planning needs of a SentencePiece file (tokenizer.model) without the package, because planning imports nothing heavy.

The file is a protobuf message: its pieces (field 1, repeated), each a message that begins with its text (field 1), then the
settings it was trained with (field 2), in which field 3 is the kind of model.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qtui.errors import UserError

NAME = "tokenizer.model"
_WORDS_IN_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2} \d+\r?\n")
_PIECE, _SETTINGS, _KIND = 1, 2, 3
_UNIGRAM = 1
_LONGEST_NUMBER = 63
"""Bits of a number."""
_NUMBER, _LONG, _TEXT, _SHORT = 0, 1, 2, 5
"""How a field is encoded."""


@dataclass(frozen=True, slots=True)
class SentencepieceFile:
    """A tokenizer.model, read once. Its methods raise UserError if it is damaged."""

    path: Path
    content: bytes

    def token_text(self, token: int) -> str:
        """Return the text of a token; empty for an unknown id."""
        for number, piece in enumerate(self._texts(_PIECE)):
            if number == token:
                return next(
                    (value.decode() for field, value in _fields(piece) if field == _PIECE and isinstance(value, bytes)),
                    "",
                )
        return ""

    def check(self) -> None:
        """Raise UserError if the file is damaged. A list of words in base64, which some models have under this name, is left out.

        The library's words on a damaged file are about packages that would not help.
        """
        if _WORDS_IN_BASE64.match(self.content):
            return
        try:
            pieces = sum(next(_fields(piece))[0] == _PIECE for piece in self._texts(_PIECE))
        except (IndexError, ValueError, StopIteration) as error:
            raise _unreadable(self.path, error) from None
        if not pieces:
            raise _unreadable(self.path, ValueError("it has no pieces"))

    def is_unigram(self) -> bool:
        """Whether the file splits a text into its likeliest pieces, and not by merges."""
        for settings in self._texts(_SETTINGS):
            return next((value for field, value in _fields(settings) if field == _KIND), _UNIGRAM) == _UNIGRAM
        return False

    def _texts(self, wanted: int) -> Iterator[bytes]:
        try:
            for field, value in _fields(self.content):
                if field == wanted and isinstance(value, bytes):
                    yield value
        except (IndexError, ValueError) as error:
            raise _unreadable(self.path, error) from None


def read_sentencepiece_file(folder: Path) -> SentencepieceFile | None:
    """Return a model folder's tokenizer.model; None if it has none. Raises UserError if it cannot be read."""
    path = folder / NAME
    try:
        return SentencepieceFile(path, path.read_bytes()) if path.is_file() else None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path}: cannot be read ({error}); download the model again")


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """The fields of a protobuf message: number and value. Raises ValueError or IndexError if it is none."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        kind = tag & 7
        if kind == _NUMBER:
            value, place = _varint(data, place)
            yield tag >> 3, value
            continue
        if kind == _TEXT:
            length, place = _varint(data, place)
        elif kind in (_LONG, _SHORT):
            length = 8 if kind == _LONG else 4
        else:
            raise ValueError("it is no SentencePiece model")
        if place + length > len(data):
            raise ValueError("it is cut off")
        yield tag >> 3, data[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """The variable-length integer at an offset, and the offset after it."""
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if shift > _LONGEST_NUMBER:
            raise ValueError("it is no SentencePiece model")
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
