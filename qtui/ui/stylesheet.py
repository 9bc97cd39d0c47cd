"""Reads a widget's stylesheet, which is beside its module under the same name, when the module is imported."""

from pathlib import Path


def beside(module_file: str) -> str:
    """Return the text of `header.tcss` for the `__file__` of `header.py`."""
    return Path(module_file).with_suffix(".tcss").read_text(encoding="utf-8")
