"""The form and Runs ask before a run computes on the CPU of a machine with a GPU, and Runs shows what is not as it should be."""

from pathlib import Path

import pytest

from qtui.engines import available
from qtui.store import Store, runs
from qtui.ui.app import QtuiApp
from qtui.variant_facts import VariantFacts
from tests import fake_gpu
from tests.ui.panes.runs.test_runs_pane import begin
from tests.ui.waiting import screen_text, until, until_shown


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_cpp", reason="needs llama.cpp: qtui engines")
    if available.accelerator("llama.cpp") != "cpu":
        pytest.skip("llama.cpp is built for a GPU here")
    fake_gpu.plug_in(monkeypatch, tmp_path / "card")
    (tmp_path / "tasks.jsonl").write_text('{"input": "山"}\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
@pytest.mark.usefixtures("card")
async def test_the_form_says_that_the_gpu_stands_idle_and_asks(
    size: tuple[int, int], store_path: Path, store: Store
) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await pilot.press("n")
        await until_shown(pilot, "New run")
        app.screen.query_one("#variants").value = "Q8_0"  # type: ignore[attr-defined]
        app.screen.query_one("#tasks").value = "tasks.jsonl"  # type: ignore[attr-defined]
        await until_shown(pilot, "llama.cpp is built without CUDA")
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Run on the CPU anyway?")
        await pilot.press("n")
        await until(pilot, lambda: "CPU anyway?" not in screen_text(pilot))
        assert runs.summaries(store) == []
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Run on the CPU anyway?")
        await pilot.press("y")
        await until(pilot, lambda: [run.state for run in runs.summaries(store)] == ["done"], 60)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)])
async def test_what_mends_a_slow_computation_stands_under_its_variant(
    size: tuple[int, int], store_path: Path, store: Store
) -> None:
    run_id = begin(store)
    variant = runs.summaries(store, [run_id])[0].variants[0]
    note = "computed on the CPU: llama.cpp is built without CUDA: `make engines` builds it for NVIDIA H100"
    runs.set_variant(store, variant.id, facts=VariantFacts(compute_notes=(note,)))
    app = QtuiApp(store_path)
    async with app.run_test(size=size) as pilot:
        await until_shown(pilot, "Note: computed on the CPU: llama.cpp is built without CUDA")
