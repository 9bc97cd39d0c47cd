"""The device that a model is computed on, as `compute` decides once per process."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Compute:
    """`accelerator` as returned by `available.accelerator`; `cpu` if the GPU is not used."""

    accelerator: str
    rearranges_weights: bool = True
    """For llama.cpp on a CPU: whether weights are kept in the layout of its fastest kernels (AMX, repacked)."""
    notes: tuple[str, ...] = ()
    """For the user: limitations of this choice and their remedies."""
    report: dict[str, str] = field(default_factory=dict)
    """The library's self-description: version, commit, processor features."""


ENDPOINT = Compute("cpu")
