"""Building llama-cpp-python to a recipe, and a cache of the wheels by the recipe's fingerprint.

pip's cache of wheels is not used: it identifies a wheel only by name and version, and would return one built with other
flags, for another processor or without the GPU.
"""

import contextlib
import io
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qtui import paths
from qtui.building import failures
from qtui.building.recipe import DISTRIBUTION, Recipe
from qtui.errors import UserError
from qtui.files import private_files
from qtui.processes import child_process

_STEP = re.compile(r"^\s*\[(\d+)/(\d+)\]")
KEPT_WHEELS = 3


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a build. `fraction` is 0 to 1 while compiling, else None."""

    words: str
    fraction: float | None = None


Report = Callable[[Step], None]


def cached(recipe: Recipe) -> Path | None:
    """The cached wheel of this recipe, or None."""
    return next(iter(_folder(recipe).glob("llama_cpp_python-*.whl")), None)


def build(
    recipe: Recipe, report: Report, *, source: str | None = None, is_offline: bool = False, jobs: int | None = None
) -> Path:
    """Compile the wheel of a recipe and put it into the cache. Takes minutes.

    `source` is a folder or archive with llama-cpp-python's sources in place of the released version; `is_offline` uses the
    installed build tools instead of downloading them; `jobs` is the number of compilers at once. Raises UserError with what
    to install or do if the build fails.
    """
    folder = _folder(recipe)
    private_files.private_folder(folder)
    log = paths.logs() / "build.log"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as scratch:
        record = Path(scratch) / "qtui-build.json"
        with private_files.create(record) as file:
            file.write(recipe.record().encode())
        command = _command(recipe, Path(scratch), record, source=source, is_offline=is_offline)
        _run(command, recipe, log, report, jobs or recipe.jobs)
        built = next(iter(Path(scratch).glob("*.whl")))
        wheel = folder / built.name
        built.replace(wheel)
    _delete_old_wheels(folder)
    return wheel


def install(wheel: Path) -> None:
    """Install a wheel into this environment, replacing the version that is there."""
    words = child_process.command("pip", "install", "--quiet", "--disable-pip-version-check", "--force-reinstall")
    done = subprocess.run(
        [*words, "--no-deps", str(wheel)],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, env=child_process.environment(),
    )  # fmt: skip
    if done.returncode:
        raise UserError(f"{wheel}: pip cannot install it: {failures.last_line(done.stdout + done.stderr)}")


def _command(recipe: Recipe, scratch: Path, record: Path, *, source: str | None, is_offline: bool) -> list[str]:
    words = child_process.command("pip", "wheel", "--verbose", "--disable-pip-version-check", "--no-input")
    words += ["--no-deps", "--no-cache-dir", "--no-binary", DISTRIBUTION, "--wheel-dir", str(scratch)]
    if is_offline:
        words += ["--no-index", "--no-build-isolation"]
    return [*words, *recipe.config_settings(record), source or f"{DISTRIBUTION}=={recipe.version}"]


def _run(command: list[str], recipe: Recipe, log: Path, report: Report, jobs: int) -> None:
    """Run pip, write its output to the log and report its steps."""
    environment = child_process.environment(CMAKE_BUILD_PARALLEL_LEVEL=str(jobs))
    report(Step("downloading the sources of llama.cpp"))
    private_files.private_folder(log.parent)
    with io.TextIOWrapper(private_files.create(log), encoding="utf-8") as out:
        out.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n{recipe.record()}\n")
        out.flush()
        with _process(command, environment) as process:
            assert process.stdout is not None
            for line in process.stdout:
                out.write(line)
                step = _step(line)
                if step:
                    report(step)
            code = process.wait()
    if code:
        text = log.read_text(encoding="utf-8", errors="replace")
        raise UserError(f"{failures.explain(text, recipe.backend, jobs)} Full output: {log}")


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Start pip and its compilers in a process group, which is ended when the block is left."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _step(line: str) -> Step | None:
    compiled = _STEP.match(line)
    if compiled:
        count, total = int(compiled[1]), int(compiled[2])
        return Step(f"compiling llama.cpp: {count} of {total} steps", count / total)
    if "Installing build dependencies" in line:
        return Step("downloading the build tools")
    if "Configuring CMake" in line:
        return Step("configuring with CMake")
    return None


def _folder(recipe: Recipe) -> Path:
    return paths.cache() / "wheels" / recipe.fingerprint


def _delete_old_wheels(newest: Path) -> None:
    """Keep the last KEPT_WHEELS wheels. One has tens of megabytes, with CUDA hundreds."""
    folders = sorted(newest.parent.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in [each for each in folders if each != newest][KEPT_WHEELS - 1 :]:
        for wheel in folder.glob("*.whl"):
            wheel.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()
