"""A run that another command runs already, started from the workbench: a notice says so, and nothing looks like a failure."""

import os
from pathlib import Path

import pytest

from qtui.experiment.experiment import load
from qtui.runner.start import add
from qtui.store import Store, leases
from qtui.ui.app import QtuiApp
from tests.ui.waiting import notices, until, until_shown

EXPERIMENT = """
name = "shared"
tasks = "demo"
[[models]]
name = "m"
  [[models.variants]]
  name = "served"
  engine = "openai"
  weights = "w"
  base_url = "http://127.0.0.1:9/v1"
"""


@pytest.fixture
def file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment whose run this process holds the lease of; the workbench does not see it running yet."""
    monkeypatch.chdir(tmp_path)
    written = tmp_path / "shared.toml"
    written.write_text(EXPERIMENT)
    leases.take(store, add(store, load(written)))
    return written


def already_running(app: QtuiApp) -> list[tuple[str, str]]:
    wanted = f"Run 1 is already running (pid {os.getpid()} on "
    return [(note.severity, note.message) for note in notices(app) if note.message.startswith(wanted)]


async def test_resume_of_a_running_run_is_a_notice(store_path: Path, file: Path) -> None:
    app = QtuiApp(store_path)
    async with app.run_test() as pilot:
        await until_shown(pilot, "shared")
        await pilot.press("r")
        await until(pilot, lambda: already_running(app))
        assert {severity for severity, _ in already_running(app)} == {"information"}
        assert not any(note.severity == "error" for note in notices(app))


async def test_new_run_that_is_running_is_a_notice_and_the_form_closes(store_path: Path, file: Path) -> None:
    app = QtuiApp(store_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until_shown(pilot, "shared")
        await pilot.press("n")
        await until_shown(pilot, "New run")
        await pilot.press("ctrl+o")
        await until_shown(pilot, 'name = "shared"')
        await pilot.press("ctrl+s")
        await until(pilot, lambda: already_running(app))
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert {severity for severity, _ in already_running(app)} == {"information"}
