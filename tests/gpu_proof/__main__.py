"""Runs the proof: `python -m tests.gpu_proof`. Everything it finds is in results.json and table.md, written after
every step."""

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.gpu_proof import steps
from tests.gpu_proof.report import table

ROOT = Path(__file__).parents[2]
BEFORE_LLAMA_CPP = ("machine", "big model", "transformers, 7 B", "bitsandbytes", "transformers, out of memory")
WITH_LLAMA_CPP = (
    "self test", "parity", "demo", "processor", "convert and quantize, 7 B", "llama.cpp, 7 B in Q4_K_M",
    "llama.cpp, 7 B in F16", "memory", "llama.cpp, out of memory",
)  # fmt: skip
MADE_BY = {"big model": "big/config.json", "convert and quantize, 7 B": "big-Q4_K_M.gguf"}
"""Files that later steps need: where they are missing, a step is repeated although its result is known."""
HIDDEN = {"processor": {"CUDA_VISIBLE_DEVICES": ""}}
CORES_FOR_STEPS = 3
"""While llama.cpp compiles on the others."""


class Proof:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.began = time.monotonic()
        self.out: Path = arguments.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.work = _work_folder(arguments.work)
        self.results: dict[str, Any] = _read(self.out / "results.json") or _read(arguments.earlier)
        self.environment = {**os.environ, "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}
        self.environment["QTUI_PROOF_PARTIAL"] = str(self.work / "partial.json")
        bench = (arguments.bundle or ROOT) / "llama-batched-bench"
        if bench.is_file():
            self.environment["QTUI_BATCHED_BENCH"] = _executable(bench, self.work / "bench")
        for name in ("DATA", "CACHE", "STATE", "CONFIG"):
            self.environment[f"XDG_{name}_HOME"] = str(self.work / "xdg" / name.lower())
        self.build: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        self.install_packages()
        self.begin_build()
        for name in BEFORE_LLAMA_CPP:
            self.step(name)
        if self.end_build():
            for name in WITH_LLAMA_CPP:
                self.step(name)
        self.write("whole proof", {"seconds": round(time.monotonic() - self.began)})
        failed = [name for name, result in self.results.items() if not result.get("ok", True)]
        print(table(self.results))
        return 1 if failed else 0

    def install_packages(self) -> None:
        """What the bundle has and this Python lacks; nothing where there is no bundle."""
        wheels = sorted((self.arguments.bundle / "wheels").glob("*.whl")) if self.arguments.bundle else []
        if not wheels:
            return
        target = self.work / "site"
        words = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--no-compile",
            "--upgrade",
        ]
        done = subprocess.run(
            [*words, "--target", str(target), *map(str, wheels)], capture_output=True, text=True, check=False
        )
        self.write("packages", {"ok": done.returncode == 0, "wheels": len(wheels), "errors": done.stderr[-500:]})
        self.environment["PYTHONPATH"] = os.pathsep.join((str(target), str(ROOT)))
        sys.path.insert(0, str(target))

    def begin_build(self) -> None:
        if self.arguments.installed:
            return
        parts = sorted(self.arguments.built.glob("built.*")) if self.arguments.built else []
        if parts:
            data = b"".join(part.read_bytes() for part in parts)
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                tar.extractall(self.work / "site", filter="data")
            return
        source = self.work / "source"
        if not source.exists():
            with tarfile.open(next(self.arguments.bundle.glob("llama_cpp_python-*.tar.xz"))) as tar:
                tar.extractall(source, filter="data")
        cores = os.cpu_count() or 4
        jobs = max(1, cores - CORES_FOR_STEPS)
        words = [
            sys.executable,
            "-m",
            "tests.gpu_proof.build",
            str(next(source.iterdir())),
            str(self.work / "site"),
            str(jobs),
        ]
        words += ["--backend", "cpu" if self.arguments.rehearse else "cuda"]
        self.build_began = time.monotonic()
        self.build = subprocess.Popen(
            words,
            env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=(self.out / "build.txt").open("wb"), stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end_build(self) -> bool:
        if self.build is None:
            return True
        try:
            code = self.build.wait(timeout=max(1.0, self.left()))
        except subprocess.TimeoutExpired:
            self.build.kill()
            code = -9
        took = round(time.monotonic() - self.build_began)
        text = (self.out / "build.txt").read_text(errors="replace")
        self.write("build of llama.cpp", {"ok": code == 0, "seconds until it was waited for": took, "log": text[-800:]})
        self.build = None
        if code == 0 and self.arguments.save_build:
            self.save_build()
        return code == 0

    def save_build(self) -> None:
        """In parts of 15 MiB, for a later start on another machine of the kind (`--built`)."""
        folders = " ".join(sorted(path.name for path in (self.work / "site").glob("llama_cpp*")))
        command = f"tar -c -C {self.work / 'site'} {folders} | xz -T0 -2 | split -b 15M - {self.out / 'built.'}"
        subprocess.run(["sh", "-c", command], check=False)

    def step(self, name: str) -> None:
        if self.arguments.only and name not in self.arguments.only:
            return
        made = MADE_BY.get(name)
        if self.results.get(name, {}).get("ok") and (made is None or (self.work / made).exists()):
            return
        limit = min(steps.STEPS[name][1], self.left())
        if limit < 5:
            self.write(name, {"ok": False, "reason": "no time left"})
            return
        began = time.monotonic()
        (self.work / "partial.json").unlink(missing_ok=True)
        words = [sys.executable, "-m", "tests.gpu_proof.steps", name, str(self.work)]
        words += ["--rehearse"] if self.arguments.rehearse else []
        log = self.out / "steps.txt"
        with log.open("ab") as errors:
            errors.write(f"\n===== {name}\n".encode())
            errors.flush()
            try:
                done = subprocess.run(
                    self.pinned(words), env=self.environment | HIDDEN.get(name, {}), cwd=ROOT, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=errors, timeout=limit, check=False,
                )  # fmt: skip
                output, code = done.stdout.decode(errors="replace"), done.returncode
            except subprocess.TimeoutExpired:
                output, code = "", -1
            partial = _read(self.work / "partial.json")
        took = round(time.monotonic() - began, 1)
        last = output.strip().splitlines()[-1:] or [""]
        found = _parsed(last[0])
        if code or found is None:
            tail = log.read_text(errors="replace")[-1200:]
            self.write(name, {"ok": False, "took": took, "status": code, **partial, "reason": tail})
        else:
            self.write(name, {"ok": True, "took": took, **found})

    def pinned(self, words: list[str]) -> list[str]:
        """On cores of its own while llama.cpp compiles, so that a figure is about the GPU."""
        cores = os.cpu_count() or 1
        if (
            self.build is None
            or self.build.poll() is not None
            or cores <= CORES_FOR_STEPS
            or not shutil.which("taskset")
        ):
            return words
        return ["taskset", "--cpu-list", f"{cores - CORES_FOR_STEPS}-{cores - 1}", *words]

    def left(self) -> float:
        return float(self.arguments.seconds - (time.monotonic() - self.began))

    def write(self, name: str, result: dict[str, Any]) -> None:
        self.results[name] = result
        print(
            f"{time.monotonic() - self.began:5.0f} s  {name}: {json.dumps(result, ensure_ascii=False)[:900]}",
            flush=True,
        )
        for file, text in (
            ("results.json", json.dumps(self.results, indent=1, ensure_ascii=False)),
            ("table.md", table(self.results)),
        ):
            (self.out / file).write_text(text, encoding="utf-8")


def _executable(program: Path, folder: Path) -> str:
    """A copy with its libraries that may be run, whatever rights it travelled with."""
    folder.mkdir(exist_ok=True)
    for file in (program, *program.parent.glob("lib*")):
        shutil.copy(file, folder)
        (folder / file.name).chmod(0o755)
    return str(folder / program.name)


def _work_folder(named: Path | None) -> Path:
    """In memory where there is room: 30 GB are written and read."""
    if named:
        named.mkdir(parents=True, exist_ok=True)
        return named
    memory = Path("/dev/shm")
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 40 * 2**30
    return Path(tempfile.mkdtemp(prefix="qtui-proof-", dir=memory if has_room else None))


def _read(path: Path | None) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gpu_proof", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu-proof"), help="Where results go.")
    parser.add_argument(
        "--work", type=Path, help="Where models are made (default: in memory, else a temporary folder)."
    )
    parser.add_argument("--bundle", type=Path, help="Wheels and sources for a machine without a network.")
    parser.add_argument("--earlier", type=Path, help="results.json of an earlier start, whose steps are not repeated.")
    parser.add_argument(
        "--installed", action="store_true", help="Use the llama.cpp that is installed instead of building one."
    )
    parser.add_argument("--only", nargs="*", help="These steps alone.")
    parser.add_argument("--built", type=Path, help="A build that an earlier start saved.")
    parser.add_argument("--save-build", action="store_true", help="Keep the build with the results.")
    parser.add_argument("--rehearse", action="store_true", help="Small models on the CPU.")
    parser.add_argument("--seconds", type=int, default=600, help="All of it ends after so long.")
    return Proof(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
