"""The sdist and the wheel: what is in them, and the wheel used elsewhere than in the checkout and without the engines.

The wheel is built from the sdist, as a packager of a distribution does it and as a release is made.
"""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from qtui import __version__

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


SHIPPED_FOLDERS = ("qtui", "data", "themes", "tests", "docs")
SHIPPED_FILES = {
    ".gitignore", "AGENTS.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO",
    "README.md", "SECURITY.md", "constraints.txt", "pyproject.toml",
}  # fmt: skip
"""What the sdist has at its top. hatchling adds .gitignore and PKG-INFO itself."""


def build(folder: Path, *options: str) -> None:
    """Build with the backend that is installed; without options the sdist, and the wheel from the sdist."""
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    [built] = dist.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def in_sdist(dist: Path) -> set[str]:
    """The names of the sdist's files, from its top."""
    [built] = dist.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


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


def test_sdist_carries_every_source_test_and_data_file(in_sdist: set[str]) -> None:
    files = [file for name in SHIPPED_FOLDERS for file in (CHECKOUT / name).rglob("*") if file.is_file()]
    wanted = {str(file.relative_to(CHECKOUT)) for file in files if file.parent.name != "__pycache__"}
    assert wanted - in_sdist == set()


def test_sdist_carries_nothing_else(in_sdist: set[str]) -> None:
    beside_the_folders = {name for name in in_sdist if name.partition("/")[0] not in SHIPPED_FOLDERS}
    assert beside_the_folders == SHIPPED_FILES
    assert not [name for name in in_sdist if name.endswith(".pyc")]


def test_wheel_of_the_sdist_has_the_files_of_a_wheel_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    build(tmp_path, "--wheel")
    [direct] = tmp_path.glob("*.whl")
    assert zipfile.ZipFile(wheel).namelist() == zipfile.ZipFile(direct).namelist()


def test_packages_and_program_have_the_version_of_the_one_file_that_states_it(
    dist: Path, elsewhere: "Elsewhere"
) -> None:
    names = {file.name for file in dist.iterdir()}
    assert names == {f"qtui-{__version__}.tar.gz", f"qtui-{__version__}-py3-none-any.whl"}
    assert elsewhere.qtui("--version").stdout == f"qtui {__version__}\n"


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


def test_wheel_carries_the_package_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    about = {name for name in names if name.startswith(f"qtui-{__version__}.dist-info/")}
    assert {name.partition("/")[2] for name in about} == {
        "METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE",
    }  # fmt: skip
    files = {
        folder: [file for file in (CHECKOUT / folder).rglob("*") if file.is_file()]
        for folder in ("qtui", "data", "themes")
    }
    kept = [file for each in files.values() for file in each if file.parent.name != "__pycache__"]
    wanted = {str(file.relative_to(CHECKOUT)) for file in kept}
    of_data = {f"qtui/_data/{name}" for name in wanted if not name.startswith("qtui/")}
    assert names - about == {name for name in wanted if name.startswith("qtui/")} | of_data


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
