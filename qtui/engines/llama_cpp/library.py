"""Which llama.cpp is loaded: its own report of its version, its back ends and the instructions that it was built for."""

import ctypes
from typing import Any


def lines() -> list[str]:
    """Lines for a log. For processes that have loaded the library; what an older one cannot say is left out."""
    import llama_cpp

    report = llama_cpp.llama_print_system_info()
    facts = (
        f"llama-cpp-python {llama_cpp.__version__}",
        _text("ggml_version", "ggml "),
        _text("ggml_commit", "commit "),
        f"back ends {', '.join(_back_ends()) or 'unknown'}",
    )
    return [
        "llama.cpp: " + ", ".join(fact for fact in facts if fact),
        "llama.cpp: " + (report or b"").decode(errors="replace").strip(" |\n"),
    ]


def _text(function: str, before: str) -> str:
    """What a function without arguments says, after `before`; empty where the library does not have it."""
    native = _function(function, ctypes.c_char_p)
    said = native() if native else None
    return before + said.decode(errors="replace") if said else ""


def _back_ends() -> list[str]:
    count = _function("ggml_backend_reg_count", ctypes.c_size_t)
    get = _function("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    name = _function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
    if not (count and get and name):
        return []
    return [(name(get(index)) or b"?").decode(errors="replace") for index in range(count())]


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """A function of the library that llama-cpp-python does not wrap; None where it is not there.

    It is looked for among the libraries that libllama brings with it.
    """
    import llama_cpp

    library = getattr(llama_cpp.llama_cpp, "_lib", None)
    try:
        # An object of its own: what is set here must not reach the one that the package uses.
        native = ctypes.CDLL(library._name)[name] if library is not None else None
    except (AttributeError, OSError):
        return None
    if native is not None:
        native.restype, native.argtypes = result, list(arguments)
    return native
