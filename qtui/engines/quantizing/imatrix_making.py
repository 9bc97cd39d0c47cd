"""Makes an importance matrix of a text, as llama.cpp's `llama-imatrix` does: the mean square of each input of each matrix.

The installed library has no function for it, but calls one of ours for every product that it computes (`cb_eval`), and there the
inputs are read. As in the tool, all matrices of the layers are measured, and the output head is not. Other than there, each chunk
begins with a BOS and its own tokens follow (the tool replaces the first by the BOS), and the rest of the text is a chunk, too.
"""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from qtui.engines.device_choice import Compute
from qtui.engines.llama_cpp import native_log
from qtui.engines.llama_cpp.model import LlamaModel
from qtui.engines.quantizing import imatrix_source
from qtui.engines.weights import unfinished
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError

CHUNK = 512
"""Tokens that the model reads at once, as `llama-imatrix` does by default."""
FEWEST_TOKENS = 16
"""A shorter text says nothing of the inputs."""

_DIMENSIONS, _SOURCES, _NAME, _PARAMETERS = 4, 10, 64, 64
_F32 = 0
_PRODUCT, _EXPERTS = b"MUL_MAT", b"MUL_MAT_ID"
_LAYERS = "blk."

Floats = npt.NDArray[np.float64]


class _Tensor(ctypes.Structure):
    """ggml's `ggml_tensor`, which has had this layout since 2023; `_Library.tensor` checks it."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * _DIMENSIONS),
        ("nb", ctypes.c_size_t * _DIMENSIONS),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_char * _PARAMETERS),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * _SOURCES),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * _NAME),
    )


@dataclass(slots=True)
class _Sums:
    """Sums of squares, shape (experts or 1, inputs), and the number of terms of each row."""

    squares: Floats
    counts: Floats


@dataclass(slots=True)
class _Library:
    """The functions of ggml that llama-cpp-python does not wrap. Raises UserError if the library lacks one."""

    native: Any = field(default_factory=lambda: llama_cpp.llama_cpp._lib)

    def __post_init__(self) -> None:
        types = {
            "ggml_op_name": (ctypes.c_char_p, [ctypes.c_int]),
            "ggml_get_name": (ctypes.c_char_p, [ctypes.c_void_p]),
            "ggml_nelements": (ctypes.c_int64, [ctypes.c_void_p]),
            "ggml_nbytes": (ctypes.c_size_t, [ctypes.c_void_p]),
            "ggml_backend_tensor_get": (
                None,
                [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t],
            ),
        }
        for name, (result, arguments) in types.items():
            try:
                function = getattr(self.native, name)
            except AttributeError:
                raise UserError(f"the installed llama-cpp-python cannot make importance matrices (no {name})") from None
            function.restype, function.argtypes = result, arguments

    def tensor(self, address: int) -> _Tensor:
        """The tensor at an address. Raises UserError if the library lays out tensors in another way than `_Tensor` does."""
        tensor = _Tensor.from_address(address)
        elements = int(np.prod(list(tensor.ne)))
        if self.native.ggml_get_name(address) != tensor.name or self.native.ggml_nelements(address) != elements:
            raise UserError(
                "the installed llama-cpp-python is of a version whose tensors qtui cannot read; make the importance matrix with "
                "llama.cpp's llama-imatrix"
            )
        return tensor

    def values(self, address: int, dtype: str) -> npt.NDArray[Any]:
        """A tensor's values, in numpy's order of dimensions (ggml's reversed), copied from its device."""
        tensor = self.tensor(address)
        data = np.empty(self.native.ggml_nbytes(address), np.uint8)
        self.native.ggml_backend_tensor_get(address, data.ctypes.data, 0, data.nbytes)
        shape, strides = tuple(tensor.ne)[::-1], tuple(tensor.nb)[::-1]
        return np.ndarray(shape, np.dtype(dtype), data.data, 0, strides)


class _Collector:
    """Adds up the squares of inputs while llama.cpp computes. `error` is the first one: none can pass through native code."""

    def __init__(self, library: _Library) -> None:
        self.library = library
        self.sums: dict[str, _Sums] = {}
        self.error: Exception | None = None

    def __call__(self, address: int, asks: bool, _: Any) -> bool:
        try:
            return self._wants(address) if asks else self._collect(address)
        except Exception as error:  # noqa: BLE001, RUF100
            self.error = self.error or error
            return False

    def _wants(self, address: int) -> bool:
        product = self.library.tensor(address)
        operation = self.library.native.ggml_op_name(product.op)
        if operation not in (_PRODUCT, _EXPERTS):
            return False
        inputs = self.library.tensor(product.src[1])
        return self._name(product).startswith(_LAYERS) and inputs.type == _F32

    def _name(self, product: _Tensor) -> str:
        """The matrix's name. The scheduler writes `CUDA0#blk.0.attn_q.weight#0` for a copy on another device."""
        name: str = self.library.tensor(product.src[0]).name.decode(errors="replace")
        return name.split("#")[1] if name.count("#") > 1 else name

    def _collect(self, address: int) -> bool:
        product = self.library.tensor(address)
        matrix = self.library.tensor(product.src[0])
        inputs = self.library.values(product.src[1], "<f4").astype(np.float64)
        if self.library.native.ggml_op_name(product.op) == _EXPERTS:
            chosen = self.library.values(product.src[2], "<i4")[0, 0]
            squares, counts = _by_expert(inputs[0], chosen, int(matrix.ne[2]))
        else:
            squares, counts = _by_matrix(inputs, int(matrix.ne[2]), int(matrix.ne[3]))
        name = self._name(product)
        known = self.sums.setdefault(name, _Sums(np.zeros_like(squares), np.zeros_like(counts)))
        known.squares += squares
        known.counts += counts
        return True


def _by_matrix(inputs: Floats, matrices: int, groups: int) -> tuple[Floats, Floats]:
    """Sums of squares of `inputs`, shape (d3, d2, tokens, inputs), for each of `groups` × `matrices`, and their number of terms."""
    sums = np.zeros((groups * matrices, inputs.shape[-1]))
    for outer in range(inputs.shape[0]):
        for inner in range(inputs.shape[1]):
            sums[(outer % groups) * matrices + inner % matrices] += np.square(inputs[outer, inner]).sum(0)
    terms = inputs.shape[0] * inputs.shape[1] * inputs.shape[2] / (matrices * groups)
    return sums, np.full(len(sums), terms)


def _by_expert(inputs: Floats, chosen: npt.NDArray[Any], experts: int) -> tuple[Floats, Floats]:
    """Sums per expert. `inputs` has shape (tokens, 1 or experts used, inputs), `chosen` (tokens, experts used)."""
    sums, counts = np.zeros((experts, inputs.shape[-1])), np.zeros(experts)
    for place in range(chosen.shape[1]):
        squares = np.square(inputs[:, place % inputs.shape[1]])
        np.add.at(sums, chosen[:, place], squares)
        np.add.at(counts, chosen[:, place], 1)
    return sums, counts


def make(
    weights: Weights,
    text: Path,
    target: Path,
    *,
    compute: Compute | None = None,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write the matrix of a GGUF file in F16, BF16 or F32 over a text to `target`, completely or not at all.

    `progress` gets 0 to 1. Raises UserError if the text is too short, and with llama.cpp's reason if it fails.
    """
    content = imatrix_source.text_of(text)
    model = LlamaModel(weights, compute=compute)
    ids = model.plain_tokens(content)
    if len(ids) < FEWEST_TOKENS:
        raise UserError(f"{text}: has {len(ids)} tokens, and an importance matrix needs at least {FEWEST_TOKENS}")
    sums = _measure(model, _chunks(ids, model), threads, progress)
    for name, each in sums.items():
        if not np.isfinite(each.squares).all():
            raise UserError(f"{weights.path}: computes NaN or infinity in {name}; its weights are damaged")
    _write(sums, target, text.name, len(ids))


def _chunks(ids: list[int], model: LlamaModel) -> list[list[int]]:
    bos = [model.bos] if model.bos >= 0 and model.weights.header.adds_bos else []
    step = CHUNK - len(bos)
    return [[*bos, *ids[start : start + step]] for start in range(0, len(ids), step)]


def _measure(
    model: LlamaModel, chunks: list[list[int]], threads: int | None, progress: Callable[[float], None] | None
) -> dict[str, _Sums]:
    collector = _Collector(_Library())
    callback = llama_cpp.ggml_backend_sched_eval_callback(collector)
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = CHUNK
    settings.n_threads = settings.n_threads_batch = threads or len(os.sched_getaffinity(0))
    # In half precision, cache and flash attention would cost three of the seven digits; a chunk is small enough without them.
    settings.type_k = settings.type_v = _F32
    settings.no_perf = True
    settings.offload_kqv = settings.op_offload = model.is_on_gpu
    settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.cb_eval = callback
    native: Any = llama_cpp.llama_init_from_model(model.pointer, settings)
    if not native:
        raise UserError(f"{model.path}: no memory to read {CHUNK} tokens: {native_log.last_error()}")
    batch = llama_cpp.llama_batch_init(CHUNK, 0, 1)
    try:
        for number, chunk in enumerate(chunks):
            _read(native, batch, chunk, model.path)
            if collector.error:
                raise collector.error
            if progress:
                progress((number + 1) / len(chunks))
    finally:
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(native)
    return collector.sums


def _read(native: Any, batch: Any, chunk: list[int], path: Path) -> None:
    """Let the model read one chunk from its beginning. All tokens ask for logits, or the last layer would compute only one."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(native), True)
    for place, token in enumerate(chunk):
        batch.token[place], batch.pos[place], batch.n_seq_id[place], batch.logits[place] = token, place, 1, True
        batch.seq_id[place][0] = 0
    batch.n_tokens = len(chunk)
    code = llama_cpp.llama_decode(native, batch)
    llama_cpp.llama_synchronize(native)
    if code:
        raise UserError(f"{path}: llama.cpp stopped computing (code {code}): {native_log.last_error()}")


def _write(sums: dict[str, _Sums], target: Path, source: str, tokens: int) -> None:
    """In the form of `llama-imatrix`, so that llama.cpp's own quantizer reads it, too."""
    import gguf

    with unfinished.atomic_target(target) as path:
        writer = gguf.GGUFWriter(path, "imatrix")
        writer.add_type("imatrix")
        writer.add_array("imatrix.datasets", [source])
        writer.add_uint32("imatrix.chunk_count", -(-tokens // CHUNK))
        writer.add_uint32("imatrix.chunk_size", CHUNK)
        for name, each in sorted(sums.items()):
            writer.add_tensor(f"{name}.in_sum2", each.squares.astype(np.float32))
            writer.add_tensor(f"{name}.counts", each.counts.reshape(-1, 1).astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
