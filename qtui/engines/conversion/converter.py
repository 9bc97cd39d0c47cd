"""llama.cpp's own converter (`convert_hf_to_gguf.py`) for the folders that qtui does not convert itself.

It must be of the llama.cpp that is installed, or it writes what that cannot read: so it comes from the source distribution of
that very llama-cpp-python, fetched once through pip and kept in the cache, or from a folder that the user names: for one command,
for a session (in the environment) or for good (in config.toml), in this order.

The converter and pip run in child processes that start with this module (`python -m qtui.engines.conversion.converter`), so that
they end with the process that asked. Their output goes to stderr, which is the log.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qtui import config, paths
from qtui.engines.device.memory import (
    OomKills,
    address_space,
    memory,
    oom_kills,
    oom_kills_again,
    was_killed_for_memory,
)
from qtui.engines.weights import unfinished
from qtui.errors import UserError
from qtui.files import private_files
from qtui.processes import child_process, log, parent
from qtui.processes.end import End, MemoryUse, Subject, in_words
from qtui.processes.log import MARK

DISTRIBUTION = "llama-cpp-python"
SCRIPT = "convert_hf_to_gguf.py"
ENVIRONMENT = "QTUI_LLAMA_CPP"
"""Names a folder with llama.cpp's sources, for machines that fetch nothing."""

FETCHING = "fetching llama.cpp's converter"

_WANTED = re.compile(r"^[^/]+/vendor/llama\.cpp/(?P<rest>convert_hf_to_gguf\.py|(?:conversion|gguf-py)/.*|LICENSE)$")
_WRITTEN = re.compile(r"Writing:\s+(\d+)%")
_SAID_LINES = 40
_POINT_TO_ONE = (
    f"or name a folder with llama.cpp's sources: --converter FOLDER, ${ENVIRONMENT}, or converter in config.toml"
)


class NeedsConverterError(UserError):
    """A folder that qtui does not convert to GGUF itself; llama.cpp's converter may."""


Progress = Callable[[str, float | None], None]
"""Gets what is going on and how far it is, 0 to 1, None where that is not known."""


def convert(
    folder: Path,
    target: Path,
    outtype: str,
    *,
    converter: Path | None = None,
    trust_remote_code: bool = False,
    progress: Progress = lambda _phase, _fraction: None,
) -> None:
    """Write `target` whole or not at all. `outtype` is f32, f16, bf16 or auto; `converter` a folder with llama.cpp's sources.

    Raises UserError with the converter's reason where it fails, and where the folder brings code that nobody has allowed.
    """
    if not trust_remote_code and _names_own_code(folder):
        raise UserError(
            f"{folder}: brings Python code of its own, which llama.cpp's converter may run; read it, then allow it with "
            "--trust-remote-code (trust_remote_code = true in an experiment)"
        )
    script = located(converter, progress)
    phase = f"converting {folder.name} to GGUF"
    progress(phase, None)

    def heard(line: str) -> None:
        written = _WRITTEN.search(line)
        if written:
            progress(phase, int(written[1]) / 100)

    with unfinished.growing(target) as path:
        arguments = [str(script), str(folder), "--outfile", str(path), "--outtype", outtype]
        ended = _run("script", arguments, child_process.environment(HF_HUB_OFFLINE="1"), heard)
        if ended.code:
            raise UserError(f"{folder}: llama.cpp's converter cannot convert it: {ended.reason}")


def located(named: Path | None, progress: Progress) -> Path:
    """The converter's script: in the folder named here, in the environment, in config.toml, in the cache, else fetched."""
    folder, told_by = _told(named)
    if folder is None:
        return _fetched(progress)
    script = folder.expanduser() / SCRIPT
    if not script.is_file():
        raise UserError(f"{folder} (of {told_by}): has no {SCRIPT}; name the folder of llama.cpp's sources")
    return script


def _told(named: Path | None) -> tuple[Path | None, str]:
    """The folder that the user names, and where."""
    if named is not None:
        return named, "--converter"
    if os.environ.get(ENVIRONMENT):
        return Path(os.environ[ENVIRONMENT]), f"${ENVIRONMENT}"
    return config.load().converter, f'"converter" in {paths.config_file()}'


def _names_own_code(folder: Path) -> bool:
    for name in ("config.json", "tokenizer_config.json"):
        try:
            if "auto_map" in json.loads((folder / name).read_text(encoding="utf-8")):
                return True
        except (OSError, ValueError, TypeError):
            continue  # what is missing or damaged is for the converter to say
    return False


