"""Memory in use on the GPUs that llama.cpp sees, as ggml reports it, by all processes."""

import ctypes
from typing import Any

_GPU_KINDS = (1, 2)  # ggml_backend_dev_type: discrete, and integrated (shares the machine's memory)


def bytes_in_use() -> int:
    """Return the bytes in use on all GPUs together; 0 without a GPU."""
    import llama_cpp

    library: Any = llama_cpp.llama_cpp._lib
    library.ggml_backend_dev_count.restype = ctypes.c_size_t
    library.ggml_backend_dev_get.restype = ctypes.c_void_p
    library.ggml_backend_dev_get.argtypes = (ctypes.c_size_t,)
    library.ggml_backend_dev_type.argtypes = (ctypes.c_void_p,)
    library.ggml_backend_dev_memory.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    used = 0
    for place in range(library.ggml_backend_dev_count()):
        device = library.ggml_backend_dev_get(place)
        if library.ggml_backend_dev_type(device) not in _GPU_KINDS:
            continue
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        used += total.value - free.value
    return used
