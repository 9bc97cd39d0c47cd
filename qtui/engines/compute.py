"""The device and the kernels that an engine computes with, chosen once per process by the self test, before anything is loaded.

The device is part of an answer's key, so it is known before planning. The CPU replaces a GPU that fails the self test only if the
user allowed it. Kernels that rearrange weights are switched off if they fail, and for types for which they are slower.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from qtui.device import gpus, processor
from qtui.engines import available
from qtui.engines.device_choice import ENDPOINT, Compute
from qtui.engines.protocol.answering import Loading
from qtui.engines.self_test import testing
from qtui.engines.self_test.messages import Outcome
from qtui.engines.weights import gguf_file, precision
from qtui.engines.weights.weights import Weights
from qtui.errors import UserError
from qtui.records import VariantSpec, content_hash

Report = Callable[[str], None]

WHOLE_TYPES = frozenset(("0", "1", "30"))
"""ggml's numbers of the types that are not quantized: F32, F16 and BF16. Measured on a Xeon with AMX, 147 M parameters:
with rearranged weights F16 is 15 % slower with 8 and 16 sequences, while Q4_K_M reads prompts 1.5 times as fast."""

_USUAL_NAMES = ("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q3_K", "Q2_K", "Q4_0", "Q5_0", "IQ4_XS", "MXFP4")
USUAL_TYPES = tuple(str(gguf_file.TENSOR_TYPES[name]) for name in _USUAL_NAMES)
"""ggml's numbers of the types that `qtui doctor --self-test` tests."""

REBUILD = "rebuild llama.cpp for this machine: `make engines` (without make: `qtui engines`)"
_AGAIN = "run the same command again (the log has details)"
_NEW_TORCH = "install a torch that fits this GPU and its driver (see pytorch.org), or update the driver"


def for_variant(variant: VariantSpec, weights: Weights | None, *, allows_cpu: bool, report: Report) -> Compute:
    """Return how a variant is computed. `weights` is None for an endpoint; `report` gets the name of a phase.

    Raises UserError if no allowed device computes correctly.
    """
    if variant.engine == "openai" or weights is None:
        return ENDPOINT
    if variant.engine == "transformers":
        chosen = for_torch(precision.gpu_dtype(variant.precision, weights), allows_cpu=allows_cpu, report=report)
    elif variant.engine == "llama.cpp" and weights.is_folder:
        types = _types_of_precision(variant.precision)
        chosen = for_ggml(types, experts=False, allows_cpu=allows_cpu, report=report)
    else:
        assert variant.engine == "llama.cpp", variant.engine
        chosen = for_file(weights, allows_cpu=allows_cpu, report=report)
    idle_reason = available.idle_gpu(variant.engine)
    return replace(chosen, notes=(*chosen.notes, f"computed on the CPU: {idle_reason}")) if idle_reason else chosen


def for_file(weights: Weights, *, allows_cpu: bool, report: Report) -> Compute:
    """Return how a GGUF file is computed. Raises UserError as `for_variant` does."""
    return for_ggml(weights.matrix_types, experts=weights.has_experts, allows_cpu=allows_cpu, report=report)


def verify_file(weights: Weights, chosen: Compute, report: Callable[[Loading], None]) -> Compute:
    """Test the GGUF file that is loaded, and return the choice with the outcome: only after a conversion are its types known.

    The chosen device stays, since it is part of the answers' keys. Raises UserError if the file's types fail on it.
    """
    tested = for_file(weights, allows_cpu=chosen.accelerator == "cpu", report=lambda phase: report(Loading(phase)))
    if chosen.accelerator not in ("cpu", tested.accelerator):
        raise UserError(f"{weights.path}: {'; '.join(tested.notes)}. To run on the CPU anyway, start with --cpu")
    return replace(tested, accelerator=chosen.accelerator, notes=tuple(dict.fromkeys((*chosen.notes, *tested.notes))))


def hide_unused_gpus(*chosen: Compute) -> None:
    """Hide the GPUs from this process's libraries if none of its models is computed on one. Call it before they are loaded.

    A library that sees a GPU allocates memory on it and may give it work that was meant for the CPU.
    """
    if all(each.accelerator == "cpu" for each in chosen):
        for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
            os.environ[name] = ""


def for_ggml(types: Sequence[str], *, experts: bool, allows_cpu: bool, report: Report) -> Compute:
    """Return how ggml computes `types`: its type numbers, that of most weights first. Raises UserError as `for_variant` does."""
    tested = testing.test("ggml", ggml_identity(), types, experts=experts, report=report)
    if tested.broken:
        raise UserError(f"llama.cpp cannot be loaded on this machine: {tested.broken}; {REBUILD}")
    if tested.untested:
        raise UserError(f"llama.cpp could not be tested on this machine: {tested.untested}; {_AGAIN}")
    notes: list[str] = []
    accelerator = available.accelerator("llama.cpp")
    tested_gpus = [device for device in tested.devices if device.kind == "gpu"]
    uses_gpu = accelerator != "cpu"
    if uses_gpu and not tested_gpus:
        _fall_back_to_cpu(f"llama.cpp finds no usable GPU{_gpu_in_parentheses()}", allows_cpu, notes)
        accelerator = "cpu"
    faults = [fault for device in tested_gpus for fault in tested.faults(types, device.name)]
    if accelerator != "cpu" and faults:
        _fall_back_to_cpu(
            f"llama.cpp {_describe_state(faults[0])} on {_name_or_gpu(tested_gpus[0].description)}: {describe_fault(faults[0])}",
            allows_cpu,
            notes,
        )
        accelerator = "cpu"
    tested_cpus = [device for device in tested.devices if device.kind == "cpu"]
    for device in tested_cpus:
        plain_faults = tested.faults(types, device.name, "plain")
        if plain_faults:
            fault = plain_faults[0]
            remedy = _AGAIN if fault.state == "untested" else REBUILD
            raise UserError(f"llama.cpp {_describe_state(fault)} on this processor: {describe_fault(fault)}; {remedy}")
    rearranged_faults = [
        fault for device in tested_cpus for fault in tested.faults(types, device.name) if fault.case.buffer != "plain"
    ]
    if rearranged_faults and accelerator == "cpu":
        notes.append(
            f"the {rearranged_faults[0].case.buffer} kernels are switched off, which is slower:"
            f" {describe_fault(rearranged_faults[0])}; {REBUILD}"
        )
    return Compute(
        accelerator=accelerator,
        rearranges_weights=not rearranged_faults and not (types and types[0] in WHOLE_TYPES),
        notes=tuple(notes),
        report=tested.report,
    )


