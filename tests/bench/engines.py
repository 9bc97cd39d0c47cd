"""The engines against the loop that a person would write, one prompt at a time, and against what the libraries can do at best.

The model is made on the spot (`tests.bench.model`); the work is the study's 100 tasks, every answer as long as the one that a
model of the study gave. llama.cpp's own programs are yardsticks where they are named, built from the source distribution of the
installed llama-cpp-python: QTUI_BATCHED_BENCH for llama-batched-bench, QTUI_LLAMA_SERVER for llama-server. QTUI_BENCH_SLOTS,
QTUI_BENCH_LAYERS, QTUI_BENCH_TASKS and QTUI_BENCH_ROUNDS change the size. Loading is not timed. Threads: as many as there are
cores, everywhere.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtui.engines import available
from qtui.engines.decoding import slot_count
from qtui.engines.protocol.answering import Answered, Engine, Prompt, Request
from qtui.records import EngineName, Sampling, VariantSpec
from tests.bench import llama_programs, model
from tests.bench.idle import LENGTHS_UNKNOWN, LIMITS_KNOWN, IdleShares
from tests.bench.model import Work
from tests.bench.ratio import Ratio, measure_all
from tests.loaded_engine import loaded_engine

LIMIT_PROMPT, LIMIT_ANSWER = 100, 48
"""Tokens of the batched benchmark."""
UNKNOWING = "qtui itself, lengths of answers not known beforehand"
ONE_IN = 3
"""Tasks for transformers, whose loop takes ten minutes for all in float32 on two cores."""


def ratios() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        made = model.make(Path(folder))
        for name, path in (("Q4_K_M", made.q4_k_m), ("F16", made.f16)):
            yield from _against_limit(name, path, made.work)
            yield from _llama_cpp(name, path, made.work)
        yield from _transformers(made.folder, made.work[::ONE_IN])


def _variant(engine: EngineName, name: str, path: Path) -> VariantSpec:
    slots = os.environ.get("QTUI_BENCH_SLOTS")
    return VariantSpec("bench", name, engine, str(path), name, slots=int(slots) if slots else None)


def _requests(work: Work) -> list[Request]:
    return [Request(i, Prompt(text, False), Sampling(max_tokens=limit)) for i, (text, limit) in enumerate(work)]


def _loaded_llama(name: str, path: Path, requests: list[Request]) -> Any:
    return loaded_engine(_variant("llama.cpp", name, path), path, requests)


def _against_limit(name: str, path: Path, work: Work) -> Iterator[Ratio]:
    """As many prompts of 100 tokens as there are slots, 48 tokens each."""
    if not llama_programs.BATCHED_BENCH:
        return
    text = "".join(text for text, _ in work)
    slots = slot_count.slots_for(_variant("llama.cpp", name, path), available.accelerator("llama.cpp"))
    requests = _requests([(text[i * 50 : i * 50 + 400], LIMIT_ANSWER) for i in range(slots)])
    ours = _loaded_llama(name, path, requests)
    ours.prompts = {index: ids[:LIMIT_PROMPT] for index, ids in ours.prompts.items()}
    assert all(len(ids) == LIMIT_PROMPT for ids in ours.prompts.values())
    _count(ours, requests)
    yield from measure_all(
        f"llama.cpp {name}, {slots} × ({LIMIT_PROMPT} + {LIMIT_ANSWER}) tokens",
        lambda: _count(ours, requests),
        {
            f"llama-batched-bench, {slots} sequences: the limit": lambda: llama_programs.batched_bench(
                path, prompt=LIMIT_PROMPT, answer=LIMIT_ANSWER, sequences=slots, threads=ours.threads
            )
        },
        rounds=9,
    )


def _llama_cpp(name: str, path: Path, work: Work) -> Iterator[Ratio]:
    from llama_cpp import Llama

    requests = _requests(work)
    ours = _loaded_llama(name, path, requests)
    llama: Any = Llama(
        str(path), n_ctx=model.CONTEXT, n_threads=ours.threads, n_threads_batch=ours.threads, verbose=False
    )

    label = f"llama.cpp {name}, {ours.cache.slots} slots"
    idle = IdleShares(ours, requests)

    def unknowing() -> None:
        """By prompts alone, as where all answers have one limit: here the limits tell how long each will be."""
        ours.longest_first = lambda request: (-len(ours.prompts[request.index]), request.index)
        idle.answer(LENGTHS_UNKNOWN)
        del ours.longest_first

    def one_by_one() -> None:
        for text, limit in work:
            llama(text, max_tokens=limit, temperature=0.0, repeat_penalty=1.0)

    with llama_programs.server(path, slots=ours.cache.slots, context=ours.context, threads=ours.threads) as url:
        yardsticks: dict[str, Any] = {UNKNOWING: unknowing, "llama-cpp-python, one prompt after the other": one_by_one}
        if url:
            yardsticks[f"llama-server, {ours.cache.slots} slots, all requests at once"] = lambda: (
                llama_programs.ask_all(url, work)
            )
        yield from measure_all(label, lambda: idle.answer(LIMITS_KNOWN), yardsticks)
    print(f"{label}: idle slot-steps {idle}", flush=True)


def _transformers(path: Path, work: Work) -> Iterator[Ratio]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    requests = _requests(work)
    engine = loaded_engine(_variant("transformers", "FP32", path), path, requests)
    tokenizer: Any = AutoTokenizer.from_pretrained(path, padding_side="left")
    bare: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
    settings_of: Any = GenerationConfig

    label = f"transformers float32, {engine.slots} slots"
    idle = IdleShares(engine, requests)

    def unknowing() -> None:
        engine.length = lambda request: len(engine.prompts[request.index])
        idle.answer(LENGTHS_UNKNOWN)
        del engine.length

    def generate(texts: list[str], limit: int) -> None:
        ids = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        bare.generate(**ids, max_new_tokens=limit, do_sample=False, pad_token_id=tokenizer.pad_token_id)

    def one_by_one() -> None:
        for text, limit in work:
            generate([text], limit)

    def batches() -> None:
        """Sorted by the length of prompts, which is known beforehand; the lengths of answers are not."""
        ordered = sorted(work, key=lambda pair: len(pair[0]))
        for start in range(0, len(ordered), engine.slots):
            part = ordered[start : start + engine.slots]
            generate([text for text, _ in part], max(limit for _, limit in part))

    def continuous() -> None:
        settings = settings_of(max_new_tokens=max(limit for _, limit in work), do_sample=False, eos_token_id=-1)
        with bare.continuous_batching_context_manager(generation_config=settings) as library:
            for request in requests:
                library.add_request(engine.prompts[request.index], max_new_tokens=request.sampling.max_tokens)
            ended = 0
            while ended < len(requests):
                found = library.get_result(timeout=1)
                ended += bool(found and found.is_finished())
                assert found or library.is_running()

    yield from measure_all(
        label,
        lambda: idle.answer(LIMITS_KNOWN),
        {
            UNKNOWING: unknowing,
            "generate, one prompt after the other": one_by_one,
            "generate, batches sorted by length": batches,
            "generate_batch's manager, every request with its limit": continuous,
        },
    )
    print(f"{label}: idle slot-steps {idle}", flush=True)


def _count(engine: Engine, requests: list[Request]) -> int:
    return sum(isinstance(event, Answered) for event in engine.answer(requests))


def _ignore(_: object) -> None:
    pass
