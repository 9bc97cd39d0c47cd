"""Products, logits and token ids: the GPU against the CPU, and the kernels of the processor against each other."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from qtui.engines.weights.weights import open_weights
from tests.gpu_proof import models
from tests.gpu_proof.stage import (
    Facts,
    Place,
    demo_gguf,
    ignore,
    largest,
    llama_engine,
    noted,
    step,
    texts,
    transformers_engine,
)


@step("self test", 120)
def self_test(place: Place) -> Facts:
    """Products of every type on every device, those that rearrange weights for the processor too."""
    from qtui.engines import compute
    from qtui.engines.self_test import testing
    from qtui.engines.weights.gguf_file import TENSOR_TYPES

    names = (
        "F32",
        "F16",
        "BF16",
        "Q8_0",
        "Q4_0",
        "Q5_0",
        "Q4_1",
        "Q2_K",
        "Q3_K",
        "Q4_K",
        "Q5_K",
        "Q6_K",
        "IQ4_XS",
        "IQ4_NL",
        "MXFP4",
    )
    began = time.perf_counter()
    tested = testing.test(
        "ggml", compute.ggml_identity(), [str(TENSOR_TYPES[name]) for name in names], experts=True, report=ignore
    )
    took = time.perf_counter() - began
    by_number = {str(number): name for name, number in TENSOR_TYPES.items()}
    rows: dict[str, dict[str, str]] = {}
    for case, outcome in tested.outcomes.items():
        where = f"{case.device} {case.buffer}{' experts' if case.experts else ''}"
        shown = outcome.state if outcome.error is None else f"{outcome.state} {outcome.error:.1e}"
        rows.setdefault(where, {})[by_number[case.type]] = shown + (f": {outcome.reason}" if outcome.reason else "")
    return {"seconds": round(took, 1), "report": tested.report, "broken": tested.broken, "outcomes": rows}


@step("parity", 150)
def parity(place: Place) -> Facts:
    """Logits and greedy token ids of the demo model: CPU against GPU, both engines."""

    found: Facts = {}
    for name in ("F16", "BF16", "Q8_0", "Q4_K_M"):
        with noted(found, f"llama.cpp {name}"):
            found[f"llama.cpp {name}"] = _llama_parity(place, demo_gguf(place, name), name)
    for precision in ("FP32", "FP16", "BF16"):
        with noted(found, f"transformers {precision}"):
            found[f"transformers {precision}"] = _transformers_parity(place, precision)
    return found


def _llama_parity(place: Place, path: Path, name: str) -> Facts:
    """The CPU's part is computed in a process that sees no GPU, as a run on the CPU is."""
    import numpy as np

    kept = place.work / f"cpu-{name}.npz"
    words = [sys.executable, "-X", "faulthandler", "-m", "tests.gpu_proof.parity", str(path), name, str(kept)]
    subprocess.run(words, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}, stdin=subprocess.DEVNULL)
    cpu = np.load(kept)
    requests = models.demo_requests()
    gpu = llama_engine(path, requests, name, 16, place.device)
    answers = texts(gpu, requests)
    again = texts(gpu, requests)
    one = llama_engine(path, requests, name, 1, place.device)
    alone = texts(one, requests[:16])
    return {
        "largest logit difference": largest(llama_logits(gpu, requests[:8]), cpu["logits"]),
        "equal answers": _equal(answers, list(cpu["answers"])),
        "equal when repeated on the GPU": _equal(answers, again),
        "one by one as in 16 slots on the GPU": _equal(alone, answers[:16]),
    }


def _equal(some: list[str], others: list[str]) -> str:
    return f"{sum(a == b for a, b in zip(some, others, strict=True))} of {len(some)}"


def keep_cpu_part(path: Path, name: str, target: Path) -> None:
    """Answers and logits on the CPU, in a file for the process that has the GPU."""
    import numpy as np

    requests = models.demo_requests()
    engine = llama_engine(path, requests, name, 16, "cpu")
    answers = texts(engine, requests)
    np.savez(target, answers=np.array(answers), logits=llama_logits(engine, requests[:8]))


def llama_logits(engine: Any, requests: list[Any]) -> Any:
    """After the last token of each prompt, (prompts, vocabulary)."""
    import llama_cpp
    import numpy as np

    rows = []
    for asked in requests:
        llama_cpp.llama_memory_clear(engine.cache.memory, True)
        batch = engine.batch
        batch.clear()
        batch.add_run(np.array(engine.prompts[asked.index], np.int32), 0, 0, wants_logits=True)
        assert llama_cpp.llama_decode(engine.cache.native, batch.native) == 0
        logits = llama_cpp.llama_get_logits(engine.cache.native)
        rows.append(np.ctypeslib.as_array(logits, (engine.model.size,)).copy())
    return np.stack(rows)


