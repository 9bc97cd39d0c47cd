"""Building llama-cpp-python to a recipe, and a cache of the wheels by the recipe's fingerprint.

pip's cache of wheels is not used: it identifies a wheel only by name and version, and would return one built with other
flags, for another processor or without the GPU.
"""

import contextlib
import fcntl
import io
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qtui import paths
from qtui.building import failures
from qtui.building.recipe import DISTRIBUTION, Recipe
from qtui.building.source import resolve
from qtui.errors import UserError
from qtui.files import private_files
from qtui.processes import child_process
from qtui.processes.termination import exit_on_termination

_STEP = re.compile(r"^\s*\[(\d+)/(\d+)\]")
KEPT_WHEELS = 3
GRACE_SECONDS = 10.0
_WHEELS = "llama_cpp_python-*.whl"
_SCRATCH = ".building-"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a build. `fraction` is 0 to 1 while compiling, else None."""

    words: str
    fraction: float | None = None


Report = Callable[[Step], None]


def cached(recipe: Recipe) -> Path | None:
    """The cached wheel of this recipe, or None. A damaged one is deleted."""
    wheel = next(iter(_folder(recipe).glob(_WHEELS)), None)
    if wheel is None or _is_intact(wheel):
        return wheel
    delete(wheel)
    return None


def delete(wheel: Path) -> None:
    """Take a wheel out of the cache."""
    if wheel.is_dir():
        shutil.rmtree(wheel)
    else:
        wheel.unlink(missing_ok=True)


def build(
    recipe: Recipe, report: Report, *, source: str | None = None, is_offline: bool = False, jobs: int | None = None
) -> Path:
    """Compile the wheel of a recipe and put it into the cache. Takes minutes.

    `source` is a folder or archive with llama-cpp-python's sources in place of the released version; `is_offline` uses the
    installed build tools instead of downloading them; `jobs` is the number of compilers at once. Where another process builds
    the same recipe, this one waits and takes its wheel. Raises UserError with what to install or do if the build fails.
    """
    folder = _folder(recipe)
    private_files.private_folder(folder)
    with _alone(folder / "lock", report) as has_waited:
        wheel = cached(recipe) if has_waited else None
        if wheel is None:
            for scratch in folder.glob(f"{_SCRATCH}*"):  # of a build that was killed
                shutil.rmtree(scratch, ignore_errors=True)
            wheel = _compile(recipe, folder, report, source=source, is_offline=is_offline, jobs=jobs)
    _delete_old_wheels(folder)
    return wheel


def _compile(
    recipe: Recipe, folder: Path, report: Report, *, source: str | None, is_offline: bool, jobs: int | None
) -> Path:
    log = paths.logs() / "build.log"
    with tempfile.TemporaryDirectory(dir=folder, prefix=_SCRATCH) as name:
        scratch = Path(name)
        record = scratch / "qtui-build.json"
        with private_files.create(record) as file:
            file.write(recipe.record().encode())
        command = _command(recipe, scratch, record, source=source, is_offline=is_offline)
        _run(command, recipe, log, report, jobs or recipe.jobs)
        built = next(iter(scratch.glob(_WHEELS)), None)
        if built is None:
            raise UserError(f"pip built no wheel of {DISTRIBUTION}. Full output: {log}")
        built.chmod(0o600)
        wheel = folder / built.name
        if wheel.is_dir():
            delete(wheel)
        built.replace(wheel)
    return wheel


@contextlib.contextmanager
def _alone(lock: Path, report: Report) -> Iterator[bool]:
    """Hold the lock of a recipe's folder. Gives whether another process had it."""
    with private_files.create(lock) as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            has_waited = False
        except BlockingIOError:
            report(Step("waiting for another build of the same kind"))
            fcntl.flock(held, fcntl.LOCK_EX)
            has_waited = True
        yield has_waited


def _is_intact(wheel: Path) -> bool:
    """Whether every file in it can be read and has its checksum."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.testzip() is None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError):
        return False


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
    sources = str(resolve(source)) if source is not None else f"{DISTRIBUTION}=={recipe.version}"
    return [*words, *recipe.config_settings(record), sources]


def _run(command: list[str], recipe: Recipe, log: Path, report: Report, jobs: int) -> None:
    """Run pip, write its output to the log and report its steps."""
    environment = child_process.environment(keys=child_process.every_key, CMAKE_BUILD_PARALLEL_LEVEL=str(jobs))
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
        with exit_on_termination():
            yield process
    finally:
        _end_group(process)


def _end_group(process: "subprocess.Popen[str]") -> None:
    if process.poll() is not None:
        return
    for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


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
    folders = [each for each in newest.parent.iterdir() if each.is_dir()]
    folders.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in [each for each in folders if each != newest][KEPT_WHEELS - 1 :]:
        for wheel in folder.glob("*.whl"):
            delete(wheel)
        (folder / "lock").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
