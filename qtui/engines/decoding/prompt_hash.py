"""A short hash of a prompt's token ids, so that two sides can be held against each other without keeping the ids.

The same text can become other tokens on the other side (a tokenizer that a file names wrongly, a second BOS), in the same number
even: then only the ids tell.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def hash_of(ids: Sequence[int] | NDArray[np.int32]) -> str:
    """16 hexadecimal digits over the ids as little-endian int32."""
    return hashlib.blake2b(np.asarray(ids, "<i4").tobytes(), digest_size=8).hexdigest()
