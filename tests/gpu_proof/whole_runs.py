"""The demo as a user runs it, and the memory of real workers."""

import json
import subprocess
import sys
import tempfile
import time

from qtui.records import VariantSpec
from tests.gpu_proof.stage import Facts, Place, demo_gguf, gpu_in_use, noted, step, variant


@step("demo", 120)
def demo(place: Place) -> Facts:
    """The whole demo, as a user runs it."""
    from qtui import paths

    store = place.work / "demo.sqlite"
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "qtui", "demo", "--headless", "--store", str(store)],
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    state = subprocess.run(
        [sys.executable, "-m", "qtui", "runs", "--json", "--store", str(store)],
        capture_output=True,
        text=True,
        check=False,
    )
    found: Facts = {"seconds": round(took, 1), "status": done.returncode, "table": done.stdout[:2500]}
    if done.returncode:
        log = paths.logs() / "errors.log"
        found["errors"] = done.stderr[-2000:] + (log.read_text(errors="replace")[-1500:] if log.exists() else "")
    with noted(found, "variants"):
        wanted = (
            "device",
            "slots",
            "tokens_per_second",
            "load_seconds",
            "gpu_bytes",
            "peak_gpu_bytes",
            "compute_notes",
            "dtype",
        )
        run = json.loads(state.stdout)["runs"][0]
        found["variants"] = {v["name"]: {key: v["facts"].get(key) for key in wanted} for v in run["variants"]}
    return found


@step("memory", 150)
def memory_of_variants(place: Place) -> Facts:
    """GPU memory in use before, during and after each of ten variants, each a worker of its own."""
    from qtui import paths

    types = ("F16", "Q8_0", "Q4_K_M", "BF16")
    specs = [variant("llama.cpp", demo_gguf(place, name), name, 16) for name in types]
    specs.append(variant("transformers", paths.demo_model(), "FP16", 16))
    specs = [*specs, *specs]
    rows = []
    for spec in specs:
        before = gpu_in_use()
        during, answers = _worker(spec)
        time.sleep(0.2)
        rows.append(
            {"variant": f"{spec.engine} {spec.name}", "answers": answers, "mib": [before, during, gpu_in_use()]}
        )
    return {"before, during and after": rows}


def _worker(spec: VariantSpec) -> tuple[int | None, int]:
    """A real worker on some tasks: the most GPU memory in use while it lives (MiB), and its answers."""
    from qtui.engines.protocol.answering import (
        Answered,
        Item,
        Job,
        Loaded,
        MissingItems,
        Planned,
        decode_from_worker,
        encode,
    )
    from qtui.processes import child_process
    from qtui.records import PromptSource, Sampling
    from qtui.tasks import load_task_set

    items = [Item(i, 0, task.input) for i, task in enumerate(load_task_set("demo", base=None).tasks[:24], 1)]
    job = Job(spec, Sampling(max_tokens=48), PromptSource(weights="demo"), items)
    most, answers = None, 0
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            child_process.command("qtui.engines.processes.worker"),
            env=child_process.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        assert child.stdin and child.stdout
        child.stdin.write(encode(job))
        child.stdin.flush()
        for line in child.stdout:
            message = decode_from_worker(line)
            if isinstance(message, Planned):
                child.stdin.write(encode(MissingItems(list(range(len(items))))))
                child.stdin.flush()
            elif isinstance(message, Loaded):
                most = gpu_in_use()
            elif isinstance(message, Answered):
                answers += 1
        child.wait()
    return most, answers
