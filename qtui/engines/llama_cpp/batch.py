"""The tokens of one `llama_decode`, in arrays that C and numpy share: filled by slices and not value by value."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray


class LlamaBatch:
    def __init__(self, size: int) -> None:
        self.size = size
        self._token = np.zeros(size, np.int32)
        self._position = np.zeros(size, np.int32)
        self._sequence = np.zeros(size, np.int32)
        self._wants_logits = np.zeros(size, np.int8)
        self._one_each = np.ones(size, np.int32)
        integer = ctypes.POINTER(ctypes.c_int32)
        first = self._sequence.ctypes.data
        places = (integer * size)(*(ctypes.cast(first + 4 * row, integer) for row in range(size)))
        self._places = places  # pointers into `_sequence`; numpy would not keep them alive
        native: Any = llama_cpp.llama_batch()
        native.token = self._token.ctypes.data_as(integer)
        native.pos = self._position.ctypes.data_as(integer)
        native.n_seq_id = self._one_each.ctypes.data_as(integer)
        native.seq_id = places
        native.logits = self._wants_logits.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        self.native = native
        self.clear()

    @property
    def count(self) -> int:
        return int(self.native.n_tokens)

    @property
    def left(self) -> int:
        return self.size - self.count

    def clear(self) -> None:
        self.native.n_tokens = 0

    def add_one_each(self, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int]) -> None:
        """The next token of several answers, each of which wants logits."""
        start, end = self.count, self.count + len(tokens)
        self._token[start:end] = tokens
        self._position[start:end] = positions
        self._sequence[start:end] = sequences
        self._wants_logits[start:end] = 1
        self.native.n_tokens = end

    def add_run(self, tokens: NDArray[np.int32], position: int, sequence: int, *, wants_logits: bool) -> int:
        """Tokens that follow each other in one sequence; logits, if wanted, after the last. Returns the row of that."""
        start, end = self.count, self.count + len(tokens)
        self._token[start:end] = tokens
        self._position[start:end] = np.arange(position, position + len(tokens))
        self._sequence[start:end] = sequence
        self._wants_logits[start:end] = 0
        self._wants_logits[end - 1] = wants_logits
        self.native.n_tokens = end
        return end - 1
