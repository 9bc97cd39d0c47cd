"""How a model may use a cache of what it has read, tried out with a few tokens when it is loaded.

Attention keeps keys and values, which rows of any length share by masks. Recurrent layers keep a state that every earlier token has
changed, padding too, and models differ in what they make of that: in the name of the cache's parameter, in whether padded rows are
right, in whether several tokens may be added to a filled cache. A model that ignores a parameter raises no error, and its answers
are nonsense. So nothing is believed: the logits with a cache are compared with those without one.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers

_NAMES = ("past_key_values", "cache_params")
"""Parameters that take a cache in the library's models."""

_PROBE = 12
"""Tokens of the longer of the two rows that are tried; the shorter has half of them."""
_APART, _APART_IN_HALF = 0.01, 0.25
"""The greatest difference of logits that is rounding, as a share of their spread: root mean squares over the vocabulary. Another
text gives about 1; in half precision, rounding may send a token to another expert."""


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What was found out about one model."""

    parameter: str = "past_key_values"
    """The parameter that takes the cache; empty if every step must compute the whole text."""
    pads: bool = True
    """Whether rows of a batch may have unequal lengths, padded on the left; else a batch has prompts of one length."""
    extends: bool = True
    """Whether several tokens at once may be added to a filled cache."""

    @property
    def has_cache(self) -> bool:
        """Whether a cache is used."""
        return bool(self.parameter)

    @property
    def notes(self) -> tuple[str, ...]:
        """What makes this model slower than others, for the user."""
        found = (
            []
            if self.has_cache
            else ["the model reads the whole text again for every token: no cache gives its logits"]
        )
        found += (
            []
            if self.pads
            else ["only prompts of the same length are answered together: padding changes this model's logits"]
        )
        return tuple(found)


NO_CACHE = CacheUse("", extends=False)


@torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
def find_out(model: Any, prompts: Sequence[list[int]], *, may_cache: bool = True) -> CacheUse:
    """Return how this model may use a cache, tried with tokens of the job's own prompts. `may_cache` False: it refuses one."""
    rows = _rows_to_try(prompts)
    if not rows:
        return CacheUse() if may_cache else NO_CACHE
    expected = [_whole(model, row) for row in rows]
    name = _parameter(model) if may_cache else ""
    if not name or not _steps_are_right(model, name, rows[-1], expected[-1]):
        return CacheUse("", pads=_padding_is_right(model, "", rows, expected), extends=False)
    return CacheUse(
        name,
        pads=_padding_is_right(model, name, rows, expected),
        extends=_extension_is_right(model, name, rows[-1], expected[-1]),
    )


def forward(model: Any, cache: Any, parameter: str, **inputs: Any) -> Any:
    """Return the model's output, with those inputs that its forward pass takes."""
    given = {**inputs, "use_cache": cache is not None}
    return model(**_accepted(model, given), **({parameter: cache} if cache is not None else {}))


def new_cache(model: Any) -> Any:
    """Return an empty cache for all kinds of layers that the library knows."""
    return transformers.DynamicCache(config=model.config)


def keep_rows(cache: Any, rows: torch.Tensor) -> None:
    """Keep only these rows of a cache.

    The library's `batch_select_indices` leaves recurrent states as they are (transformers 5.23); `reorder_cache` changes all parts.
    """
    cache.reorder_cache(rows)


def _accepted(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(model.forward).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return inputs
    return {name: value for name, value in inputs.items() if name in parameters}


def _parameter(model: Any) -> str:
    parameters = inspect.signature(model.forward).parameters
    return next((name for name in _NAMES if name in parameters), "")


def _rows_to_try(prompts: Sequence[list[int]]) -> list[list[int]]:
    """A short and a long row, of real tokens; empty if no prompt has any."""
    longest = max(prompts, key=len, default=[])
    if not longest:
        return []
    # A short prompt is repeated: what the tokens say does not matter.
    long = (longest * _PROBE)[:_PROBE]
    return [long[1 : 1 + _PROBE // 2], long]


def _whole(model: Any, row: list[int]) -> torch.Tensor:
    """The logits after the last three tokens of a row, each computed from the beginning without a cache: shape (3, vocabulary)."""
    return torch.stack([_Rows(model, "", [row[: len(row) - back]]).read() for back in (2, 1, 0)])


def _steps_are_right(model: Any, name: str, row: list[int], expected: torch.Tensor) -> bool:
    """Whether a prompt and then one token at a time give the logits of the whole row."""

    def found() -> torch.Tensor:
        rows = _Rows(model, name, [row[:-2]])
        return torch.stack([rows.read(), rows.add([row[-2:-1]]), rows.add([row[-1:]])])

    return _agrees(found, expected, model.dtype)


def _extension_is_right(model: Any, name: str, row: list[int], expected: torch.Tensor) -> bool:
    """Whether three tokens added at once to a filled cache give the logits of the whole row."""

    def found() -> torch.Tensor:
        rows = _Rows(model, name, [row[:-3]])
        rows.read()
        return rows.add([row[-3:]])

    return _agrees(found, expected[-1], model.dtype)


def _padding_is_right(model: Any, name: str, rows: list[list[int]], expected: list[torch.Tensor]) -> bool:
    """Whether a short row gives its own logits in a batch with a long one, and continues when the long one has ended."""

    def found() -> torch.Tensor:
        short, long = rows
        both = _Rows(model, name, [short[:-2], long[:-2]])
        parts = [both.read(), both.add([short[-2:-1], long[-2:-1]])]
        both.keep_first()
        return torch.stack([*parts, both.add([short[-1:]])])

    return _agrees(found, expected[0], model.dtype)


class _Rows:
    """Rows of a batch that grow, padded on the left. Logits are those of the first row after its last token."""

    def __init__(self, model: Any, name: str, rows: list[list[int]]) -> None:
        self.model, self.name = model, name
        self.cache = new_cache(model) if name else None
        width = max(map(len, rows))
        self.ids = torch.tensor([[0] * (width - len(row)) + row for row in rows], device=model.device)
        self.mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=model.device)

    def read(self) -> torch.Tensor:
        return self._logits(self.ids.shape[1])

    def add(self, tokens: list[list[int]]) -> torch.Tensor:
        new = torch.tensor(tokens, device=self.ids.device)
        self.ids = torch.cat([self.ids, new], dim=1)
        self.mask = torch.cat([self.mask, torch.ones_like(new)], dim=1)
        return self._logits(self.ids.shape[1] if self.cache is None else new.shape[1])

    def keep_first(self) -> None:
        self.ids, self.mask = self.ids[:1], self.mask[:1]
        if self.cache is not None:
            keep_rows(self.cache, torch.tensor([0], device=self.ids.device))

    def _logits(self, columns: int) -> torch.Tensor:
        positions = (self.mask.cumsum(-1) - 1).clamp(min=0)
        out = forward(
            self.model,
            self.cache,
            self.name,
            input_ids=self.ids[:, -columns:],
            attention_mask=self.mask,
            position_ids=positions[:, -columns:],
        )
        logits: torch.Tensor = out.logits[0, -1].float()
        return logits


def _agrees(found: Callable[[], torch.Tensor], expected: torch.Tensor, dtype: torch.dtype) -> bool:
    """Whether computed logits are the expected ones. A model that does not take such a call raises almost any exception."""
    try:
        computed = found()
    except torch.OutOfMemoryError:
        raise
    except Exception:
        return False
    apart = (computed - expected).pow(2).mean(-1).sqrt().max()
    limit = _APART if dtype in (torch.float32, torch.float64) else _APART_IN_HALF
    return bool(apart <= limit * expected.std(-1).mean())
