"""Which architectures the installed engines know, read from their files: nothing is imported, and nothing is fetched to find out.

A model is then refused by its config.json, or by what the hub says of a GGUF file, before gigabytes of weights are downloaded.
Where a list cannot be read (another version writes it otherwise), nothing is refused here, and the engine itself says why it cannot
load the model.
"""

import ast
import mmap
from functools import lru_cache
from pathlib import Path

from qtui.engines import available
from qtui.engines.weights import library_source
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

TEXT_MODELS = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
IMAGE_TEXT_MODELS = "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"
"""Models that also see images. They answer texts too."""


def check_transformers(weights: Weights, name: str, *, trusts_code: bool) -> None:
    """Raises UserError if transformers does not know a folder's architecture and its own code may not run or is not there.

    `name` is the model's, for errors. Only the folder's config.json is read.
    """
    kind = str(weights.config.get("model_type", ""))
    known = transformers_types()
    if not kind or not known or kind in known:
        return
    if weights.has_remote_code:
        if trusts_code:
            return
        raise UserError(
            f"{name}: transformers does not know this architecture ({kind}), and the model brings Python code of its own, which "
            "would run on this machine: read it, and if you trust it set trust_remote_code = true for this variant"
        )
    version = available.versions(("transformers",)).get("transformers", "")
    raise UserError(
        f"{name}: transformers {version} has no text model of this architecture ({kind}); a newer version may have it "
        "(pip install -U transformers), or name a GGUF file and run it on llama.cpp"
    )


def check_llama_cpp(architecture: str, name: str) -> None:
    """Raises UserError if the installed llama.cpp does not know a GGUF file's architecture. `name` is the file's, for errors."""
    if architecture and not knows_gguf(architecture):
        version = available.versions(("llama-cpp-python",)).get("llama-cpp-python", "")
        raise UserError(
            f"{name}: llama.cpp (of llama-cpp-python {version}) does not know this architecture ({architecture}); a newer "
            f"version may: {available.INSTALL_LLAMA_CPP}"
        )


def check_converter(script: Path, architecture: str, name: str) -> None:
    """Raises UserError if llama.cpp's converter does not know a folder's architecture, such as `Qwen3ForCausalLM`."""
    if not converter_knows(script, architecture):
        raise UserError(
            f"{name}: llama.cpp's converter ({script.parent}) does not know {architecture}, so no GGUF file can be made of it; "
            "run it on transformers, or name a GGUF file"
        )


@lru_cache(maxsize=1)
def transformers_types() -> frozenset[str]:
    """Return the model types whose text the installed transformers can generate, as config.json names them; empty if not known."""
    tables = {name: _pairs(name) for name in (TEXT_MODELS, IMAGE_TEXT_MODELS)}
    return frozenset().union(*tables.values()) if all(tables.values()) else frozenset()


def knows_gguf(architecture: str) -> bool:
    """Whether llama.cpp's library has this name of an architecture among its texts; True if there is no library to read."""
    libraries = [
        file for folder in available.package_folders("llama_cpp") for file in sorted((folder / "lib").glob("*llama.*"))
    ]
    return not libraries or any(_has_text(file, architecture) for file in libraries)


def converter_knows(script: Path, architecture: str) -> bool:
    """Whether llama.cpp's converter names this architecture; True if its list cannot be found."""
    files = [script, *sorted((script.parent / "conversion").glob("*.py"))]
    sources = [file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()]
    has_list = any('"LlamaForCausalLM"' in source for source in sources)
    return not has_list or any(f'"{architecture}"' in source for source in sources)


def _pairs(table: str) -> frozenset[str]:
    """The first texts of the pairs in a table of transformers' automatic classes."""
    for folder in available.package_folders("transformers"):
        file = folder / "models" / "auto" / "modeling_auto.py"
        value = library_source.assigned_value(file, table)
        tuples = [each for each in ast.walk(value) if isinstance(each, ast.Tuple) and each.elts] if value else []
        return frozenset(str(each.elts[0].value) for each in tuples if isinstance(each.elts[0], ast.Constant))
    return frozenset()


def _has_text(library: Path, text: str) -> bool:
    """Whether a text of C, ended by a zero byte, is in a file."""
    try:
        with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data.find(text.encode() + b"\0") >= 0
    except (OSError, ValueError):
        return True
