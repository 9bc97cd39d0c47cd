"""What a model is computed on: the outcome that `compute` decides on, once per process."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Compute:
    """`accelerator` as in `available.accelerator`, `cpu` where the GPU is not used."""

    accelerator: str
    rearranges_weights: bool = True
    """Of llama.cpp on a CPU: whether weights are kept in the order that its fastest kernels want (AMX, repacked)."""
    notes: tuple[str, ...] = ()
    """For the user: what is not as it should be, and what mends it."""
    report: dict[str, str] = field(default_factory=dict)
    """What the library says of itself."""


ENDPOINT = Compute("cpu")
