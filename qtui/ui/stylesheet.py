"""A widget's stylesheet lies beside its module under the same name and is read with it, so it costs nothing before."""

from pathlib import Path


def beside(module_file: str) -> str:
    """The text of `header.tcss` for the `__file__` of `header.py`."""
    return Path(module_file).with_suffix(".tcss").read_text(encoding="utf-8")
