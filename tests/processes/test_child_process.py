"""No child of qtui imports a module from the folder that the user stands in: real children, started in a folder full of traps."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from qtui import paths
from qtui.cli.run import follow
from qtui.processes import child_process
from qtui.store import open_store
from tests.hostile_folder import HostileFolder
from tests.judges.endpoint import endpoint

CURRENT_FOLDER_IN_PYTHONPATH = ["", ":", ".", ".:", "./", "x/..", ":/nowhere:"]


def test_a_child_that_is_started_by_hand_falls_into_a_trap(here: HostileFolder) -> None:
    subprocess.run([sys.executable, "-c", "import json"], check=False)
    assert here.imported(), "some Pythons import other modules of the folder first"


@pytest.mark.parametrize("search_path", CURRENT_FOLDER_IN_PYTHONPATH)
def test_a_module_as_a_child_is_looked_for_elsewhere(
    search_path: str, here: HostileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", search_path)
    done = subprocess.run(
        child_process.command("qtui", "locate"), env=child_process.environment(), capture_output=True, check=False
    )
    assert (done.returncode, here.imported()) == (0, [])


@pytest.mark.parametrize("search_path", CURRENT_FOLDER_IN_PYTHONPATH)
def test_a_child_of_a_child_finds_no_trap_either(
    search_path: str, here: HostileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", search_path)
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import json, random, typing_extensions'])"
    subprocess.run(child_process.code_command(code), env=child_process.environment(), check=True)
    assert here.imported() == []


def test_a_folder_of_the_user_for_modules_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "of_the_user.py").touch()
    monkeypatch.setenv("PYTHONPATH", f".:{tmp_path / 'lib'}")
    done = subprocess.run(
        child_process.code_command("import of_the_user"), env=child_process.environment(), check=False, cwd=tmp_path
    )
    assert done.returncode == 0


def test_folders_that_python_takes_relative_to_the_current_one_are_not_inherited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONUSERBASE", "base")
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/var/cache/python")
    found = child_process.environment()
    assert "PYTHONUSERBASE" not in found
    assert found["PYTHONPYCACHEPREFIX"] == "/var/cache/python"


def test_runner_and_worker_import_nothing_from_the_current_folder(here: HostileFolder, tmp_path: Path) -> None:
    from qtui.runner import start

    with endpoint(lambda *_: '{"grade": 4, "reason": "good"}') as served, closing(open_store(tmp_path / "s")) as store:
        for search_path in ("", ":", "."):
            os.environ["PYTHONPATH"] = search_path
            file = tmp_path / "experiment.toml"
            file.write_text(EXPERIMENT.format(name=f"e{search_path}", url=served.base_url))
            assert follow(store, start.start(file, store.path)).state == "done"
    assert here.imported() == []


EXPERIMENT = """
name = "{name}"
tasks = "demo"
[[models]]
name = "m"
[[models.variants]]
name = "A"
engine = "openai"
weights = "a"
base_url = "{url}"
[[judges]]
kind = "openai"
model = "grader"
base_url = "{url}"
"""


@pytest.mark.parametrize("search_path", ["", "."])
async def test_the_process_of_the_figures_imports_nothing_from_the_current_folder(
    search_path: str, here: HostileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qtui.ui.data.figures_process import Numbers

    monkeypatch.setenv("PYTHONPATH", search_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    numbers = Numbers()
    try:
        numbers.warm()
        assert await numbers.ask(os.path.basename, "a/b") == "b"
    finally:
        numbers.close()
    assert here.imported() == []


def test_the_workbench_of_a_checkout_hands_no_current_folder_to_the_process_of_the_figures(
    here: HostileFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m qtui` puts the current folder on sys.path, which multiprocessing hands on."""
    monkeypatch.setattr(sys, "path", [str(here.path), "", "lib", *sys.path])
    child_process.make_spawning_safe()
    assert not {str(here.path), "", "lib"} & set(sys.path)


async def test_commands_of_the_workbench_import_nothing_from_the_current_folder(
    here: HostileFolder, tmp_path: Path
) -> None:
    from qtui.ui import launch

    await launch.types()
    await launch.quantize(str(tmp_path / "none.gguf"), ["Q8_0"], "m", tmp_path / "store.sqlite")
    log = paths.logs() / "workbench.log"
    await asyncio.to_thread(wait_until, lambda: "none.gguf" in log.read_text())
    assert here.imported() == []


def test_in_a_checkout_that_is_not_installed_children_find_the_package(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(paths.PACKAGE, checkout / "qtui", ignore=shutil.ignore_patterns("__pycache__", "_data"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    code = (
        "import subprocess; from qtui.processes import child_process\n"
        "command = child_process.code_command('import qtui; print(qtui.__file__)')\n"
        f"subprocess.run(command, env=child_process.environment(), cwd={str(elsewhere)!r}, check=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(checkout / "qtui" / "__init__.py")


def test_what_is_installed_stays_behind_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """As site-packages do: a folder of PYTHONPATH would come before."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path, str(paths.PACKAGE.parent)])
    assert "PYTHONPATH" not in child_process.environment()


def test_a_child_gets_the_secrets_that_are_named_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        "SOME_API_KEY": "a-key-0123456789",
        "HF_TOKEN": "hf_0123456789",
        "DB_PASSWORD": "x",
        "ALL_PROXY": "http://me:word@host",
    }
    for name, value in {**keys, "PLAIN": "word"}.items():
        monkeypatch.setenv(name, value)

    def given(keys_given: child_process.Keys) -> set[str]:
        return set(child_process.environment(keys=keys_given)) & {*keys, "PLAIN"}

    assert given(child_process.no_keys) == {"PLAIN"}
    assert given(child_process.keys_of_hub) == {"PLAIN", "HF_TOKEN", "ALL_PROXY"}
    assert given(child_process.every_key) == {*keys, "PLAIN"}
    with child_process.without_keys():
        assert not set(keys) & set(os.environ)
    assert set(keys) <= set(os.environ)


def test_no_other_module_starts_python_by_itself() -> None:
    """Not by the name of its program, and not through multiprocessing without having made that safe."""
    naming, unsafe = [], []
    for file in paths.PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        naming += [file.name] if re.search(r"\bexecutable\b", text) else []
        spawns = re.search(r"ProcessPoolExecutor|get_context|multiprocessing import (Process|Pool)", text)
        unsafe += [file.name] if spawns and "make_spawning_safe" not in text else []
    assert (naming, unsafe) == ([Path(child_process.__file__).name], [])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
