from pathlib import Path
from typing import Any

import pytest

from qtui import paths
from qtui.engines.protocol.answering import Prompt, Request
from qtui.engines.weights.weights import open_weights
from qtui.records import Sampling, VariantSpec
from tests.bench.idle import LENGTHS_UNKNOWN, LIMITS_KNOWN, IdleShares
from tests.loaded_engine import loaded_engine

pytest.importorskip("llama_cpp", reason="needs the engines extra")

LIMITS = (1, 1, 1, 24)
"""Tokens per answer: with the long answer last, one of two slots has nothing to do nearly all the time."""
REQUESTS = [Request(i, Prompt(f"質問{i}", False), Sampling(max_tokens=limit)) for i, limit in enumerate(LIMITS)]


@pytest.fixture
def engine(tmp_path: Path) -> Any:
    from qtui.engines.conversion import llama_folder

    if not (paths.demo_model() / "model.safetensors").is_file():
        pytest.skip("data/demo has no model")
    file = tmp_path / "demo.gguf"
    llama_folder.convert(open_weights(paths.demo_model()), file)
    spec = VariantSpec("demo", "F16", "llama.cpp", str(file), "F16", slots=2, threads=1)
    return loaded_engine(spec, file, REQUESTS)


def test_each_idle_share_is_that_of_its_own_case(engine: Any) -> None:
    idle = IdleShares(engine, REQUESTS)

    def share(case: str) -> float:
        idle.answer(case)
        return float(engine.facts().idle_slot_share)

    known = share(LIMITS_KNOWN)
    engine.longest_first = lambda request: request.index
    unknown = share(LENGTHS_UNKNOWN)
    assert known < unknown
    assert idle.by_case == {LIMITS_KNOWN: known, LENGTHS_UNKNOWN: unknown}
