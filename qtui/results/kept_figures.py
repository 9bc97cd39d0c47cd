"""Figures kept on the disk for the next time that they are wanted: see `qtui.store.kept_values`."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

from qtui.store import kept_values
from qtui.store.kept_values import Kept


def read(function: Callable[..., Any], store: Path, *arguments: Any) -> Kept | None:
    """Return the figures that `function(store, *arguments)` returned when it was last kept; None without any of this program."""
    type_ = _type_of(function)
    return None if type_ is None else kept_values.read(store, _question(function, arguments), type_)


def keep(figures: Any, state: str | None, function: Callable[..., Any], store: Path, *arguments: Any) -> bool:
    """Keep figures that `function(store, *arguments)` computed while the store was in `state`. Return whether they are kept."""
    type_ = _type_of(function)
    return type_ is not None and kept_values.keep(store, _question(function, arguments), figures, type_, state)


def _question(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[str, ...]:
    return function.__module__, function.__qualname__, repr(arguments)


@lru_cache(maxsize=64)
def _type_of(function: Callable[..., Any]) -> Any:
    """Return the type of what a function returns; None if it does not say so, or in a way that only a type checker can read."""
    try:
        return get_type_hints(function).get("return")
    except NameError:
        return None
