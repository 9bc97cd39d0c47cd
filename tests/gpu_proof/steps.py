"""The steps of the proof, each a process of its own: `python -m tests.gpu_proof.steps NAME WORK [--rehearse]` prints
JSON as its last line."""

import argparse
import contextlib
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtui.records import EngineName, VariantSpec
from tests.gpu_proof import models

Facts = dict[str, Any]
STEPS: dict[str, tuple[Callable[["Place"], Facts], int]] = {}
"""Name → (function, the most seconds it may take)."""

PARTIAL = Path(os.environ.get("QTUI_PROOF_PARTIAL", os.devnull))
UNEVEN = [16, 32, 48, 64, 64, 96, 128, 160]
"""Lengths of answers in tokens: as uneven as those of real tasks."""


class Place:
    """Where the proof works, and on what."""

    def __init__(self, work: Path, *, is_rehearsal: bool) -> None:
        self.work = work
        self.is_rehearsal = is_rehearsal
        self.device = "cpu" if is_rehearsal else "cuda"
        self.big = work / "big"

    @property
    def big_f16(self) -> Path:
        return self.work / "big-F16.gguf"

    @property
    def big_q4(self) -> Path:
        return self.work / "big-Q4_K_M.gguf"

    def scaled(self, normal: int, rehearsal: int) -> int:
        return rehearsal if self.is_rehearsal else normal


def step(name: str, seconds: int) -> Callable[[Callable[[Place], Facts]], Callable[[Place], Facts]]:
    def register(function: Callable[[Place], Facts]) -> Callable[[Place], Facts]:
        STEPS[name] = (function, seconds)
        return function

    return register


# Without llama.cpp: these run while it compiles.


@step("machine", 30)
def machine(place: Place) -> Facts:
    """What this is: processor, memory, GPU, versions."""
    import torch
    import transformers

    from qtui.engines.device import gpus, memory, processor

    here = processor.processor()
    return {
        "processor": here.model,
        "flags": [flag for flag in here.flags if flag.startswith(("amx", "avx512_fp16", "avx512_bf16", "avx512f"))],
        "cores": here.usable,
        "memory_gib": round(memory.memory().total / 2**30, 1),
        "gpus": [[gpu.name, gpu.driver, gpu.compute_capability] for gpu in gpus.gpus()],
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "transformers": transformers.__version__,
        "python": sys.version.split()[0],
    }


@step("big model", 120)
def big_model(place: Place) -> Facts:
    """7 billion random weights, made on the GPU and written as a checkpoint."""
    began = time.perf_counter()
    facts = models.make(place.big, models.REHEARSAL if place.is_rehearsal else models.BILLIONS_7, place.device)
    size = sum(file.stat().st_size for file in place.big.iterdir())
    return facts | {"seconds": round(time.perf_counter() - began, 1), "bytes": size}


