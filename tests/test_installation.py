"""The wheel, used from elsewhere than the checkout and without the engines: the review side of qtui."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
ENGINE_PACKAGES = ("accelerate", "gguf", "huggingface_hub", "llama_cpp", "sentencepiece", "torch", "transformers")

# Stands in for a machine without the extra: these packages are not found, whatever is installed beside them.
HIDE_ENGINES = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ENGINE_PACKAGES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())

import importlib.metadata as metadata

distribution = metadata.Distribution.from_name

def from_name(name):
    if name.replace("-", "_").removesuffix("_python") in {ENGINE_PACKAGES!r}:
        raise metadata.PackageNotFoundError(name)
    return distribution(name)

metadata.Distribution.from_name = staticmethod(from_name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    (folder / "sitecustomize.py").write_text(HIDE_ENGINES)
    return folder


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> "Elsewhere":
    return Elsewhere(installed, tmp_path)


class Elsewhere:
    """A folder that is no checkout, with qtui from the wheel."""

    def __init__(self, installed: Path, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"PYTHONPATH": str(installed), "QTUI_STORE": str(folder / "s.sqlite")}

    def python(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def qtui(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.python("-m", "qtui", *arguments)


def test_wheel_carries_data_and_themes_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "data/models.toml",
        "data/tasks/demo.jsonl",
        "data/demo/model.safetensors",
        "data/experiments/demo.toml",
    ):
        assert f"qtui/_data/{wanted}" in names
    assert any(name.startswith("qtui/_data/themes/") and name.endswith(".toml") for name in names)
    assert any(name.endswith(".tcss") for name in names)
    assert not [name for name in names if name.startswith("tests/")]


def test_installed_data_is_found_from_elsewhere(elsewhere: Elsewhere, installed: Path) -> None:
    done = elsewhere.qtui("locate", "data")
    assert done.stdout.strip() == str(installed / "qtui" / "_data" / "data"), done.stderr


def test_run_without_the_engines_names_the_command_that_installs_them(elsewhere: Elsewhere) -> None:
    done = elsewhere.qtui("demo", "--headless")
    assert done.returncode == 1
    assert 'pip install "qtui[engines]"' in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_doctor_without_the_engines_names_the_command_that_installs_them(elsewhere: Elsewhere) -> None:
    assert 'pip install "qtui[engines]"' in elsewhere.qtui("doctor").stdout


PANES = ("runs", "tasks", "compare", "scores", "lengths", "models")
EVERY_PANE = f"""
import asyncio, os
from pathlib import Path
from qtui.ui.app import QtuiApp

async def main():
    app = QtuiApp(Path(os.environ["QTUI_STORE"]))
    async with app.run_test(size=(120, 40)) as pilot:
        for key, pane in zip("123456", {PANES!r}):
            await pilot.press(key)
            await pilot.pause()
            print(pane, app.screen.query_one("#" + pane).display)

asyncio.run(main())
"""


def test_study_is_imported_shown_in_every_pane_and_exported_without_the_engines(
    elsewhere: Elsewhere, shared: Path
) -> None:
    done = elsewhere.qtui("import", "gpt4-autoeval", str(shared / "data" / "gpt4-autoeval" / "assets"))
    assert done.returncode == 0, done.stderr
    shown = elsewhere.python("-c", EVERY_PANE)
    assert shown.stdout.splitlines() == [f"{pane} True" for pane in PANES], shown.stderr
    exported = elsewhere.qtui("export", "answers", "--format", "jsonl")
    assert len(exported.stdout.splitlines()) == 1100, exported.stderr
