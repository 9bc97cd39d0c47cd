"""Faster linear layers in float32 on a CPU, for batches of few rows.

torch computes rows × weights. For few rows BLAS is faster with the transposed product, weights × columns: measured on an AMD EPYC
with 16 rows, 0.60 of the time for 1024 × 2816 and 0.85 for 4096 × 4096. A single row and long prompts gain nothing.
"""

from types import MethodType
from typing import Any

import torch

_FEWEST, _MOST = 12, 64


def install(model: Any) -> None:
    """Replace the forward method of the model's linear layers."""
    for module in model.modules():
        # Not subclasses: quantized layers compute in their own way.
        if type(module) is torch.nn.Linear and module.weight.dtype == torch.float32:
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]


def _forward(self: torch.nn.Linear, input: torch.Tensor) -> torch.Tensor:
    rows = input.shape[:-1].numel()
    if not _FEWEST <= rows <= _MOST:
        return torch.nn.functional.linear(input, self.weight, self.bias)
    product = (self.weight @ input.reshape(rows, -1).t()).t()
    if self.bias is not None:
        product = product + self.bias
    return product.contiguous().view(*input.shape[:-1], -1)
