"""Fixtures that every test may use. No test sees the developer's own store, configuration or caches."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from qtui.secrets import redaction
from qtui.store import damage
from tests.hostile_folder import HostileFolder

SEARCH_PATH = {name: os.environ.get(name) for name in ("PYTHONPATH", "PYTHONSAFEPATH")}
JOBS = ("SLURM_JOB_ID", "SLURM_JOBID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "XDG_SESSION_ID")
"""Where the tests themselves run in a cluster's job, no test is about that one."""
SHARED = Path(__file__).parents[2] / "shared"


def pytest_configure() -> None:
    # What a shell puts in the background is deaf to Ctrl-C, what nohup starts to a hang-up; processes of a test would inherit that.
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, usual)
    # No test measures time: other work on the machine would let it fail.
    settings.register_profile("qtui", deadline=None)
    settings.load_profile("qtui")


@pytest.fixture
def shared() -> Path:
    """The folder with the study's data and reference figures; a clone by itself has none."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared (study data and reference figures) is absent")
    return SHARED


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has folders of its own in place of the user's."""
    for name in ("DATA", "CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "xdg" / name.lower()))
    for name in ("QTUI_STORE", "OPENAI_API_KEY", "NO_COLOR", "COLUMNS", "LINES", *JOBS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def search_path_of_the_session() -> Iterator[None]:
    """The workbench and other parents of processes change these of their own process; tests share one."""
    yield
    for name, value in SEARCH_PATH.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process knows the secrets of every endpoint that it has asked; tests share a process."""
    monkeypatch.setattr(redaction, "remembered", {})
    monkeypatch.setenv(redaction.ANNOUNCED, "")


@pytest.fixture(autouse=True)
def no_stores_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that fails looks for damage in all stores that it opened; tests share a process, and leave damaged ones."""
    monkeypatch.setattr(damage, "opened", set())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostileFolder:
    """The current folder of the test, full of traps. PYTHONPATH and PYTHONSAFEPATH are what they were after the test."""
    folder = HostileFolder(tmp_path / "hostile")
    monkeypatch.chdir(folder.path)
    for name in ("PYTHONPATH", "PYTHONSAFEPATH"):
        monkeypatch.delenv(name, raising=False)
    return folder