@step("transformers, 7 B", 170)
def transformers_big(place: Place) -> Facts:
    """Tokens per second in half precision: qtui's engine against the study's loop, static batches and continuous
    batching."""
    from transformers import AutoTokenizer

    slots = place.scaled(64, 8)
    requests = models.noise_requests(place.scaled(128, 16), UNEVEN)
    wanted = sum(request.sampling.max_tokens for request in requests)
    found: Facts = {"slots": slots, "requests": len(requests), "tokens": wanted}
    engine = _transformers_engine(place.big, "FP16", slots)
    found["load_seconds"] = round(engine.load(requests, _ignore)["load_seconds"], 1)
    _run(engine, requests[:slots])
    found["qtui"] = _tokens_per_second(engine, requests)
    found["qtui_gpu_gib"] = round(engine.facts().get("peak_gpu_bytes", 0) / 2**30, 1)
    del engine
    _empty_gpu()
    tokenizer: Any = AutoTokenizer.from_pretrained(place.big, padding_side="left")
    bare = _bare(place)

    def generate(part: list[Any], limit: int) -> int:
        ids = tokenizer(
            [asked.prompt.text for asked in part], add_special_tokens=False, padding=True, return_tensors="pt"
        )
        ids = {name: ids[name].to(place.device) for name in ("input_ids", "attention_mask")}
        bare.generate(**ids, max_new_tokens=limit, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        return sum(min(limit, asked.sampling.max_tokens) for asked in part)

    generate(requests[:2], 4)
    began = time.perf_counter()
    count = sum(generate([asked], asked.sampling.max_tokens) for asked in requests[: place.scaled(3, 2)])
    found["loop of the study, one by one"] = round(count / (time.perf_counter() - began), 1)
    began = time.perf_counter()
    for start in range(0, len(requests), slots):
        part = requests[start : start + slots]
        generate(part, max(asked.sampling.max_tokens for asked in part))
    found["generate, static batches"] = round(wanted / (time.perf_counter() - began), 1)
    with _noted(found, "generate_batch"):
        found["generate_batch"] = _continuous(bare, tokenizer, requests, wanted)
    return found


def _bare(place: Place) -> Any:
    """The library's own model, in half precision but on a CPU, where that crawls."""
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if place.is_rehearsal else torch.float16
    model: Any = AutoModelForCausalLM.from_pretrained(place.big, dtype=dtype)
    return model.to(place.device)


def _continuous(bare: Any, tokenizer: Any, requests: list[Any], wanted: int) -> float:
    from transformers import GenerationConfig

    settings_of: Any = GenerationConfig
    settings = settings_of(max_new_tokens=max(UNEVEN), do_sample=False, eos_token_id=-1)
    ids = {asked.index: tokenizer.encode(asked.prompt.text, add_special_tokens=False) for asked in requests}
    began = time.perf_counter()
    with bare.continuous_batching_context_manager(generation_config=settings) as library:
        for asked in requests:
            library.add_request(ids[asked.index], max_new_tokens=asked.sampling.max_tokens)
        ended = 0
        while ended < len(requests):
            result = library.get_result(timeout=1)
            ended += bool(result and result.is_finished())
            if not result and not library.is_running():
                raise RuntimeError("generate_batch ended before its requests")
    return round(wanted / (time.perf_counter() - began), 1)


@step("bitsandbytes", 60)
def bitsandbytes(place: Place) -> Facts:
    """nf4 and int8 of the demo model, made by transformers and answered by qtui."""
    import shutil

    import transformers

    from qtui import paths

    found: Facts = {}
    for bits in (4, 8):
        with _noted(found, f"{bits} bits"):
            folder = place.work / f"demo-{bits}bit"
            config: Any = transformers.BitsAndBytesConfig
            how = config(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
            loaded: Any = transformers.AutoModelForCausalLM.from_pretrained(paths.demo_model(), quantization_config=how)
            loaded.save_pretrained(folder)
            for name in ("tokenizer.model", "tokenizer_config.json"):
                if (paths.demo_model() / name).exists():
                    shutil.copy(paths.demo_model() / name, folder)
            requests = models.demo_requests(place.scaled(16, 2))
            engine = _transformers_engine(folder, f"{bits} bits", 8)
            facts = engine.load(requests, _ignore)
            kind = type(engine.model.model.layers[0].self_attn.q_proj).__name__
            answers = _texts(engine, requests)
            found[f"{bits} bits"] = {
                "layer": kind,
                "device": facts["device"],
                "answers": len(answers),
                "first": answers[0][:40],
            }
    return found


@step("transformers, out of memory", 60)
def transformers_out_of_memory(place: Place) -> Facts:
    """With little room left on the card the engine takes fewer rows, answers all the same and says how many."""
    import torch

    if place.is_rehearsal:
        return {"skipped": "needs a GPU"}
    requests = models.noise_requests(64, [64])
    free, _ = torch.cuda.mem_get_info()
    weights = sum(file.stat().st_size for file in place.big.glob("*.safetensors"))
    hog = torch.empty(max(0, free - weights - int(1.6 * 2**30)), dtype=torch.uint8, device="cuda")
    engine = _transformers_engine(place.big, "FP16", 64)
    facts = engine.load(requests, _ignore)
    answers = _texts(engine, requests)
    return {
        "hog_gib": round(hog.numel() / 2**30, 1),
        "slots_asked": 64,
        "slots_at_load": facts["slots"],
        "slots_at_end": engine.slots,
        "answers": len(answers),
    }


# With llama.cpp.


@step("self test", 120)
def self_test(place: Place) -> Facts:
    """Products of every type on every device, those that rearrange weights for the processor too."""
    from qtui.engines import compute
    from qtui.engines.gguf_file import TENSOR_TYPES
    from qtui.engines.self_test import testing

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
        "ggml", compute.ggml_identity(), [str(TENSOR_TYPES[name]) for name in names], experts=True, report=_quiet
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
        with _noted(found, f"llama.cpp {name}"):
            found[f"llama.cpp {name}"] = _llama_parity(place, _demo_gguf(place, name), name)
    for precision in ("FP32", "FP16", "BF16"):
        with _noted(found, f"transformers {precision}"):
            found[f"transformers {precision}"] = _transformers_parity(place, precision)
    return found


def _demo_gguf(place: Place, name: str) -> Path:
    from qtui import paths
    from qtui.engines import llama_folder, quantize

    path, whole = place.work / f"demo-{name}.gguf", place.work / "demo-F16.gguf"
    if not whole.exists():
        llama_folder.convert(paths.demo_model(), whole)
    if not path.exists():
        quantize.quantize(whole, path, name)
    return path


def _llama_parity(place: Place, path: Path, name: str) -> Facts:
    requests = models.demo_requests()
    cpu, gpu = (_llama_engine(path, name, 16, accelerator) for accelerator in ("cpu", place.device))
    for engine in (cpu, gpu):
        engine.load(requests, _ignore)
    texts = [_answers(engine, requests) for engine in (cpu, gpu)]
    again = _answers(gpu, requests)
    one = _llama_engine(path, name, 1, place.device)
    one.load(requests, _ignore)
    alone = _answers(one, requests[:16])
    logits = [_llama_logits(engine, requests[:8]) for engine in (cpu, gpu)]
    return {
        "largest logit difference": _largest(*logits),
        "equal answers": f"{sum(a == b for a, b in zip(*texts, strict=True))} of {len(requests)}",
        "equal when repeated on the GPU": f"{sum(a == b for a, b in zip(texts[1], again, strict=True))} of {len(requests)}",
        "one by one as in 16 slots on the GPU": f"{sum(a == b for a, b in zip(alone, texts[1], strict=False))} of {len(alone)}",
    }


def _llama_logits(engine: Any, requests: list[Any]) -> Any:
    """After the last token of each prompt, (prompts, vocabulary)."""
    import llama_cpp
    import numpy as np

    rows = []
    for asked in requests:
        llama_cpp.llama_memory_clear(engine.cache.memory, True)
        batch = engine.batch
        batch.clear()
        batch.add_run(np.array(engine.prompts[asked.index], np.int32), 0, 0, wants_logits=True)
        engine._compute()
        rows.append(engine._logits(1)[0].copy())
    return np.stack(rows)


def _transformers_parity(place: Place, precision: str) -> Facts:
    import torch

    from qtui import paths
    from qtui.engines.compute import Compute

    requests = models.demo_requests()
    # Half precision crawls on a CPU, so float32 is what it is held against.
    cpu = _transformers_engine(paths.demo_model(), "FP32", 16, Compute("cpu"))
    gpu = _transformers_engine(paths.demo_model(), precision, 16)
    for engine in (cpu, gpu):
        engine.load(requests, _ignore)
    texts = [_answers(engine, requests) for engine in (cpu, gpu)]
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
        "largest logit difference": _largest(*logits),
        "equal answers": f"{sum(a == b for a, b in zip(*texts, strict=True))} of {len(requests)}",
    }


def _largest(one: Any, other: Any) -> float:
    import numpy as np

    return round(float(np.abs(np.asarray(one) - np.asarray(other)).max()), 5)


@step("processor", 60)
def processor_kernels(place: Place) -> Facts:
    """On the CPU: products of many shapes, and logits with and without rearranged weights, against float32."""
    found: Facts = {}
    with _noted(found, "products"):
        found["products"] = _products_of_many_shapes()
    ids, right = _float32_logits()
    for name in ("F16", "F32", "Q8_0"):
        path = _demo_gguf(place, name)
        for rearranges in (False, True):
            for cache in ("F16", "F32"):
                label = f"{name}, weights {'rearranged' if rearranges else 'plain'}, cache in {cache}"
                with _noted(found, label):
                    found[label] = _largest(_cpu_logits(path, ids, rearranges, cache), right)
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
    from qtui.engines.hub_tokenizer import HubTokenizer
    from qtui.engines.protocol import Prompt

    auto: Any = transformers.AutoModelForCausalLM
    bare = auto.from_pretrained(paths.demo_model(), dtype=torch.float32)
    ids = HubTokenizer(paths.demo_model()).tokens(Prompt("[INST] 朝の市場では、何が並んでいますか。 [/INST]", bos=True))
    with torch.inference_mode():
        return ids, bare(torch.tensor([ids])).logits[0].numpy()


def _cpu_logits(path: Path, ids: list[int], rearranges: bool, cache: str) -> Any:
    """After each token, without flash attention, which sums in half precision on a CPU."""
    import llama_cpp
    import numpy as np

    from qtui.engines.compute import Compute
    from qtui.engines.llama_model import LlamaModel

    model = LlamaModel(path, compute=Compute("cpu", rearranges_weights=rearranges))
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
    with _noted(found, "variants"):
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


@step("convert and quantize, 7 B", 150)
def convert_big(place: Place) -> Facts:
    """The checkpoint as GGUF, and Q4_K_M of it, by qtui."""
    from qtui.engines import llama_folder, quantize

    began = time.perf_counter()
    llama_folder.convert(place.big, place.big_f16)
    converted = time.perf_counter()
    made = quantize.quantize(place.big_f16, place.big_q4, "Q4_K_M")
    return {
        "convert_seconds": round(converted - began, 1),
        "quantize_seconds": round(made.seconds, 1),
        "bits": round(made.bits, 2),
        "gib": round(made.file_bytes / 2**30, 2),
    }


@step("llama.cpp, 7 B in Q4_K_M", 110)
def llama_big_q4(place: Place) -> Facts:
    """Tokens per second: slots, cells for all or for each slot, flash attention; the study's loop; the batched limit."""
    grid = [(64, False, None), (64, True, None), (32, False, None), (16, False, None), (128, False, None)]
    return _llama_speeds(place, "Q4_K_M", place.big_q4, [*grid, (64, False, False), (64, True, False)])


@step("llama.cpp, 7 B in F16", 90)
def llama_big_f16(place: Place) -> Facts:
    return _llama_speeds(place, "F16", place.big_f16, [(64, False, None), (64, True, None), (32, False, None)])


Grid = list[tuple[int, bool, bool | None]]
"""Slots, whether their cells are unified, and flash attention: None leaves it to llama.cpp, which uses it."""


def _llama_speeds(place: Place, name: str, path: Path, grid: Grid) -> Facts:
    from llama_cpp import Llama

    rows: Facts = {}
    most = place.scaled(128, 16)
    for slots, unified, flash in grid:
        count = place.scaled(slots, min(slots, 8))
        label = f"{slots} slots, {'unified' if unified else 'split'} cells, flash attention {'on' if flash is None else 'off'}"
        with _noted(rows, label), _context_settings(unified, flash):
            engine = _llama_engine(path, name, count, place.device)
            requests = models.noise_requests(most, UNEVEN)
            engine.load(requests, _ignore)
            _run(engine, requests[:4])
            rows[label] = _tokens_per_second(engine, requests)
            rows[label + ", prompt tok/s"] = round(engine.facts().get("prompt_speed", 0.0))
            _free(engine)
    with _noted(rows, "loop of the study, one by one"):
        llama: Any = Llama(str(path), n_ctx=2048, n_gpu_layers=-1 if place.device == "cuda" else 0, verbose=False)
        part = models.noise_requests(place.scaled(3, 2), [64])
        llama(part[0].prompt.text, max_tokens=4)
        began = time.perf_counter()
        for asked in part:
            llama(asked.prompt.text, max_tokens=64, temperature=0.0, repeat_penalty=1.0)
        rows["loop of the study, one by one"] = round(64 * len(part) / (time.perf_counter() - began), 1)
        llama.close()
    with _noted(rows, "against llama-batched-bench"):
        rows["against llama-batched-bench"] = _against_batched_bench(place, name, path)
    return rows


def _against_batched_bench(place: Place, name: str, path: Path) -> Facts:
    """The same shape on both: as many prompts of 100 tokens as there are slots, 64 tokens each."""
    program = os.environ.get("QTUI_BATCHED_BENCH", "")
    if not program:
        return {"skipped": "no llama-batched-bench in the bundle"}
    slots = place.scaled(64, 4)
    requests = models.noise_requests(slots, [64])
    engine = _llama_engine(path, name, slots, place.device)
    engine.load(requests, _ignore)
    engine.prompts = {index: (ids * 3)[: models.PROMPT_TOKENS] for index, ids in engine.prompts.items()}
    _run(engine, requests[:4])
    began = time.perf_counter()
    _run(engine, requests)
    ours = time.perf_counter() - began
    _free(engine)
    cells = slots * 256
    words = [
        program,
        "-m",
        str(path),
        "-c",
        str(cells),
        "-b",
        "512",
        "-ub",
        "512",
        "-npp",
        str(models.PROMPT_TOKENS),
        "-ntg",
        "64",
    ]
    words += ["-npl", f"{slots},{slots}", "--output-format", "jsonl", "-ngl", "99" if place.device == "cuda" else "0"]
    # The program is linked with the libraries' names alone: those that were built here.
    import llama_cpp

    folders = f"{Path(llama_cpp.__file__).parent / 'lib'}:{Path(program).parent}"
    environment = {**os.environ, "LD_LIBRARY_PATH": folders}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"qtui_seconds": round(ours, 2), "failed": done.stderr[-300:]}
    theirs = float(lines[-1]["t"])
    return {"qtui_seconds": round(ours, 2), "batched_bench_seconds": round(theirs, 2), "ratio": round(theirs / ours, 2)}


