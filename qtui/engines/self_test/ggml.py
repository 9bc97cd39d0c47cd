"""Products of small tensors on ggml's devices, through the C interface of the library that llama.cpp uses."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PLAIN = "plain"
"""The buffer with weights as in the file. Other buffers of a CPU rearrange them for its instructions, such as `AMX`."""

_OVERHEAD_BYTES = 1 << 20
"""Bytes for the descriptions of tensors and of the graph; their data is in buffers of the device."""
_SUCCESS = 0
_F32, _I32 = 0, 26  # ggml_type
_CPU_DEVICE = 0  # ggml_backend_dev_type
_KINDS: dict[int, Literal["cpu", "gpu"]] = {_CPU_DEVICE: "cpu", 1: "gpu", 2: "gpu"}


class _InitParameters(ctypes.Structure):
    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


class _TypeTraits(ctypes.Structure):
    _fields_ = (
        ("type_name", ctypes.c_char_p),
        ("block_size", ctypes.c_int64),
        ("block_size_interleave", ctypes.c_int64),
        ("type_size", ctypes.c_size_t),
        ("is_quantized", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)),
    )


@dataclass(frozen=True, slots=True)
class Device:
    """A device that ggml can compute on."""

    name: str
    description: str
    kind: Literal["cpu", "gpu", "other"]
    buffers: tuple[str, ...]
    """Names of the buffer types for weights, `PLAIN` first."""


class CannotComputeError(Exception):
    """The device does not support this product; llama.cpp computes it on another."""


class Ggml:
    """The functions of the loaded library."""

    def __init__(self) -> None:
        import llama_cpp

        llama_cpp.llama_backend_init()
        # This handle also resolves functions of libllama's dependencies; opening their files again would load second copies.
        self._library: Any = llama_cpp.llama_cpp._lib
        _declare(self._library)

    def devices(self) -> list[Device]:
        """Return all devices of the library."""
        library = self._library
        handles = [library.ggml_backend_dev_get(place) for place in range(library.ggml_backend_dev_count())]
        return [
            Device(
                _text(library.ggml_backend_dev_name(handle)),
                _text(library.ggml_backend_dev_description(handle)),
                _KINDS.get(library.ggml_backend_dev_type(handle), "other"),
                (PLAIN, *self._extra_buffers(handle)),
            )
            for handle in handles
        ]

    def report(self) -> dict[str, str]:
        """Return the library's self-description: processor features in use, release and commit."""
        import llama_cpp

        return {
            "features": llama_cpp.llama_print_system_info().decode(errors="replace").strip(" |"),
            "ggml": _text(self._library.ggml_version()),
            "commit": _text(self._library.ggml_commit()),
        }

    def quantized(self, weights: Floats, type_number: int) -> NDArray[np.uint8]:
        """Return `weights`, shape (rows, columns), quantized to a type, shape (rows, bytes)."""
        rows, columns = weights.shape
        data = np.zeros((rows, self._library.ggml_row_size(type_number, columns)), np.uint8)
        # Some types require an importance of columns; equal values change nothing.
        even = np.ones(columns, np.float32)
        self._library.ggml_quantize_chunk(
            type_number, _address(weights), _address(data), 0, rows, columns, _address(even)
        )
        return data

    def dequantized(self, data: NDArray[np.uint8], type_number: int, columns: int) -> Floats:
        """Return blocks as numbers, shape (rows, columns), decoded by the gguf package if it supports the type, else by ggml."""
        independent = _by_gguf_package(data, type_number)
        if independent is not None:
            return independent
        numbers = np.empty((len(data), columns), np.float32)
        traits = self._library.ggml_get_type_traits(type_number).contents
        for row, values in zip(data, numbers, strict=True):
            traits.to_float(_address(row), _address(values), columns)
        return numbers

    def product(
        self, data: NDArray[np.uint8], type_number: int, columns: int, tokens: Floats, *, device: str, buffer: str
    ) -> Floats:
        """Return weights × tokens computed on a device, shape (tokens, rows); `tokens` has shape (tokens, columns).

        Raises CannotComputeError if the device does not support it, RuntimeError if it fails.
        """
        with self._context() as context, self._backend(device) as (handle, backend):
            library = self._library
            weights = library.ggml_new_tensor_2d(context, type_number, columns, len(data))
            with self._memory(context, self._buffer_type(handle, buffer)), self._context() as other:
                factor = library.ggml_new_tensor_2d(other, _F32, columns, len(tokens))
                result = library.ggml_mul_mat(other, weights, factor)
                self._check_offered(handle, result)
                library.ggml_backend_tensor_set(weights, _address(data), 0, data.nbytes)
                with self._memory(other, library.ggml_backend_dev_buffer_type(handle)):
                    library.ggml_backend_tensor_set(factor, _address(tokens), 0, tokens.nbytes)
                    return self._computed(other, backend, result, (len(tokens), len(data)))

    def expert_product(
        self,
        data: NDArray[np.uint8],
        type_number: int,
        columns: int,
        tokens: Floats,
        chosen: NDArray[np.int32],
        *,
        experts: int,
        device: str,
        buffer: str,
    ) -> Floats:
        """Return the product in which each token has its own experts, shape (tokens, experts per token, rows).

        `data` has shape (experts × rows, bytes); `chosen` are experts' numbers, shape (tokens, experts per token).
        Raises errors as `product` does.
        """
        rows, per_token = len(data) // experts, chosen.shape[1]
        with self._context() as context, self._backend(device) as (handle, backend):
            library = self._library
            weights = library.ggml_new_tensor_3d(context, type_number, columns, rows, experts)
            with self._memory(context, self._buffer_type(handle, buffer)), self._context() as other:
                factor = library.ggml_new_tensor_3d(other, _F32, columns, 1, len(tokens))
                numbers = library.ggml_new_tensor_2d(other, _I32, per_token, len(tokens))
                result = library.ggml_mul_mat_id(other, weights, factor, numbers)
                self._check_offered(handle, result)
                library.ggml_backend_tensor_set(weights, _address(data), 0, data.nbytes)
                with self._memory(other, library.ggml_backend_dev_buffer_type(handle)):
                    library.ggml_backend_tensor_set(factor, _address(tokens), 0, tokens.nbytes)
                    library.ggml_backend_tensor_set(numbers, _address(chosen), 0, chosen.nbytes)
                    return self._computed(other, backend, result, (len(tokens), per_token, rows))

    def _computed(self, context: int, backend: int, result: int, shape: tuple[int, ...]) -> Floats:
        library = self._library
        graph = library.ggml_new_graph(context)
        library.ggml_build_forward_expand(graph, result)
        status = library.ggml_backend_graph_compute(backend, graph)
        if status != _SUCCESS:
            raise RuntimeError(f"ggml stopped computing (status {status})")
        values = np.empty(shape, np.float32)
        library.ggml_backend_tensor_get(result, _address(values), 0, values.nbytes)
        return values

    def _check_offered(self, device: int, result: int) -> None:
        """Raise CannotComputeError for an unsupported product. A rearranging buffer crashes when it gets an unsupported type."""
        if not self._library.ggml_backend_dev_supports_op(device, result):
            raise CannotComputeError

    @contextmanager
    def _context(self) -> Iterator[int]:
        context = self._library.ggml_init(_InitParameters(_OVERHEAD_BYTES, None, True))
        try:
            yield context
        finally:
            self._library.ggml_free(context)

    @contextmanager
    def _backend(self, name: str) -> Iterator[tuple[int, int]]:
        device = self._library.ggml_backend_dev_by_name(name.encode())
        if not device:
            raise RuntimeError(f"the library has no device {name}")
        backend = self._library.ggml_backend_dev_init(device, None)
        if not backend:
            raise RuntimeError(f"the device {name} cannot be used")
        self._use_all_threads(device, backend)
        try:
            yield device, backend
        finally:
            self._library.ggml_backend_free(backend)

    @contextmanager
    def _memory(self, context: int, buffer_type: int) -> Iterator[None]:
        buffer = self._library.ggml_backend_alloc_ctx_tensors_from_buft(context, buffer_type)
        if not buffer:
            raise RuntimeError("the device gave no memory")
        try:
            yield
        finally:
            self._library.ggml_backend_buffer_free(buffer)

    def _use_all_threads(self, device: int, backend: int) -> None:
        """Use several threads on a CPU: kernels divide their work, and some faults appear only then."""
        if self._library.ggml_backend_dev_type(device) != _CPU_DEVICE:
            return
        registry = self._library.ggml_backend_dev_backend_reg(device)
        setter = self._library.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_set_n_threads")
        if setter:
            threads = max(2, min(8, os.cpu_count() or 2))
            ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)(setter)(backend, threads)

    def _buffer_type(self, device: int, name: str) -> int:
        if name == PLAIN:
            return int(self._library.ggml_backend_dev_buffer_type(device))
        return self._extra_buffers(device)[name]

    def _extra_buffers(self, device: int) -> dict[str, int]:
        """The rearranging buffer types of a CPU, by name."""
        registry = self._library.ggml_backend_dev_backend_reg(device)
        getter = self._library.ggml_backend_reg_get_proc_address(registry, b"ggml_backend_dev_get_extra_bufts")
        if not getter:
            return {}
        listed = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)(getter)(device)
        by_name: dict[str, int] = {}
        place = 0
        while listed and listed[place]:
            by_name[_text(self._library.ggml_backend_buft_name(listed[place]))] = listed[place]
            place += 1
        return by_name


