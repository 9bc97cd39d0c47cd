"""The tokens of one `llama_decode`, in arrays shared by C and numpy, so that they are filled by slices."""

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray


class LlamaBatch:
    """A `llama_batch` of up to `size` tokens; `native` is the C structure."""

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
        self._places = places  # pointers into `_sequence`, kept here because numpy does not keep them alive
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
        """Tokens in the batch."""
        return int(self.native.n_tokens)

    @property
    def left(self) -> int:
        """Tokens that still fit."""
        return self.size - self.count

    def clear(self) -> None:
        """Remove all tokens."""
        self.native.n_tokens = 0

    def add_one_each(self, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int]) -> None:
        """Add the next token of several answers, each with logits."""
        start, end = self.count, self.count + len(tokens)
        self._token[start:end] = tokens
        self._position[start:end] = positions
        self._sequence[start:end] = sequences
        self._wants_logits[start:end] = 1
        self.native.n_tokens = end

    def add_run(self, tokens: NDArray[np.int32], position: int, sequence: int, *, wants_logits: bool) -> int:
        """Add consecutive tokens of one sequence, with logits after the last if `wants_logits`. Returns the row of the last."""
        start, end = self.count, self.count + len(tokens)
        self._token[start:end] = tokens
        self._position[start:end] = np.arange(position, position + len(tokens))
        self._sequence[start:end] = sequence
        self._wants_logits[start:end] = 0
        self._wants_logits[end - 1] = wants_logits
        self.native.n_tokens = end
        return end - 1