@step("llama.cpp, out of memory", 60)
def llama_out_of_memory(place: Place) -> Facts:
    """With little room left on the card there are fewer slots, all answers, and the facts say how many."""
    import torch

    if place.is_rehearsal:
        return {"skipped": "needs a GPU"}
    requests = models.noise_requests(64, [64])
    weights = place.big_q4.stat().st_size
    free, _ = torch.cuda.mem_get_info()
    hog = torch.empty(max(0, free - weights - int(3.0 * 2**30)), dtype=torch.uint8, device="cuda")
    engine = _llama_engine(place.big_q4, "Q4_K_M", 64, "cuda", context=2048)
    facts = engine.load(requests, _ignore)
    answers = _texts(engine, requests)
    return {
        "hog_gib": round(hog.numel() / 2**30, 1),
        "slots_asked": 64,
        "slots": facts["slots"],
        "answers": len(answers),
    }


@step("memory", 150)
def memory_of_variants(place: Place) -> Facts:
    """GPU memory in use before, during and after each of ten variants, each a worker of its own."""
    from qtui import paths

    types = ("F16", "Q8_0", "Q4_K_M", "BF16")
    specs = [_variant("llama.cpp", _demo_gguf(place, name), name, 16) for name in types]
    specs.append(_variant("transformers", paths.demo_model(), "FP16", 16))
    specs = [*specs, *specs]
    rows = []
    for spec in specs:
        before = _gpu_in_use()
        during, answers = _worker(spec)
        time.sleep(0.2)
        rows.append(
            {"variant": f"{spec.engine} {spec.name}", "answers": answers, "mib": [before, during, _gpu_in_use()]}
        )
    return {"before, during and after": rows}


