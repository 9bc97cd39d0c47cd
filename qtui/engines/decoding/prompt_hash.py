"""A short hash of a prompt's token ids, to compare the prompts of two variants without storing the ids.

The same text may become different tokens on the other side (a wrongly named tokenizer, a second BOS), even the same number of
them. Only the ids show this.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def hash_of(ids: Sequence[int] | NDArray[np.int32]) -> str:
    """Return 16 hexadecimal digits: a hash of the ids as little-endian int32."""
    return hashlib.blake2b(np.asarray(ids, "<i4").tobytes(), digest_size=8).hexdigest()
