"""The process that multiplies with ggml: `python -m qtui.engines.self_test.run_ggml`. A crash is one of its outcomes."""

import faulthandler
import os
import sys
from collections.abc import Iterator

import msgspec

from qtui.engines.self_test.messages import CaseName, CaseStarted, DeviceFacts, Devices, Outcome, SelfTestJob


def main() -> None:
    faulthandler.enable()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    protocol = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job = msgspec.json.decode(sys.stdin.buffer.readline(), type=SelfTestJob)
    for message in _messages(job):
        os.write(protocol, msgspec.json.encode(message) + b"\n")
    os._exit(0)


def _messages(job: SelfTestJob) -> Iterator[Devices | CaseStarted | Outcome]:
    from qtui.engines.llama_cpp import native_log
    from qtui.engines.self_test.ggml import Ggml

    native_log.listen()
    ggml = Ggml()
    devices = [DeviceFacts(each.name, each.description, each.kind, list(each.buffers)) for each in ggml.devices()]
    yield Devices(devices, ggml.report())
    for case in cases(job, devices):
        if case in job.skipped:
            continue
        yield CaseStarted(case)
        yield _outcome(ggml, case)


def cases(job: SelfTestJob, devices: list[DeviceFacts]) -> Iterator[CaseName]:
    """Yield every product of the job, for every device that llama.cpp may use."""
    for device in devices:
        if device.kind == "other":
            continue
        for buffer in device.buffers:
            for type_name in job.types:
                yield CaseName(type_name, device.name, buffer)
                if job.experts:
                    yield CaseName(type_name, device.name, buffer, experts=True)


def _outcome(ggml: object, case: CaseName) -> Outcome:
    from qtui.engines.self_test import products
    from qtui.engines.self_test.ggml import CannotComputeError

    try:
        number = int(case.type)
        error = products.largest_error(ggml, products.Case(number, case.device, case.buffer, case.experts))
    except CannotComputeError:
        return Outcome(case, "not offered")
    except products.WrongProductError as wrong:
        return Outcome(case, "wrong", wrong.error, str(wrong))
    except RuntimeError as error_:
        return Outcome(case, "unusable", None, str(error_))
    return Outcome(case, "right", error)


if __name__ == "__main__":
    main()
