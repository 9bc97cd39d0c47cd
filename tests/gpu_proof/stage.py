"""What the steps of the proof share: where they work, engines without a run around them, and what is timed."""

import contextlib
import gc
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from qtui.engines.weights.weights import open_weights
from qtui.records import EngineName, VariantSpec
from tests.loaded_engine import loaded_engine

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


@contextlib.contextmanager
def noted(found: Facts, name: str) -> Iterator[None]:
    """What fails in one part is written down and does not end the step."""
    try:
        yield
    except Exception as error:
        found[name] = f"FAILED {type(error).__name__}: {str(error)[:400]}"
    # What is there when the step's time is up.
    PARTIAL.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


def variant(engine: EngineName, path: Path, name: str, slots: int | None, **more: Any) -> VariantSpec:
    return replace(VariantSpec("proof", name, engine, str(path), name, slots=slots), **more)


def llama_engine(
    path: Path,
    requests: list[Any],
    name: str,
    slots: int,
    accelerator: str,
    *,
    rearranges: bool = True,
    context: int | None = None,
) -> Any:
    from qtui.engines.device_choice import Compute

    spec = variant("llama.cpp", path, name, slots, context=context)
    return loaded_engine(spec, path, requests, Compute(accelerator, rearranges_weights=rearranges))


def transformers_engine(path: Path, requests: list[Any], precision: str, slots: int, chosen: Any = None) -> Any:
    return loaded_engine(variant("transformers", path, precision, slots), path, requests, chosen)


def demo_gguf(place: Place, name: str) -> Path:
    from qtui import paths
    from qtui.engines.conversion import llama_folder
    from qtui.engines.quantizing import quantize

    path, whole = place.work / f"demo-{name}.gguf", place.work / "demo-F16.gguf"
    if not whole.exists():
        llama_folder.convert(open_weights(paths.demo_model()), whole)
    if not path.exists():
        quantize.quantize(whole, path, name)
    return path


def tokens_per_second(engine: Any, requests: list[Any]) -> float:
    wanted = sum(asked.sampling.max_tokens for asked in requests)
    began = time.perf_counter()
    answered = run(engine, requests)
    took: float = time.perf_counter() - began
    assert answered == len(requests), f"{answered} of {len(requests)} answers"
    return float(round(wanted / took, 1))


def run(engine: Any, requests: list[Any]) -> int:
    from qtui.engines.protocol.answering import Answered

    return sum(isinstance(event, Answered) for event in engine.answer(requests))


def texts(engine: Any, requests: list[Any]) -> list[str]:
    from qtui.engines.protocol.answering import Answered

    by_index = {event.index: event.text for event in engine.answer(requests) if isinstance(event, Answered)}
    return [by_index[asked.index] for asked in requests]


def largest(one: Any, other: Any) -> float:
    import numpy as np

    return round(float(np.abs(np.asarray(one) - np.asarray(other)).max()), 5)


def free(engine: Any) -> None:
    """Contexts and weights of llama.cpp are not freed by Python."""
    import llama_cpp

    llama_cpp.llama_free(engine.cache.native)
    llama_cpp.llama_model_free(engine.model.pointer)


def empty_gpu() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def gpu_in_use() -> int | None:
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


def ignore(_: object) -> None:
    pass
