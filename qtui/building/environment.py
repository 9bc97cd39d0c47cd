"""Setting up an environment: pip installs the packages in one process while llama.cpp compiles in others.

On two cores this takes as long as the longer of the two, not their sum. The terminal shows the progress of both.
"""

import base64
import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from importlib.util import find_spec
from pathlib import Path

from qtui.building import failures, wheel
from qtui.building.progress import Board
from qtui.building.recipe import DISTRIBUTION, Recipe
from qtui.errors import UserError
from qtui.processes import child_process

RECORD = "llama_cpp/lib/qtui-build.json"
IMPORTS = """
import torch, transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, GenerationConfig, BitsAndBytesConfig
import gguf, openai, pandas, scipy.stats, textual.app, textual.widgets
import qtui.cli, qtui.ui.app
"""
"""The modules that a first run imports."""


def set_up(recipe: Recipe, requirement: str, constraints: str | None, jobs: int | None = None) -> None:
    """Install `requirement` and llama.cpp built to `recipe` into this environment.

    Raises UserError with the cause if either fails. Installed packages stay, so the same command continues where it
    stopped.
    """
    check_pip()
    with Board() as board:
        packages = _Packages(requirement, constraints, board)
        packages.start()
        try:
            install_llama_cpp(recipe, board, Source(jobs=jobs), wait_for=packages)
        finally:
            packages.end()
    if packages.failure:
        raise UserError(packages.failure)


def install_packages(requirement: str, constraints: str | None) -> None:
    """Install `requirement` alone. Raises UserError if pip fails."""
    with Board() as board:
        packages = _Packages(requirement, constraints, board)
        packages.start()
        packages.wait()


@dataclass(frozen=True, slots=True)
class Source:
    """Where llama.cpp comes from, and options of its build besides the recipe."""

    path: str | None = None
    """A folder or archive with llama-cpp-python's sources; None is the released version."""
    is_offline: bool = False
    is_forced: bool = False
    """Build even if the same build is installed or cached."""
    jobs: int | None = None


RELEASE = Source()


def install_llama_cpp(
    recipe: Recipe, board: Board, source: Source = RELEASE, *, wait_for: "_Packages | None" = None
) -> None:
    """Build and install llama.cpp to `recipe`, unless the same build is installed. Raises UserError as `wheel.build` does."""
    check_pip()
    label = f"llama.cpp for {recipe.backend}"
    if installed_fingerprint() == recipe.fingerprint and not source.is_forced and is_intact():
        board.done(label, "already installed")
        return

    def build() -> Path:
        built = wheel.build(
            recipe,
            lambda step: board.show(label, step.words, step.fraction),
            source=source.path,
            is_offline=source.is_offline,
            jobs=source.jobs,
        )
        board.done(label, "built")
        return built

    kept = None if source.is_forced else wheel.cached(recipe)
    new = None if kept else build()
    if wait_for:
        # Two pips must not write to one environment at the same time.
        wait_for.wait()
    if kept:
        try:
            wheel.install(kept)
            board.done(label, "copied from the build cache")
            return
        except UserError:
            wheel.delete(kept)
            new = build()
    assert new is not None
    wheel.install(new)


def check_pip() -> None:
    """Raises UserError if this environment has no pip, as environments that uv makes have none."""
    if find_spec("pip") is None:
        raise UserError(
            f"{sys.prefix} has no pip. Install it (python -m ensurepip; with uv: uv pip install pip) and try again."
        )


def is_intact() -> bool:
    """Whether the files of the installed llama.cpp are those that were installed, by the checksums that pip keeps."""
    try:
        files = distribution(DISTRIBUTION).files or []
    except PackageNotFoundError:
        return False
    return all(_has_its_checksum(file) for file in files if file.hash and file.suffix != ".pyc")


def _has_its_checksum(file: PackagePath) -> bool:
    assert file.hash is not None
    try:
        with Path(file.locate()).open("rb") as data:
            digest = hashlib.file_digest(data, file.hash.mode).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value


def installed_record() -> dict[str, object]:
    """The record that qtui's build of llama.cpp installs; empty if qtui did not build it, or none is installed."""
    try:
        text = distribution(DISTRIBUTION).read_text(f"../{RECORD}")
    except (PackageNotFoundError, OSError):
        return {}
    try:
        record = json.loads(text or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def installed_fingerprint() -> str:
    return str(installed_record().get("fingerprint", ""))


@dataclass
class _Packages:
    """pip installing packages in the background."""

    requirement: str
    constraints: str | None
    board: Board
    failure: str = ""
    _precompiling: threading.Thread | None = None

    def start(self) -> None:
        words = child_process.command("pip", "install", "--disable-pip-version-check", "--no-input")
        # Compiling all 30,000 modules takes longer than compiling the few imported ones later.
        words += ["--no-compile", "--progress-bar", "off"]
        words += ["--constraint", self.constraints] if self.constraints else []
        self._process = subprocess.Popen(
            [*words, "--editable", self.requirement],
            env=child_process.environment(keys=child_process.every_key),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until pip has ended. Raises UserError if it failed."""
        self._thread.join()
        if self.failure:
            raise UserError(self.failure)

    def end(self) -> None:
        if sys.exc_info()[0] is not None and self._process.poll() is None:
            self._process.terminate()
        self._thread.join()
        if self._precompiling:
            self._precompiling.join()

    def _follow(self) -> None:
        lines: list[str] = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.append(line)
            words = _words(line)
            if words:
                self.board.show("packages", words, None)
        if self._process.wait():
            self.failure = f"pip could not install the packages: {failures.last_line(''.join(lines))}"
        else:
            self.board.done("packages", "installed")
            self._precompiling = threading.Thread(target=precompile, daemon=True)
            self._precompiling.start()


def precompile() -> None:
    """Import the modules of a first run while the compilers work, so that Python stores their bytecode.

    PYTHONDONTWRITEBYTECODE is removed: without bytecode every process would need ten seconds more. The environment is qtui's own.
    """
    variables = {
        name: value for name, value in child_process.environment().items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    quiet = subprocess.DEVNULL
    subprocess.run(
        child_process.code_command(IMPORTS), env=variables, stdin=quiet, stdout=quiet, stderr=quiet, check=False
    )


def _words(line: str) -> str:
    """The progress that a line of pip's output shows; empty if it shows none."""
    word, _, rest = line.strip().partition(" ")
    if word in ("Collecting", "Downloading", "Installing", "Preparing", "Building"):
        if word == "Installing":
            return "unpacking" if rest.startswith("collected packages") else ""
        return f"{word.lower()} {Path(rest.split(' ')[0]).name}"
    return ""
