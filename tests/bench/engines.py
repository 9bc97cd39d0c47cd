"""The engines against the loop that a person would write: one prompt at a time. Loading is not timed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtui import paths
from qtui.engines import weights
from qtui.engines.protocol import Answered, Prompt, Request
from qtui.records import Sampling, VariantSpec
from qtui.tasks import load_task_set
from tests.bench.ratio import Ratio, measure

MAX_TOKENS = 64
SLOTS = 8


def ratios() -> Iterator[Ratio]:
    prompts = [task.input for task in load_task_set("demo", base=None).tasks]
    yield _llama_cpp(prompts, "F16")
    yield _llama_cpp(prompts, "Q4_K_M")
    yield _transformers(prompts)


def _requests(prompts: list[str]) -> list[Request]:
    sampling = Sampling(max_tokens=MAX_TOKENS)
    return [Request(i, Prompt(text, True), sampling) for i, text in enumerate(prompts)]


def _llama_cpp(prompts: list[str], precision: str) -> Ratio:
    from llama_cpp import Llama

    from qtui.engines.llama_cpp import LlamaCppEngine

    path = _gguf(precision)
    requests = _requests(prompts)
    engine = LlamaCppEngine(VariantSpec("demo", precision, "llama.cpp", str(path), precision, slots=SLOTS), path)
    engine.load(requests, lambda _: None)
    llama: Any = Llama(str(path), n_ctx=1024, verbose=False)
    return measure(
        f"llama.cpp {precision}, {SLOTS} slots",
        lambda: _count(engine.answer(requests)),
        "llama-cpp-python, one prompt after the other",
        lambda: [llama(p, max_tokens=MAX_TOKENS, temperature=0.0, repeat_penalty=1.0) for p in prompts],
    )


def _transformers(prompts: list[str]) -> Ratio:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from qtui.engines.transformers import TransformersEngine

    path = paths.demo_model()
    requests = _requests(prompts)
    engine = TransformersEngine(VariantSpec("demo", "FP16", "transformers", str(path), "FP16", slots=SLOTS), path)
    engine.load(requests, lambda _: None)
    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    model: Any = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)

    def one_by_one() -> None:
        for prompt in prompts:
            ids = tokenizer(prompt, return_tensors="pt")
            model.generate(**ids, max_new_tokens=MAX_TOKENS, do_sample=False)

    return measure(
        f"transformers float32, {SLOTS} slots",
        lambda: _count(engine.answer(requests)),
        "generate, one prompt after the other",
        one_by_one,
    )


def _count(events: Iterator[object]) -> int:
    return sum(isinstance(event, Answered) for event in events)


def _gguf(precision: str) -> Path:
    folder = paths.demo_model()
    return weights.made_gguf(folder, weights.fingerprint_of(folder, lambda _: None), precision, "bench", lambda _: None)
