"""Runs that are started over SSH, on a machine without a locale, and a connection that is lost or closed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.filled_store import fill
from tests.terminal.live_runs import SLOW, wait_for_run
from tests.terminal.ssh import Sshd


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    server = Sshd(folder)
    yield server
    server.stop()


@pytest.fixture
def engines() -> None:
    for library in ("llama_cpp", "transformers"):
        pytest.importorskip(library, reason="needs the engines extra")


def workbenches(store: Path) -> list[psutil.Process]:
    """Processes of qtui that were started with this store, but for runners and what they start."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(store) in words and "qtui" in words and "--run" not in words:
            found.append(process)
    return found


@pytest.mark.usefixtures("engines")
def test_demo_goes_on_when_the_ssh_client_is_killed_and_is_found_again(sshd: Sshd, store: Path) -> None:
    first = sshd.terminal("demo", "--store", str(store))
    try:
        first.wait_for("demo")
        assert wait_for_run(store, lambda run: run.answered >= 1).active
        left_behind = workbenches(store)
        os.kill(first.pid(), signal.SIGKILL)
        _, alive = psutil.wait_procs(left_behind, timeout=20)
    finally:
        first.close()
    assert (left_behind != [], alive) == (True, []), "the workbench ends with its connection"
    run = wait_for_run(store, lambda run: run.state == "done")
    assert run.answered == run.expected == 208

    second = sshd.terminal("--store", str(store))
    try:
        second.wait_for("208/208")
        second.press("2")
        second.wait_for("公園")
        second.press("q")
        second.wait_for(lambda _: second.ended())
    finally:
        second.close()


@pytest.mark.usefixtures("engines")
def test_detached_run_goes_on_after_ssh_without_a_terminal_has_ended(sshd: Sshd, store: Path) -> None:
    file = store.with_name("slow.toml")
    file.write_text(SLOW)
    done = sshd.qtui("run", str(file), "--detach", "--store", str(store))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert wait_for_run(store, lambda run: run.state != "waiting").active
    run = wait_for_run(store, lambda run: run.state == "done")
    assert run.answered == run.expected


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, "動物を"),
        ({"LC_ALL": "C"}, "動物を"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "????"),
    ],
    ids=["none", "C", "C in ASCII alone"],
)
def test_japanese_is_no_trouble_without_a_locale(
    sshd: Sshd, tmp_path: Path, environment: dict[str, str], shown: str
) -> None:
    path = tmp_path / "filled.sqlite"
    fill(path)
    done = sshd.qtui("compare", "1", "--store", str(path), **environment)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
