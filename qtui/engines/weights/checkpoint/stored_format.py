"""How the weights of a checkpoint are stored, as the headers of its files show: names and types of tensors, no value is needed.

A config that does not name the quantization of its files is common (ModelOpt writes `hf_quant_config.json`, exporters forget it).
transformers and llama.cpp's converter then take the stored numbers for the weights, without their scales, and compute nonsense.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from qtui.engines.weights.checkpoint.safetensors_header import StoredTensor

_FLOAT8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_SCALE_BYTES = ("U8", "F8_E8M0")
_SMALL = (*_FLOAT8, "F8_E8M0", "F4", "F6_E2M3", "F6_E3M2")
_INTEGERS = ("I8", "U8", "I32", "U32", "I16", "U16")
_SUFFIXES = (
    "weight", "qweight", "weight_packed", "qzeros", "_blocks", "_scales", "qdata", "W_q", "codes", "indices", "_data",
    "weight_scale", "weight_scale_inv", "gate_up_proj", "down_proj", "quant_state",
)  # fmt: skip
"""Ends of names of quantized weights. Masks, positions and tables of ordinary models are integers, too, under other names."""


@dataclass(frozen=True, slots=True)
class StoredFormat:
    """A format that is not plain floating point."""

    name: str
    """For the user, such as `fine-grained FP8`."""
    needs: str
    """What computes such weights, as words after "needs"."""
    evidence: str
    """The tensor that shows it, with its type."""


class _Tensors:
    """The tensors by the end of their names."""

    def __init__(self, tensors: Iterable[StoredTensor]) -> None:
        self.all = list(tensors)

    def ending(self, *ends: str, dtypes: Sequence[str] = ()) -> StoredTensor | None:
        """The first tensor whose name ends so, with one of the types."""
        fitting = (tensor for tensor in self.all if tensor.name.endswith(ends))
        return next((tensor for tensor in fitting if not dtypes or tensor.dtype in dtypes), None)


_VLLM = "a server that reads it (vLLM, SGLang or TensorRT-LLM), asked as an endpoint"
_Rule = tuple[str, str, Callable[[_Tensors], StoredTensor | None]]

_RULES: tuple[_Rule, ...] = (
    ("bitsandbytes 4 bits", "bitsandbytes", lambda t: t.ending("bitsandbytes__nf4", "bitsandbytes__fp4", ".quant_map")),
    ("bitsandbytes 8 bits", "bitsandbytes", lambda t: t.ending(".SCB")),
    (
        "NVFP4 (ModelOpt)",
        f"a Blackwell GPU, and {_VLLM}",
        lambda t: t.ending("weight_scale_2", "weights_scaling_factor_2"),
    ),
    (
        "NVFP4 (compressed-tensors)",
        "compressed-tensors",
        lambda t: t.ending("weight_packed") and t.ending("weight_global_scale"),
    ),
    ("compressed-tensors", "compressed-tensors", lambda t: t.ending("weight_packed")),
    ("MXFP4", "triton and kernels on a GPU", lambda t: t.ending("_blocks", dtypes=("U8",)) and t.ending("_scales")),
    ("GPTQ or AWQ", "gptqmodel", lambda t: t.ending(".qweight", "qzeros", dtypes=("I32", "I16", "U32"))),
    (
        "MXFP4 (Quark)",
        f"amd-quark, or {_VLLM}",
        lambda t: t.ending("weight_scale", dtypes=_SCALE_BYTES) and t.ending(".weight", dtypes=("U8",)),
    ),
    ("MXFP8", "accelerate", lambda t: t.ending("weight_scale", "scale_inv", dtypes=_SCALE_BYTES)),
    ("fine-grained FP8", "accelerate, and an NVIDIA GPU of compute capability 8.9", lambda t: t.ending("scale_inv")),
    (
        "FP8 (ModelOpt, Quark, FBGEMM or compressed-tensors)",
        f"the package that wrote it (compressed-tensors or amd-quark), or {_VLLM}",
        lambda t: t.ending("scale", "qscale_weight", "scaling_factor") and t.ending("weight", "_proj", dtypes=_FLOAT8),
    ),
    (
        "INT8, INT4 or ternary with scales",
        f"the package that wrote it (compressed-tensors or amd-quark), or {_VLLM}",
        lambda t: t.ending("weight_scale", "scales") and t.ending("weight", dtypes=_INTEGERS),
    ),
    ("torchao", "torchao", lambda t: t.ending("qdata", "tensor_impl", ":data", ":scale")),
    ("quanto", "optimum-quanto", lambda t: t.ending("weight._data", "weight._scale")),
    ("HQQ", "hqq", lambda t: t.ending(".W_q")),
    ("AQLM", "aqlm", lambda t: t.ending(".codebooks") and t.ending(".codes", dtypes=_INTEGERS)),
    ("VPTQ", "vptq", lambda t: t.ending(".centroids.weight", ".centroids") and t.ending("indices", dtypes=_INTEGERS)),
    ("float8 without scales", "the original weights", lambda t: t.ending("weight", "_proj", dtypes=_SMALL)),
)


def find(tensors: Iterable[StoredTensor]) -> StoredFormat | None:
    """Return the format of quantized weights among the tensors; None if all weights are plain floating point numbers."""
    known = _Tensors(tensors)
    for name, needs, evidence in _RULES:
        tensor = evidence(known)
        if tensor:
            return StoredFormat(name, needs, _described(tensor))
    other = next((tensor for tensor in known.all if _is_small(tensor)), None)
    return StoredFormat("a type that is not known here", _VLLM, _described(other)) if other else None


def _is_small(tensor: StoredTensor) -> bool:
    if len(tensor.shape) < 2:
        return False
    return tensor.dtype in _SMALL or (tensor.dtype in _INTEGERS and tensor.name.endswith(_SUFFIXES))


def _described(tensor: StoredTensor) -> str:
    return f"{tensor.name} is {tensor.dtype}"
