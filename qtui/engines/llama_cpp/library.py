"""The loaded llama.cpp as it reports itself: version, back ends and processor features."""

import ctypes
from typing import Any


def lines() -> list[str]:
    """Return lines for the log. The library must be loaded; values that an older one does not report are left out."""
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
    """The text that a function without arguments returns, after `before`; empty if the library lacks the function."""
    native = _function(function, ctypes.c_char_p)
    value = native() if native else None
    return before + value.decode(errors="replace") if value else ""


def _back_ends() -> list[str]:
    count = _function("ggml_backend_reg_count", ctypes.c_size_t)
    get = _function("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    name = _function("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
    if not (count and get and name):
        return []
    return [(name(get(index)) or b"?").decode(errors="replace") for index in range(count())]


def _function(name: str, result: Any, *arguments: Any) -> Any:
    """A function that llama-cpp-python does not wrap; None if it does not exist.

    The search includes the libraries that libllama loads.
    """
    import llama_cpp

    library = getattr(llama_cpp.llama_cpp, "_lib", None)
    try:
        # A separate object, so that these argument types do not change the package's.
        native = ctypes.CDLL(library._name)[name] if library is not None else None
    except (AttributeError, OSError):
        return None
    if native is not None:
        native.restype, native.argtypes = result, list(arguments)
    return native