def _fetched(progress: Progress) -> Path:
    try:
        version = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f'{DISTRIBUTION} is not installed: pip install "qtui[engines]"') from None
    version = version.split("+")[0]
    home = paths.cache() / "llama.cpp"
    private_files.private_folder(home)
    script = home / version / SCRIPT
    with private_files.create(home / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not script.is_file():
            progress(FETCHING, None)
            with tempfile.TemporaryDirectory(dir=home) as scratch:
                _extract(_download(version, Path(scratch)), Path(scratch) / "out", version)
                private_files.narrow_tree(Path(scratch) / "out")
                shutil.rmtree(home / version, ignore_errors=True)
                (Path(scratch) / "out").rename(home / version)
    return script


def _download(version: str, scratch: Path) -> Path:
    """The source distribution, by pip with whatever index and settings the user's pip has; nothing of it is built."""
    if importlib.util.find_spec("pip") is None:
        raise UserError(
            f"llama.cpp's converter is fetched through pip, which this Python lacks: install pip, {_POINT_TO_ONE}"
        )
    _write_stand_in(scratch / "backend", version)
    arguments = ["pip", "download", f"{DISTRIBUTION}=={version}", "--no-deps", "--no-binary", DISTRIBUTION]
    arguments += ["--no-build-isolation", "--no-input", "--disable-pip-version-check", "--dest", str(scratch)]
    ended = _run("module", arguments, child_process.environment(first=[scratch / "backend"]))
    found = sorted(scratch.glob("*.tar.gz"))
    if ended.code or not found:
        raise UserError(
            f"the source distribution of {DISTRIBUTION} {version}, which llama.cpp's converter comes with, could not be fetched: "
            f"{ended.reason}; try again with a connection, {_POINT_TO_ONE}"
        )
    return found[0]


def _write_stand_in(folder: Path, version: str) -> None:
    """A build backend that only tells name and version.

    pip asks the distribution's own backend for them, which would fetch build tools and look for a compiler: measured, two minutes
    instead of twelve seconds. The hooks are those of PEP 517.
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


def _extract(archive: Path, target: Path, version: str) -> None:
    target.mkdir()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                wanted = _WANTED.match(member.name)
                if wanted and (member.isfile() or member.isdir()):
                    member.name = wanted["rest"]
                    tar.extract(member, target, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(
            f"the source distribution of {DISTRIBUTION} {version} is damaged ({error}); try again"
        ) from None
    if not (target / SCRIPT).is_file():
        raise UserError(f"the source distribution of {DISTRIBUTION} {version} has no {SCRIPT}; {_POINT_TO_ONE}")


@dataclass(frozen=True, slots=True)
class _Ended:
    """`reason` says why it failed, where `code` is not 0."""

    code: int
    reason: str


def _run(
    kind: str, arguments: list[str], environment: dict[str, str], heard: Callable[[str], None] = lambda _: None
) -> _Ended:
    """Run to the end. Every line, progress bars' too, goes to the log and to `heard`."""
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
    said: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:  # universal newlines: a progress bar's carriage return ends a line too
        heard(line)
        sys.stderr.write(line)
        said = [*said[1 - _SAID_LINES :], line.rstrip()]
    code = process.wait()
    return _Ended(code, _killed_in_words(code, said, before) if code < 0 else _reason(said))


def _killed_in_words(code: int, said: list[str], before: OomKills) -> str:
    """How a signal ended it."""
    now = memory()
    had = MemoryUse(
        peak=resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        free=now.free,
        limit=now.limit,
        total=now.total,
        address_space=address_space(),
        killed_for_memory=was_killed_for_memory(before, oom_kills_again(before)),
    )
    return in_words(Subject("its process"), End(code, written="\n".join(said), memory=had)).rstrip(".")


def _reason(said: list[str]) -> str:
    """The last line that looks like one: an error's, else the last of all."""
    lines = [line.strip() for line in said if line.strip() and not line.startswith(MARK)]
    errors = [line for line in lines if re.match(r"(ERROR|[\w.]*(Error|Exception))\b", line)]
    last = (errors or lines or ["it said nothing"])[-1]
    return re.sub(r"^ERROR:(hf-to-gguf:)?\s*", "", last)


def _main() -> None:

    log.begin(f"{sys.argv[2]} (for llama.cpp's converter)", describes_machine=False)
    parent.die_with_parent()
    kind, what, *arguments = sys.argv[1:]
    sys.argv = [what, *arguments]
    if kind == "module":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(what).parent))  # where Python looks first for the modules of a script
        runpy.run_path(what, run_name="__main__")


if __name__ == "__main__":
    _main()
