"""A cache of keys and values whose rows are answers of any length: a row is filled anew while the others go on.

The library's own caches hold rows that are equally long, so that a batch shrinks as answers end, and copy everything to add one
token. Here each row begins in its first column and has its own length; columns beyond it are masked.
"""

from typing import Any

import torch
import transformers
from transformers.cache_utils import DynamicLayer

_PADDING = 64
"""Columns are added in multiples of this."""


def takes(model: Any, context: int) -> bool:
    """Whether a model computes rows of unequal length right: one of the library's own whose attention takes any mask,

    and that forgets nothing within `context`.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    forgets = window is not None and context > window
    return (
        type(model).__module__.startswith("transformers.")
        and getattr(model, "_supports_attention_backend", False)
        and model.config._attn_implementation == "sdpa"
        and kinds <= {"full_attention", "sliding_attention"}
        and not forgets
    )


def bytes_per_cell(model: Any) -> int:
    """Of keys and values of all layers, for one token."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * kept * width * model.dtype.itemsize)


class RowCache(transformers.Cache):
    """`lengths[row]` tokens are in each row; rows beyond them are not computed. `rows` is how many there may be."""

    def __init__(self, model: Any, rows: int) -> None:
        layers = model.config.get_text_config().num_hidden_layers
        super().__init__(layers=[_RowLayer(self) for _ in range(layers)])
        self.layers: list[Any]
        self.most_rows = rows
        self.lengths: list[int] = []
        self.device = model.device

    def put(self, row: int, length: int, other: Any, place: int) -> None:
        """The last `length` tokens of row `place` of another cache become this row, the next new one or one that ended."""
        if row == len(self.lengths):
            self.lengths.append(0)
        self.lengths[row] = length
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.put(row, length, theirs.keys[place], theirs.values[place])

    def drop(self, row: int) -> None:
        """The last row takes the place of this one."""
        last = len(self.lengths) - 1
        if row != last:
            for layer in self.layers:
                layer.move(last, row, self.lengths[last])
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def begin_step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Makes room for a token in each row: the mask, (rows, 1, 1, columns), and the positions, (rows, 1), of the new ones."""
        columns = max(self.lengths) + 1
        self.places = torch.tensor(self.lengths, device=self.device)
        self.every = torch.arange(len(self.lengths), device=self.device)
        self.columns = columns
        for layer in self.layers:
            layer.reserve(columns)
        mask = torch.arange(columns, device=self.device) <= self.places[:, None]
        return mask[:, None, None, :], self.places[:, None]

    def end_step(self) -> None:
        self.lengths = [length + 1 for length in self.lengths]


class _RowLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """`keys` and `values` are (most rows, heads, columns, width)."""

    keys: Any
    values: Any

    def __init__(self, cache: RowCache) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.cache = cache

    def put(self, row: int, length: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
            self.keys, self.values = (
                part.new_zeros(self.cache.most_rows, part.shape[0], _padded(length), part.shape[-1])
                for part in (keys, values)
            )
        self.reserve(length)
        self.keys[row, :, :length] = keys[:, keys.shape[1] - length :]
        self.values[row, :, :length] = values[:, values.shape[1] - length :]

    def move(self, source: int, row: int, length: int) -> None:
        self.keys[row, :, :length] = self.keys[source, :, :length]
        self.values[row, :, :length] = self.values[source, :, :length]

    def reserve(self, columns: int) -> None:
        held = self.keys.shape[2]
        if columns > held:
            more = _padded(max(columns, held + held // 2)) - held
            self.keys, self.values = (
                torch.nn.functional.pad(part, (0, 0, 0, more)) for part in (self.keys, self.values)
            )

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        cache = self.cache
        # A layer of a model on several devices has its part of the cache on its own.
        every, places = cache.every.to(key_states.device), cache.places.to(key_states.device)
        self.keys[every, :, places] = key_states[:, :, 0]
        self.values[every, :, places] = value_states[:, :, 0]
        return self.keys[: len(every), :, : cache.columns], self.values[: len(every), :, : cache.columns]


def _padded(columns: int) -> int:
    return -(-columns // _PADDING) * _PADDING