def _worker(spec: VariantSpec) -> tuple[int | None, int]:
    """A real worker on some tasks: the most GPU memory in use while it lives (MiB), and its answers."""
    from qtui import child_process
    from qtui.engines.protocol import Answered, Item, Job, Loaded, Planned, Wanted, decode_from_worker, encode
    from qtui.records import PromptSource, Sampling
    from qtui.tasks import load_task_set

    items = [Item(i, 0, task.input) for i, task in enumerate(load_task_set("demo", base=None).tasks[:24], 1)]
    job = Job(spec, Sampling(max_tokens=48), PromptSource(weights="demo"), items)
    most, answers = None, 0
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            child_process.command("qtui.engines.worker"),
            env=child_process.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        assert child.stdin and child.stdout
        child.stdin.write(encode(job))
        child.stdin.flush()
        for line in child.stdout:
            message = decode_from_worker(line)
            if isinstance(message, Planned):
                child.stdin.write(encode(Wanted(list(range(len(items))))))
                child.stdin.flush()
            elif isinstance(message, Loaded):
                most = _gpu_in_use()
            elif isinstance(message, Answered):
                answers += 1
        child.wait()
    return most, answers


def _variant(engine: EngineName, path: Path, name: str, slots: int | None, **more: Any) -> VariantSpec:
    return replace(VariantSpec("proof", name, engine, str(path), name, slots=slots), **more)