def _transformers_parity(place: Place, precision: str) -> Facts:
    import torch

    from qtui import paths
    from qtui.engines.device_choice import Compute

    requests = models.demo_requests()
    # Half precision crawls on a CPU, so float32 is what it is held against.
    cpu = transformers_engine(paths.demo_model(), requests, "FP32", 16, Compute("cpu"))
    gpu = transformers_engine(paths.demo_model(), requests, precision, 16)
    texts = [texts(engine, requests) for engine in (cpu, gpu)]
    logits = []
    for engine in (cpu, gpu):
        rows = []
        for asked in requests[:8]:
            ids = torch.tensor([engine.prompts[asked.index]], device=engine.device)
            with torch.inference_mode():
                rows.append(engine.model(input_ids=ids).logits[0, -1].float().cpu().numpy())
        logits.append(rows)
    return {
        "against": "float32 on the CPU",
        "dtype": str(gpu.model.dtype),
        "largest logit difference": largest(*logits),
        "equal answers": f"{sum(a == b for a, b in zip(*texts, strict=True))} of {len(requests)}",
    }


@step("processor", 60)
def processor_kernels(place: Place) -> Facts:
    """On the CPU: products of many shapes, and logits with and without rearranged weights, against float32."""
    found: Facts = {}
    with noted(found, "products"):
        found["products"] = _products_of_many_shapes()
    ids, right = _float32_logits()
    for name in ("F16", "F32", "Q8_0"):
        path = demo_gguf(place, name)
        for rearranges in (False, True):
            for cache in ("F16", "F32"):
                label = f"{name}, weights {'rearranged' if rearranges else 'plain'}, cache in {cache}"
                with noted(found, label):
                    found[label] = largest(_cpu_logits(path, ids, rearranges, cache), right)
    return found


def _products_of_many_shapes() -> Facts:
    """The largest errors of F16 in every buffer of the CPU, over the shapes of the demo model."""
    import numpy as np

    from qtui.engines.self_test.ggml import CannotComputeError, Ggml

    ggml = Ggml()
    worst: dict[str, tuple[float, str]] = {}
    cpu = next(device for device in ggml.devices() if device.kind == "cpu")
    for rows, columns in ((128, 256), (256, 256), (768, 256), (256, 768), (2048, 256)):
        weights = np.random.default_rng(rows).standard_normal((rows, columns)).astype(np.float32)
        data = ggml.quantized(weights, 1)
        exact = ggml.dequantized(data, 1, columns).astype(np.float64)
        for count in (1, 2, 3, 5, 16, 22, 23, 24):
            tokens = np.random.default_rng(count).standard_normal((count, columns)).astype(np.float32)
            right = tokens @ exact.T
            for buffer in cpu.buffers:
                with contextlib.suppress(CannotComputeError):
                    computed = ggml.product(data, 1, columns, tokens, device=cpu.name, buffer=buffer)
                    error = float(np.abs(computed - right).max() / np.sqrt(np.mean(right**2)))
                    if error > worst.get(buffer, (0.0, ""))[0]:
                        worst[buffer] = (round(error, 6), f"{rows} × {columns} × {count}")
    return {buffer: f"{error} at {shape}" for buffer, (error, shape) in worst.items()}


def _float32_logits() -> tuple[list[int], Any]:
    """Token ids of a prompt, and the logits after each, by transformers in float32."""
    import torch
    import transformers

    from qtui import paths
    from qtui.engines.protocol.answering import Prompt
    from qtui.engines.transformers.tokenizer import HubTokenizer

    auto: Any = transformers.AutoModelForCausalLM
    bare = auto.from_pretrained(paths.demo_model(), dtype=torch.float32)
    ids = HubTokenizer(open_weights(paths.demo_model())).tokens(
        Prompt("[INST] 朝の市場では、何が並んでいますか。 [/INST]", bos=True)
    )
    with torch.inference_mode():
        return ids, bare(torch.tensor([ids])).logits[0].numpy()


def _cpu_logits(path: Path, ids: list[int], rearranges: bool, cache: str) -> Any:
    """After each token, without flash attention, which sums in half precision on a CPU."""
    import llama_cpp
    import numpy as np

    from qtui.engines.device_choice import Compute
    from qtui.engines.llama_cpp.model import LlamaModel

    model = LlamaModel(open_weights(path), compute=Compute("cpu", rearranges_weights=rearranges))
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx, settings.n_threads, settings.n_threads_batch = 256, 4, 4
    settings.offload_kqv = settings.op_offload = False
    settings.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    settings.type_k = settings.type_v = llama_cpp.GGML_TYPE_F32 if cache == "F32" else llama_cpp.GGML_TYPE_F16
    context = llama_cpp.llama_init_from_model(model.pointer, settings)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    for place, token in enumerate(ids):
        batch.token[place], batch.pos[place], batch.n_seq_id[place], batch.logits[place] = token, place, 1, True
        batch.seq_id[place][0] = 0
    batch.n_tokens = len(ids)
    assert llama_cpp.llama_decode(context, batch) == 0
    rows = [llama_cpp.llama_get_logits_ith(context, place) for place in range(len(ids))]
    logits = np.stack([np.ctypeslib.as_array(row, shape=(model.size,)).copy() for row in rows])
    llama_cpp.llama_free(context)
    return logits


if __name__ == "__main__":
    keep_cpu_part(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