def _by_gguf_package(data: NDArray[np.uint8], type_number: int) -> Floats | None:
    import gguf

    try:
        values: Floats = gguf.quants.dequantize(data, gguf.GGMLQuantizationType(type_number)).astype(np.float32)
    except (NotImplementedError, ValueError, KeyError):
        return None
    return values


def _declare(library: Any) -> None:
    """Declare the types of the C functions in use. Pointers are passed as addresses."""
    pointer, number, size, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
    long = ctypes.c_int64
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "ggml_version": (text, ()),
        "ggml_commit": (text, ()),
        "ggml_init": (pointer, (_InitParameters,)),
        "ggml_free": (None, (pointer,)),
        "ggml_row_size": (size, (number, long)),
        "ggml_quantize_chunk": (size, (number, pointer, pointer, long, long, long, pointer)),
        "ggml_get_type_traits": (ctypes.POINTER(_TypeTraits), (number,)),
        "ggml_new_tensor_2d": (pointer, (pointer, number, long, long)),
        "ggml_new_tensor_3d": (pointer, (pointer, number, long, long, long)),
        "ggml_mul_mat": (pointer, (pointer, pointer, pointer)),
        "ggml_mul_mat_id": (pointer, (pointer, pointer, pointer, pointer)),
        "ggml_new_graph": (pointer, (pointer,)),
        "ggml_build_forward_expand": (None, (pointer, pointer)),
        "ggml_backend_dev_count": (size, ()),
        "ggml_backend_dev_get": (pointer, (size,)),
        "ggml_backend_dev_by_name": (pointer, (text,)),
        "ggml_backend_dev_name": (text, (pointer,)),
        "ggml_backend_dev_description": (text, (pointer,)),
        "ggml_backend_dev_type": (number, (pointer,)),
        "ggml_backend_dev_init": (pointer, (pointer, text)),
        "ggml_backend_dev_buffer_type": (pointer, (pointer,)),
        "ggml_backend_dev_backend_reg": (pointer, (pointer,)),
        "ggml_backend_dev_supports_op": (ctypes.c_bool, (pointer, pointer)),
        "ggml_backend_reg_get_proc_address": (pointer, (pointer, text)),
        "ggml_backend_buft_name": (text, (pointer,)),
        "ggml_backend_alloc_ctx_tensors_from_buft": (pointer, (pointer, pointer)),
        "ggml_backend_buffer_free": (None, (pointer,)),
        "ggml_backend_tensor_set": (None, (pointer, pointer, size, size)),
        "ggml_backend_tensor_get": (None, (pointer, pointer, size, size)),
        "ggml_backend_graph_compute": (number, (pointer, pointer)),
        "ggml_backend_free": (None, (pointer,)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


def _address(values: NDArray[Any]) -> int:
    return int(values.ctypes.data)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", errors="replace")