def _llama_engine(
    path: Path, name: str, slots: int, accelerator: str, *, rearranges: bool = True, context: int | None = None
) -> Any:
    from qtui.engines.compute import Compute
    from qtui.engines.llama_cpp import LlamaCppEngine

    spec = _variant("llama.cpp", path, name, slots, context=context)
    return LlamaCppEngine(spec, path, Compute(accelerator, rearranges_weights=rearranges))


def _transformers_engine(path: Path, precision: str, slots: int, chosen: Any = None) -> Any:
    from qtui.engines.transformers import TransformersEngine

    return TransformersEngine(_variant("transformers", path, precision, slots), path, chosen)


@contextlib.contextmanager
def _context_settings(unified: bool, flash: bool | None) -> Iterator[None]:
    """llama.cpp's contexts are made with these settings meanwhile."""
    import llama_cpp

    library: Any = llama_cpp
    make = library.llama_init_from_model

    def changed(model: Any, settings: Any) -> Any:
        settings.kv_unified = unified
        if flash is False:
            settings.flash_attn_type = library.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return make(model, settings)

    library.llama_init_from_model = changed
    try:
        yield
    finally:
        library.llama_init_from_model = make


@contextlib.contextmanager
def _noted(found: Facts, name: str) -> Iterator[None]:
    """What fails in one part is written down and does not end the step."""
    try:
        yield
    except Exception as error:
        found[name] = f"FAILED {type(error).__name__}: {str(error)[:400]}"
    # What is there when the step's time is up.
    PARTIAL.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def _tokens_per_second(engine: Any, requests: list[Any]) -> float:
    wanted = sum(asked.sampling.max_tokens for asked in requests)
    began = time.perf_counter()
    answered = _run(engine, requests)
    took: float = time.perf_counter() - began
    assert answered == len(requests), f"{answered} of {len(requests)} answers"
    return float(round(wanted / took, 1))


def _run(engine: Any, requests: list[Any]) -> int:
    from qtui.engines.protocol import Answered

    return sum(isinstance(event, Answered) for event in engine.answer(requests))


def _answers(engine: Any, requests: list[Any]) -> list[str]:
    return _texts(engine, requests)


def _texts(engine: Any, requests: list[Any]) -> list[str]:
    from qtui.engines.protocol import Answered

    by_index = {event.index: event.text for event in engine.answer(requests) if isinstance(event, Answered)}
    return [by_index[asked.index] for asked in requests]


def _free(engine: Any) -> None:
    """Contexts and weights of llama.cpp are not freed by Python."""
    import llama_cpp

    llama_cpp.llama_free(engine.cache.native)
    llama_cpp.llama_model_free(engine.model.pointer)


def _empty_gpu() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _gpu_in_use() -> int | None:
    try:
        asked = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return int(statistics.fmean(int(line) for line in asked.stdout.split()))


def _ignore(_: object) -> None:
    pass


def _quiet(_: str) -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=STEPS)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    function, _ = STEPS[arguments.name]
    found = function(Place(arguments.work, is_rehearsal=arguments.rehearse))
    sys.stdout.write("\n" + json.dumps(found, ensure_ascii=False) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
