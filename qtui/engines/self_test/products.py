"""The products of the self test, their correct values, and their tolerances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 512, 160
"""The weights' shape. 512 is a multiple of every type's block size; 160 is a multiple of the 32 rows of AMX kernels, not of 128."""

TOKENS = (1, 4, 17, 70)
"""Numbers of columns of the other factor. Each is computed by a different kernel, on CPUs and on GPUs."""

EXPERTS, EXPERTS_PER_TOKEN = 4, 2

_TOLERANCE = {0: 2e-3, 1: 5e-3, 30: 2e-2}
_QUANTIZED_TOLERANCE = 3e-2
"""llama.cpp also rounds the other factor: to 8 bits with quantized weights, to half precision with F16 and BF16, and a GPU may
compute float32 in TF32. Errors measured on correct libraries: F32 3e-4, F16 4e-4, BF16 3e-3, quantized 7e-3. Wrong products are
wrong by about their size."""

_WORST_OVER_MEAN = 8.0
"""Limit of the largest error. Of 10⁴ normally distributed errors the largest is about 4 times their root mean square."""


class WrongProductError(Exception):
    """A product differs from the correct one by more than rounding. `error` is relative to its size; None for NaN."""

    def __init__(self, message: str, error: float | None = None) -> None:
        super().__init__(message)
        self.error = error


@dataclass(frozen=True, slots=True)
class Case:
    """A product to test: the weights' type (ggml's number), device and buffer type; with experts for mixture-of-experts models."""

    type: int
    device: str
    buffer: str
    experts: bool = False


def largest_error(ggml: Any, case: Case) -> float:
    """Return the largest error of the case's products, over all of `TOKENS`, relative to their size (root mean squares).

    `ggml` is a `Ggml`. Raises WrongProductError if it is more than rounding, CannotComputeError if the device does not support it.
    """
    weights, data = _weights(ggml, case)
    return max(_error(ggml, case, weights, data, tokens) for tokens in TOKENS)


def _weights(ggml: Any, case: Case) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Random weights, as numbers and as blocks of the type."""
    rows = ROWS * (EXPERTS if case.experts else 1)
    values = np.random.default_rng(case.type).standard_normal((rows, COLUMNS)).astype(np.float32)
    data = ggml.quantized(values, case.type)
    return ggml.dequantized(data, case.type, COLUMNS).astype(np.float64), data


def _error(ggml: Any, case: Case, weights: NDArray[np.float64], data: NDArray[np.uint8], count: int) -> float:
    random = np.random.default_rng(count)
    where = {"device": case.device, "buffer": case.buffer}
    tokens = random.standard_normal((count, COLUMNS)).astype(np.float32)
    if case.experts:
        # Distinct experts per token, as a router chooses them: GPUs compute wrong products for duplicates.
        chosen = np.argsort(random.random((count, EXPERTS)), axis=1)[:, :EXPERTS_PER_TOKEN]
        chosen = np.ascontiguousarray(chosen, np.int32)
        right = np.einsum("tprc,tc->tpr", weights.reshape(EXPERTS, ROWS, COLUMNS)[chosen], tokens)
        computed = ggml.expert_product(data, case.type, COLUMNS, tokens, chosen, experts=EXPERTS, **where)
    else:
        right = tokens @ weights.T
        computed = ggml.product(data, case.type, COLUMNS, tokens, **where)
    return _checked(computed, right, _TOLERANCE.get(case.type, _QUANTIZED_TOLERANCE), count)


def _checked(computed: NDArray[np.float32], right: NDArray[np.float64], tolerance: float, count: int) -> float:
    if not np.isfinite(computed).all():
        raise WrongProductError(f"a product with {count} columns contains NaN or infinity")
    size = float(np.sqrt(np.mean(right**2)))
    error = float(np.sqrt(np.mean((computed - right) ** 2))) / size
    worst = float(np.abs(computed - right).max()) / size
    if error > tolerance or worst > tolerance * _WORST_OVER_MEAN:
        where = f"a product with {count} columns has an error of {error:.1%} of its size, at worst {worst:.1%}"
        raise WrongProductError(where, error)
    return error
