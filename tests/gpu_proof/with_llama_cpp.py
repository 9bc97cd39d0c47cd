"""Speed of llama.cpp on a model of seven billion weights: slots, cells, flash attention, and the limit."""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtui.engines.weights.weights import open_weights
from tests.gpu_proof import models
from tests.gpu_proof.stage import (
    UNEVEN,
    Facts,
    Place,
    free,
    llama_engine,
    noted,
    run,
    step,
    texts,
    tokens_per_second,
)


@step("convert and quantize, 7 B", 150)
def convert_big(place: Place) -> Facts:
    """The checkpoint as GGUF, and Q4_K_M of it, by qtui."""
    from qtui.engines.conversion import llama_folder
    from qtui.engines.quantizing import quantize

    began = time.perf_counter()
    llama_folder.convert(open_weights(place.big), place.big_f16)
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
    """Tokens per second: slots, cells for all or for each slot, flash attention; the study's loop; the batched
    limit."""
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
        with noted(rows, label), _context_settings(unified, flash):
            requests = models.noise_requests(most, UNEVEN)
            engine = llama_engine(path, requests, name, count, place.device)
            run(engine, requests[:4])
            rows[label] = tokens_per_second(engine, requests)
            rows[label + ", prompt tok/s"] = round(engine.facts().prompt_speed or 0.0)
            free(engine)
    with noted(rows, "loop of the study, one by one"):
        llama: Any = Llama(str(path), n_ctx=2048, n_gpu_layers=-1 if place.device == "cuda" else 0, verbose=False)
        part = models.noise_requests(place.scaled(3, 2), [64])
        llama(part[0].prompt.text, max_tokens=4)
        began = time.perf_counter()
        for asked in part:
            llama(asked.prompt.text, max_tokens=64, temperature=0.0, repeat_penalty=1.0)
        rows["loop of the study, one by one"] = round(64 * len(part) / (time.perf_counter() - began), 1)
        llama.close()
    with noted(rows, "against llama-batched-bench"):
        rows["against llama-batched-bench"] = _against_batched_bench(place, name, path)
    return rows


def _against_batched_bench(place: Place, name: str, path: Path) -> Facts:
    """The same shape on both: as many prompts of 100 tokens as there are slots, 64 tokens each."""
    program = os.environ.get("QTUI_BATCHED_BENCH", "")
    if not program:
        return {"skipped": "no llama-batched-bench in the bundle"}
    slots = place.scaled(64, 4)
    requests = models.noise_requests(slots, [64])
    engine = llama_engine(path, requests, name, slots, place.device)
    engine.prompts = {index: (ids * 3)[: models.PROMPT_TOKENS] for index, ids in engine.prompts.items()}
    run(engine, requests[:4])
    began = time.perf_counter()
    run(engine, requests)
    ours = time.perf_counter() - began
    free(engine)
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
    engine = llama_engine(place.big_q4, requests, "Q4_K_M", 64, "cuda", context=2048)
    facts = engine.loaded_facts
    answers = texts(engine, requests)
    return {
        "hog_gib": round(hog.numel() / 2**30, 1),
        "slots_asked": 64,
        "slots": facts.slots,
        "answers": len(answers),
    }


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
