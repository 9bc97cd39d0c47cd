"""A key-value cache whose rows have independent lengths, so that a row can be refilled while the others continue.

The library's caches have rows of equal length, so that batches shrink as answers end, and they copy everything to add one token.
Here each row begins in the first column and has its own length; columns beyond it are masked.
"""

import inspect
from typing import Any

import torch
import transformers
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

_PADDING = 64
"""Columns are added in multiples of this."""


def supports(model: Any, context: int) -> bool:
    """Whether a model computes rows of unequal length correctly.

    It must be one of the library's models, with attention that accepts any mask and no sliding window shorter than `context`.
    """
    config = model.config.get_text_config()
    kinds = {type(layer) for layer in transformers.DynamicCache(config=model.config).layers}
    window = getattr(config, "sliding_window", None)
    forgets = window is not None and context > window
    return (
        type(model).__module__.startswith("transformers.")
        and getattr(model, "_supports_attention_backend", False)
        and model.config._attn_implementation == "sdpa"
        and "past_key_values" in inspect.signature(model.forward).parameters
        and kinds <= {DynamicLayer, DynamicSlidingWindowLayer}
        and not forgets
    )


def bytes_per_cell(model: Any) -> int:
    """Return the cache bytes per token: keys and values of all layers."""
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    kv_heads = getattr(config, "num_key_value_heads", None) or heads
    return int(2 * config.num_hidden_layers * kv_heads * width * model.dtype.itemsize)


class RowCache(transformers.Cache):
    """`lengths[row]` is the number of tokens in each row in use. `rows` is the maximum number of rows."""

    def __init__(self, model: Any, rows: int) -> None:
        layers = model.config.get_text_config().num_hidden_layers
        super().__init__(layers=[_RowLayer(self) for _ in range(layers)])
        self.layers: list[Any]
        self.most_rows = rows
        self.lengths: list[int] = []
        self.device = model.device

    def put(self, row: int, length: int, other: Any, place: int) -> None:
        """Copy the last `length` tokens of row `place` of another cache to `row`, a new row or one that ended."""
        if row == len(self.lengths):
            self.lengths.append(0)
        self.lengths[row] = length
        for layer, source in zip(self.layers, other.layers, strict=True):
            layer.put(row, length, source.keys[place], source.values[place])

    def drop(self, row: int) -> None:
        """Remove a row. The last row takes its place."""
        last = len(self.lengths) - 1
        if row != last:
            for layer in self.layers:
                layer.move(last, row, self.lengths[last])
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()

    def begin_step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Make room for a token in each row. Returns the mask, (rows, 1, 1, columns), and the new tokens' positions, (rows, 1)."""
        columns = max(self.lengths) + 1
        self.places = torch.tensor(self.lengths, device=self.device)
        self.every = torch.arange(len(self.lengths), device=self.device)
        self.columns = columns
        for layer in self.layers:
            layer.reserve(columns)
        mask = torch.arange(columns, device=self.device) <= self.places[:, None]
        return mask[:, None, None, :], self.places[:, None]

    def end_step(self) -> None:
        """Count the new token of each row."""
        self.lengths = [length + 1 for length in self.lengths]


class _RowLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's cache; `keys` and `values` have shape (maximum rows, heads, columns, width)."""

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
        columns_held = self.keys.shape[2]
        if columns > columns_held:
            more = _padded(max(columns, columns_held + columns_held // 2)) - columns_held
            self.keys, self.values = (
                torch.nn.functional.pad(part, (0, 0, 0, more)) for part in (self.keys, self.values)
            )

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        cache = self.cache
        # With a model on several devices, each layer's cache is on the layer's device.
        every, places = cache.every.to(key_states.device), cache.places.to(key_states.device)
        self.keys[every, :, places] = key_states[:, :, 0]
        self.values[every, :, places] = value_states[:, :, 0]
        return self.keys[: len(every), :, : cache.columns], self.values[: len(every), :, : cache.columns]


def _padded(columns: int) -> int:
    return -(-columns // _PADDING) * _PADDING
