"""Records of figures as JSON: the names of the fields are the keys, in the order of the fields."""

from typing import Any

import msgspec

_KEYS = {"run_id": "run"}
"""JSON keys of fields that have a different name there."""
_INLINE = ("figures",)
"""Fields whose record is flattened in JSON into the object around it."""


def to_json(figure: Any) -> Any:
    """Return a record of this package, or a sequence of them, as JSON values. Round it first with `rounding.rounded`."""
    return _with_keys(msgspec.to_builtins(figure))


def _with_keys(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_with_keys(each) for each in value]
    if not isinstance(value, dict):
        return value
    name: str
    keyed: dict[str, Any] = {}
    for name, each in value.items():
        if name in _INLINE:
            keyed |= _with_keys(each)
        else:
            keyed[_KEYS.get(name, name)] = _with_keys(each)
    return keyed