def for_torch(dtype: str, *, allows_cpu: bool, report: Report) -> Compute:
    """Return how torch computes. `dtype` is what a GPU would compute in. Raises UserError as `for_variant` does."""
    accelerator = available.accelerator("transformers")
    if accelerator == "cpu":
        return Compute("cpu")
    tested = testing.test("torch", torch_identity(), ["float32", dtype], report=report)
    notes: list[str] = []
    tested_gpus = [device for device in tested.devices if device.kind == "gpu"]
    if tested.broken:
        raise UserError(f"torch cannot be loaded on this machine: {tested.broken}; install it again")
    if tested.untested:
        raise UserError(f"torch could not be tested on this machine: {tested.untested}; {_AGAIN}")
    if not tested_gpus:
        unusable = tested.report.get("unusable") or "it finds no GPU"
        _fall_back_to_cpu(
            f"torch {tested.report.get('torch', '')} cannot use the GPU{_gpu_in_parentheses()}: {unusable}; {_NEW_TORCH}",
            allows_cpu,
            notes,
        )
        return Compute("cpu", notes=tuple(notes), report=tested.report)
    faults = [fault for device in tested_gpus for fault in tested.faults(["float32", dtype], device.name)]
    if faults:
        architectures = tested.report.get("architectures", "")
        kernels = f" (this torch has kernels for {architectures})" if "no kernel image" in faults[0].reason else ""
        _fall_back_to_cpu(
            f"torch cannot compute {dtype} on {tested_gpus[0].description}: {faults[0].reason}{kernels}; {_NEW_TORCH}",
            allows_cpu,
            notes,
        )
        accelerator = "cpu"
    return Compute(accelerator, notes=tuple(notes), report=tested.report)


def ggml_identity() -> str:
    """Return a hash of the llama.cpp build, the processor and the GPUs: self-test outcomes are valid for this combination."""
    folders = available.package_folders("llama_cpp")
    files = sorted(file for folder in folders for file in (folder / "lib").glob("lib*"))
    return content_hash("ggml", [_file_identity(file) for file in files], *_machine_identity())[:20]


def torch_identity() -> str:
    """Return a hash of the torch version, the processor and the GPUs, as `ggml_identity` does."""
    return content_hash("torch", available.version_of("transformers"), *_machine_identity())[:20]


def _file_identity(file: Path) -> list[object]:
    state = file.stat()
    return [file.name, state.st_size, state.st_mtime_ns]


def _machine_identity() -> list[object]:
    cpu = processor.processor()
    cards = [[gpu.vendor, gpu.name, gpu.driver, gpu.is_hidden] for gpu in gpus.gpus(asks_tools=False)]
    return [cpu.model, cpu.flags, cards]


def _fall_back_to_cpu(reason: str, allows_cpu: bool, notes: list[str]) -> None:
    """Note why the CPU replaces the GPU, if the user allowed the CPU; else raise UserError."""
    if not allows_cpu:
        raise UserError(f"{reason}. To run on the CPU anyway, start with --cpu")
    notes.append(f"computed on the CPU: {reason}")


def _types_of_precision(name: str) -> list[str]:
    """Return ggml's numbers of the types in a file of this precision: for Q4_K_M, Q4_K and (for the output) Q6_K."""
    type_name = precision.gguf_type(name)
    stems = [stem for stem in (type_name, type_name.rsplit("_", 1)[0]) if stem in gguf_file.TENSOR_TYPES][:1]
    if "_K" in type_name or type_name.startswith("IQ"):
        stems.append("Q6_K")
    return [str(gguf_file.TENSOR_TYPES[stem]) for stem in dict.fromkeys(stems)]


def describe_fault(fault: Outcome) -> str:
    """Describe a matrix product that failed its test: the name of its type and the reason."""
    names = {str(number): name for name, number in gguf_file.TENSOR_TYPES.items()}
    name = names.get(fault.case.type, f"type {fault.case.type}")
    return f"self test of {name}{' with experts' if fault.case.experts else ''}: {fault.reason}"


def _describe_state(fault: Outcome) -> str:
    return {"wrong": "computes wrong results", "untested": "could not be tested"}.get(fault.state, "cannot compute")


def _name_or_gpu(description: str) -> str:
    return description or "the GPU"


def _gpu_in_parentheses() -> str:
    """Return the name of the first GPU in parentheses, after a space; empty if the system lists none."""
    listed = gpus.gpus(asks_tools=False)
    return f" ({listed[0].name})" if listed else ""
