"""The importance matrix of a variant: a file that llama.cpp quantizes a model's folder with, or a text to make one of."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtui.files import named_path

if TYPE_CHECKING:
    from qtui.experiment.form import VariantForm


def choose(form: "VariantForm", weights: str, base: Path, problem: Callable[[str], None]) -> str | None:
    """Return the absolute path of the file that `form` names; None if it names none. `problem` gets what is wrong with it."""
    if form.imatrix is None:
        return None
    path = (base / named_path.expanded(form.imatrix)).resolve()
    if form.engine != "llama.cpp":
        problem(f"only llama.cpp quantizes with an importance matrix, and not {form.engine}.")
    elif weights.endswith(".gguf"):
        problem("has no effect on a GGUF file, which is quantized already; name the model's folder as weights.")
    elif not path.is_file():
        problem(f"{path}: no such file (an importance matrix, or a text to make one of).")
    return str(path)
