"""The process that multiplies with torch: `python -m qtui.engines.self_test.run_torch`.

A wheel of torch has kernels for only some generations of GPUs and needs a new enough driver. Both show only when it computes.
"""

import faulthandler
import os
import sys
from collections.abc import Iterator

import msgspec

from qtui.engines.self_test.messages import CaseName, CaseStarted, DeviceFacts, Devices, Outcome, SelfTestJob
from qtui.errors import words_of

SIZE = 256
_TOLERANCE = {"float32": 2e-3, "float16": 5e-3, "bfloat16": 2e-2}
"""Relative to the product's size. A GPU may compute float32 in TF32, with the 10 bits of half precision."""


def main() -> None:
    """Read one SelfTestJob from stdin, write the outcomes to stdout, and end the process."""
    faulthandler.enable()
    protocol = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=SelfTestJob)
    for message in _messages(job):
        os.write(protocol, msgspec.json.encode(message) + b"\n")
    os._exit(0)


def _messages(job: SelfTestJob) -> Iterator[Devices | CaseStarted | Outcome]:
    import torch

    is_usable, reason = _cuda_state()
    names = [f"cuda:{place}" for place in range(torch.cuda.device_count())] if is_usable else []
    devices = [DeviceFacts(name, torch.cuda.get_device_name(name), "gpu", ["plain"]) for name in names]
    report = {"torch": str(torch.__version__), "cuda": torch.version.cuda or "", "hip": torch.version.hip or ""}
    report |= {"architectures": " ".join(torch.cuda.get_arch_list()), "unusable": reason}
    yield Devices([DeviceFacts("cpu", "", "cpu", ["plain"]), *devices], report)
    for device in ("cpu", *names):
        for dtype in job.types:
            case = CaseName(dtype, device)
            if case not in job.skipped:
                yield CaseStarted(case)
                yield _outcome(case)


def _cuda_state() -> tuple[bool, str]:
    """Whether torch can use a GPU; if not, why, for a torch that is built for one."""
    import warnings

    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                torch.zeros(1, device="cuda")
                return True, ""
        except RuntimeError as error:
            return False, str(error).splitlines()[0]
    return False, str(caught[-1].message).splitlines()[0] if caught else ""


def _outcome(case: CaseName) -> Outcome:
    import torch

    dtype = getattr(torch, case.type)
    random = torch.Generator().manual_seed(SIZE)
    left, right = (torch.randn(SIZE, SIZE, generator=random, dtype=torch.float32).to(dtype) for _ in range(2))
    correct = left.double() @ right.double()
    try:
        computed = (left.to(case.device) @ right.to(case.device)).cpu().double()
    except RuntimeError as error:  # torch raises CUDA's errors as this
        return Outcome(case, "unusable", None, words_of(error))
    difference = float((computed - correct).pow(2).mean().sqrt() / correct.pow(2).mean().sqrt())
    if not difference <= _TOLERANCE[case.type]:
        return Outcome(case, "wrong", difference, f"a product has an error of {difference:.1%} of its size")
    return Outcome(case, "right", difference)


if __name__ == "__main__":
    main()
