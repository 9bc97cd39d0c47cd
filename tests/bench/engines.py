"""The engines against the loop that a person would write, one prompt at a time, and against what the libraries can do at best.

The model is made on the spot (`tests.bench.model`). llama.cpp's own programs are yardsticks where they are named, built from the
source distribution of the installed llama-cpp-python: QTUI_BATCHED_BENCH for llama-batched-bench, QTUI_LLAMA_SERVER for
llama-server. QTUI_BENCH_SLOTS, QTUI_BENCH_LAYERS and QTUI_BENCH_SHARE (of the answers' lengths) change the size. Loading is
not timed. Threads: as many as there are cores, everywhere.
"""

import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qtui.engines.protocol import Answered, Prompt, Request
from qtui.records import Sampling, VariantSpec
from tests.bench import model
from tests.bench.ratio import ROUNDS, Ratio, measure

SLOTS = int(os.environ.get("QTUI_BENCH_SLOTS", "8"))
LIMIT_PROMPT, LIMIT_ANSWER = 100, 48
"""Tokens of the batched benchmark."""

Work = list[tuple[str, int]]


def ratios() -> Iterator[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        made, work = model.make(Path(folder)), model.work()
        for name, path in (("Q4_K_M", made.q4_k_m), ("F16", made.f16)):
            yield from _llama_cpp(name, path, work)
        yield from _transformers(made.folder, work[: max(SLOTS * 3, 24)])


def _requests(work: Work) -> list[Request]:
    return [Request(i, Prompt(text, False), Sampling(max_tokens=limit)) for i, (text, limit) in enumerate(work)]


def _llama_cpp(name: str, path: Path, work: Work) -> Iterator[Ratio]:
    from llama_cpp import Llama

    from qtui.engines.llama_cpp import LlamaCppEngine, physical_cores

    def engine(requests: list[Request]) -> LlamaCppEngine:
        loaded = LlamaCppEngine(VariantSpec("bench", name, "llama.cpp", str(path), name, slots=SLOTS), path)
        loaded.load(requests, _ignore)
        return loaded

    threads = physical_cores()
    if program := os.environ.get("QTUI_BATCHED_BENCH"):
        yield _against_limit(name, program, path, engine, threads)
    requests = _requests(work)
    ours = engine(requests)
    llama: Any = Llama(str(path), n_ctx=model.CONTEXT, n_threads=threads, n_threads_batch=threads, verbose=False)
    yield measure(
        f"llama.cpp {name}, {SLOTS} slots",
        lambda: _count(ours.answer(requests)),
        "llama-cpp-python, one prompt after the other",
        lambda: [llama(text, max_tokens=limit, temperature=0.0, repeat_penalty=1.0) for text, limit in work],
    )
    if program := os.environ.get("QTUI_LLAMA_SERVER"):
        with _server(program, path, max(len(ours.prompts[r.index]) + r.sampling.max_tokens for r in requests)) as url:
            yield measure(
                f"llama.cpp {name}, {SLOTS} slots",
                lambda: _count(ours.answer(requests)),
                f"llama-server, {SLOTS} slots, all requests at once",
                lambda: _ask_all(url, work),
            )
    print(f"{name}: idle slot-steps {ours.facts()['idle_slot_share']:.1%}")


def _against_limit(name: str, program: str, path: Path, engine: Callable[[list[Request]], Any], threads: int) -> Ratio:
    """As many prompts of 100 tokens as there are slots, 48 tokens each. The benchmark times itself, without loading."""
    text = "".join(text for text, _ in model.work())
    requests = _requests([(text[i * 50 : i * 50 + 400], LIMIT_ANSWER) for i in range(SLOTS)])
    ours = engine(requests)
    ours.prompts = {index: ids[:LIMIT_PROMPT] for index, ids in ours.prompts.items()}
    assert all(len(ids) == LIMIT_PROMPT for ids in ours.prompts.values())

    def limit() -> float:
        size = ["-c", str(SLOTS * 256), "-b", "512", "-ub", "512", "-t", str(threads), "-tb", str(threads)]
        task = ["-npp", str(LIMIT_PROMPT), "-ntg", str(LIMIT_ANSWER), "-npl", f"{SLOTS},{SLOTS}"]
        said = subprocess.run(
            [program, "-m", str(path), *size, *task, "--output-format", "jsonl"],
            capture_output=True,
            text=True,
            check=True,
        )
        rows = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
        return min(float(row["t"]) for row in rows)

    def answer() -> float:
        took = []
        for _ in range(2):
            began = time.perf_counter()
            _count(ours.answer(requests))
            took.append(time.perf_counter() - began)
        return min(took)

    answer()
    pairs = [(answer(), limit()) for _ in range(ROUNDS)]
    return Ratio(
        f"llama.cpp {name}, {SLOTS} × ({LIMIT_PROMPT} + {LIMIT_ANSWER}) tokens",
        f"llama-batched-bench, {SLOTS} sequences: the limit",
        tuple(theirs / mine for mine, theirs in pairs),
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
    )


@contextmanager
def _server(program: str, path: Path, context: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    size = ["-np", str(SLOTS), "-c", str(SLOTS * (-(-context // 256) * 256)), "-b", "512", "-ub", "512"]
    process = subprocess.Popen(
        [program, "-m", str(path), "--host", "127.0.0.1", "--port", str(port), *size],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except urllib.error.URLError:
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def _ask_all(url: str, work: Work) -> int:
    def ask(pair: tuple[str, int]) -> int:
        text, limit = pair
        body = {"prompt": text, "n_predict": limit, "temperature": 0.0, "cache_prompt": False, "repeat_penalty": 1.0}
        request = urllib.request.Request(f"{url}/completion", json.dumps(body).encode(), {"Content-Type": "text/plain"})
        with urllib.request.urlopen(request) as reply:
            return int(json.load(reply)["tokens_predicted"])

    with ThreadPoolExecutor(len(work)) as pool:
        return sum(pool.map(ask, work))


def _transformers(path: Path, work: Work) -> Iterator[Ratio]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    from qtui.engines.transformers import TransformersEngine

    requests = _requests(work)
    engine = TransformersEngine(VariantSpec("bench", "FP16", "transformers", str(path), "FP16", slots=SLOTS), path)
    engine.load(requests, _ignore)
    tokenizer: Any = AutoTokenizer.from_pretrained(path, padding_side="left")
    bare: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)

    settings_of: Any = GenerationConfig

    def one_by_one() -> None:
        for text, limit in work:
            generate([text], limit)

    def generate(texts: list[str], limit: int) -> None:
        ids = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        bare.generate(**ids, max_new_tokens=limit, do_sample=False, pad_token_id=tokenizer.pad_token_id)

    def batches() -> None:
        ordered = sorted(work, key=lambda pair: len(pair[0]))
        for start in range(0, len(ordered), SLOTS):
            part = ordered[start : start + SLOTS]
            generate([text for text, _ in part], max(limit for _, limit in part))

    def continuous() -> None:
        settings = settings_of(max_new_tokens=max(limit for _, limit in work), do_sample=False, eos_token_id=-1)
        bare.generate_batch(
            inputs=[engine.prompts[request.index] for request in requests],
            generation_config=settings,
            progress_bar=False,
        )

    for yardstick, theirs in (
        ("generate, one prompt after the other", one_by_one),
        ("generate, batches sorted by length", batches),
        ("generate_batch, every answer as long as the longest", continuous),
    ):
        yield measure(
            f"transformers float32, {SLOTS} slots", lambda: _count(engine.answer(requests)), yardstick, theirs
        )


def _count(events: Iterator[object]) -> int:
    return sum(isinstance(event, Answered) for event in events)


def _ignore(_: object) -> None:
    pass
