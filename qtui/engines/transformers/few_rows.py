"""Linear layers in float32 on a CPU, for as many rows as a step of a batch has.

torch asks its BLAS for rows × weights; for few rows the same product asked for as weights × columns comes back sooner: measured
on an AMD EPYC, 16 rows, in 0.60 of the time at 1024 × 2816 and in 0.85 at 4096 × 4096. A single row and long prompts gain nothing.
"""

from types import MethodType
from typing import Any

import torch

_FEWEST, _MOST = 12, 64


def use(model: Any) -> None:
    for module in model.modules():
        # Not subclasses: quantized layers compute in their own way.
        if type(module) is torch.nn.Linear and module.weight.dtype == torch.float32:
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]


def _forward(self: torch.nn.Linear, input: torch.Tensor) -> torch.Tensor:
    rows = input.shape[:-1].numel()
    if not _FEWEST <= rows <= _MOST:
        return torch.nn.functional.linear(input, self.weight, self.bias)
    found = (self.weight @ input.reshape(rows, -1).t()).t()
    if self.bias is not None:
        found = found + self.bias
    return found.contiguous().view(*input.shape[:-1], -1)
