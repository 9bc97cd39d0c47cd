"""Quantizing and measuring from the Models pane, by the real command line on the demo model."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qtui import paths
from qtui.store import Store, quantization_jobs
from qtui.ui.app import QtuiApp
from qtui.ui.dialogs.choose_types import ChooseTypesScreen
from tests.ui.conftest import fill
from tests.ui.waiting import screen_text, until, until_shown

FACTS = {
    "file_bytes": 5 * 2**30, "bits": 4.84, "memory_bytes": 6 * 2**30, "prompt_speed": 1234.0, "speed": 56.7,
    "speed_range": [50.0, 60.0], "prompt_tokens": 512, "new_tokens": 64, "repeats": 5, "device": "cpu", "threads": 2,
    "engine_version": "llama-cpp-python 1",
}  # fmt: skip


@pytest.fixture
def needs_llama_cpp() -> None:
    pytest.importorskip("llama_cpp", reason='llama_cpp is not installed: pip install "qtui[engines]"')


async def test_what_was_measured_is_a_table_and_a_bar_per_type(store_path: Path, store: Store) -> None:
    fill(store, models=("calm2-7b-chat",))
    quantization_jobs.put(
        store, "cyberagent/calm2-7b-chat", "F16", Path("/d/m-F16.gguf"), FACTS | {"file_bytes": 13 * 2**30}
    )
    quantization_jobs.put(store, "calm2-7b-chat", "Q4_K_M", Path("/d/m-Q4_K_M.gguf"), FACTS)
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 44)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "Types on this machine")
        text = screen_text(pilot)
        table, bar = [line for line in text.splitlines() if "Q4_K_M" in line and ("5.0 GB" in line)][:2]
        for figure in ("4.84", "6.0 GB", "1,230", "56.7", "9"):
            assert figure in table
        assert "█" in bar
        assert "512 prompt tokens" in text


async def test_chosen_types_are_made_and_appear_under_the_model(
    store_path: Path, store: Store, needs_llama_cpp: None
) -> None:
    fill(store, models=("demo",))
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 44)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "Quantize")
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ChooseTypesScreen) and app.screen.chosen)
        screen = app.screen
        assert isinstance(screen, ChooseTypesScreen)
        assert screen.chosen == {"Q4_K_M"}
        assert "■ Q4_K_M" in screen_text(pilot)
        screen.source.value = "demo"
        await pilot.press("ctrl+s")
        await until_shown(pilot, "Types on this machine")
        [file] = quantization_jobs.files(store)
        assert (file.model, file.type) == ("demo", "Q4_K_M")
        assert file.path.is_file()
        assert file.path.is_relative_to(paths.cache())


async def test_a_type_that_needs_a_matrix_is_refused_in_the_dialog(
    store_path: Path, store: Store, needs_llama_cpp: None
) -> None:
    fill(store, models=("demo",))
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 44)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "Quantize")
        await pilot.press("z")
        await until(pilot, lambda: isinstance(app.screen, ChooseTypesScreen) and app.screen.chosen)
        assert isinstance(app.screen, ChooseTypesScreen)
        app.screen.types.highlighted = app.screen.types.get_option_index("IQ1_S")
        await pilot.press("space", "enter")
        await until_shown(pilot, "IQ1_S: name an importance matrix")
        assert isinstance(app.screen, ChooseTypesScreen)
    assert quantization_jobs.jobs(store) == []


async def test_what_went_wrong_is_shown_with_its_reason(store_path: Path, store: Store) -> None:
    fill(store, models=("calm2-7b-chat",))
    failed = quantization_jobs.begin(store, "quantize", "calm2-7b-chat", ["Q4_K_M"])
    quantization_jobs.end(store, failed, "failed", "[/INST] no such folder")
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 44)) as pilot:
        await pilot.press("6")
        await until_shown(pilot, "✗ failed")
        assert "[/INST] no such folder" in screen_text(pilot)


async def test_work_that_was_killed_is_not_shown_as_going_on_and_can_be_stopped_while_it_is(
    store_path: Path, store: Store
) -> None:
    fill(store, models=("calm2-7b-chat",))
    with _at_work(store_path) as worker:
        app = QtuiApp(store_path)
        async with app.run_test(size=(120, 44)) as pilot:
            await pilot.press("6")
            await until_shown(pilot, "▶ running")
            await pilot.press("x")
            assert worker.wait(20) == -signal.SIGINT
            await until_shown(pilot, "! interrupted")
            await until(pilot, lambda: "Stop" not in screen_text(pilot).splitlines()[-1])


class _at_work:  # noqa: N801 - used as a function
    """A process that says in the store that it quantizes, and does nothing until it is ended."""

    def __init__(self, store_path: Path) -> None:
        code = (
            "import signal, sys; from pathlib import Path; from qtui.store import open_store, quantization_jobs\n"
            "signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
            "store = open_store(Path(sys.argv[1])); quantization_jobs.begin(store, 'quantize', 'calm2-7b-chat', ['Q4_K_M'])\n"
            "store.close(); print('ready', flush=True); signal.pause()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, str(store_path)], stdout=subprocess.PIPE, env={**os.environ}
        )

    def __enter__(self) -> "subprocess.Popen[bytes]":
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
