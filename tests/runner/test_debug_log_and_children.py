"""What a whole run at `--log-level debug` writes and starts: no text of it in a log or a bug report, no key where it is not needed.

One real run against an endpoint on 127.0.0.1, with a canary in every text and every key. Each Python process of it tells its
command line and which of its environment variables have a canary, as `/proc/*/cmdline` and `/proc/*/environ` would.
"""

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.judges.endpoint import endpoint

KEYS = {
    "OPENAI_API_KEY": "sk-canary-key-0123456789abcdef",
    "GATE": "canary-key p@ss/word#7",
    "OTHER_API_KEY": "canary-key-of-another-service-1",
    "HF_TOKEN": "hf_canary-key-0123456789",
    "GITHUB_TOKEN": "ghp_canary-key-0123456789",
    "DB_PASSWORD": "canary-key-12345",
    "HTTPS_PROXY": "http://me:canary-key-of-a-proxy@127.0.0.1:9",
}
KEY = b"canary-key"
TEXTS = {
    name: f"CANARY{name.upper()}" for name in ("task", "reference", "criteria", "answer", "prompt", "system", "reason")
}
TELLS_OF_KEYS = """
import json, os, sys
with open(os.environ["SEEN"], "a") as file:
    has = sorted(name for name, value in os.environ.items() if "canary-key" in value)
    file.write(json.dumps([sys.orig_argv, has]) + "\\n")
"""


@dataclass
class Done:
    folder: Path
    said: bytes
    """Both streams of all commands."""
    children: list[tuple[list[str], set[str]]]
    """Command line and variables with a key, of every process but the commands themselves."""

    @property
    def logs(self) -> bytes:
        return b"".join(file.read_bytes() for file in (self.folder / "home" / "state").rglob("*") if file.is_file())


def environment(folder: Path) -> dict[str, str]:
    """The user's environment, in which each Python process tells of its keys."""
    hooks = folder / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(TELLS_OF_KEYS)
    homes = {f"XDG_{name}_HOME": str(folder / "home" / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "STATE")}
    path = os.pathsep.join((str(hooks), *filter(None, [os.environ.get("PYTHONPATH", "")])))
    return {**os.environ, **homes, **KEYS, "PYTHONPATH": path, "SEEN": str(folder / "seen"), "no_proxy": "127.0.0.1"}


def qtui(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "qtui", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, check=False, timeout=240)


def children(folder: Path) -> list[tuple[list[str], set[str]]]:
    seen = [json.loads(line) for line in (folder / "seen").read_text().splitlines()]
    return [(command, set(names)) for command, names in seen if command[1:3] != ["-m", "qtui"]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("run")
    task = {"input": TEXTS["task"], "reference": TEXTS["reference"], "criteria": TEXTS["criteria"]}
    (folder / "tasks.jsonl").write_text(json.dumps(task) + "\n")
    (folder / "judge.txt").write_text(TEXTS["prompt"] + "\n{input_text}\n{pred}\n")

    def say(prompt: str, _: int) -> str:
        grade = json.dumps({"reason": TEXTS["reason"], "grade": 3})
        return grade if TEXTS["prompt"] in prompt else TEXTS["answer"]

    with endpoint(say) as served:
        gate = served.base_url.replace("//", "//me:${GATE}@")
        (folder / "e.toml").write_text(f"""
name = "canaries"
tasks = "tasks.jsonl"
[[models]]
name = "m"
[[models.variants]]
name = "A"
engine = "openai"
weights = "w"
base_url = "{gate}"
[[models.variants]]
name = "B"
engine = "openai"
weights = "v"
base_url = "{served.base_url}"
[[judges]]
kind = "openai"
model = "j"
base_url = "{served.base_url}"
prompt = "judge.txt"
system = "{TEXTS["system"]}"
[[scorers]]
kind = "exact_match"
""")
        calls = (
            ("--log-level", "debug", "run", "e.toml"),
            ("logs", "1"),
            ("runs", "--json"),
            ("bugreport", "--yes", "--output", "report.tar.gz"),
            ("bugreport", "--print"),
        )
        outcomes = [qtui(folder, *call) for call in calls]
        assert [each.returncode for each in outcomes] == [0] * len(calls), [each.stderr for each in outcomes]
        assert len(served.prompts) == 3, "two answers, and one grade of both, which are the same"
    yield Done(folder, b"".join(each.stdout + each.stderr for each in outcomes), children(folder))


def test_the_log_has_what_happened(done: Done) -> None:
    assert b" DEBUG " in done.logs


def test_no_log_at_the_level_debug_has_a_text_of_the_run(done: Done) -> None:
    assert [text for text in TEXTS.values() if text.encode() in done.logs] == []


def test_no_file_and_no_stream_has_a_key(done: Done) -> None:
    mine = {"hooks", "seen"}
    files = [path for path in done.folder.rglob("*") if path.is_file() and not mine & set(path.parts)]
    assert len(files) > 5
    assert [str(path) for path in files if KEY in path.read_bytes()] == []
    assert KEY not in done.said


def test_a_bug_report_after_a_run_has_no_text_and_no_key(done: Done) -> None:
    with tarfile.open(done.folder / "report.tar.gz") as archive:
        parts = [archive.extractfile(member) for member in archive.getmembers()]
        data = b"".join(part.read() for part in parts if part is not None)
    assert b"attempt" in data or b"runs" in data
    assert [text for text in TEXTS.values() if text.encode() in data] == []
    assert KEY not in data


def test_processes_of_a_run_hold_the_keys_that_it_needs_alone_and_none_on_a_command_line(done: Done) -> None:
    lines = [" ".join(command) for command, _ in done.children]
    for module in ("qtui.runner", "qtui.engines.processes.worker", "qtui.scorers.process"):
        assert any(module in line for line in lines), lines
    assert [line for line in lines if "canary" in line] == []
    # The hub is asked for the tokenizer of an endpoint's model.
    held = {line: names for line, (_, names) in zip(lines, done.children, strict=True)}
    assert set().union(*held.values()) <= {"OPENAI_API_KEY", "GATE", "HTTPS_PROXY", "HF_TOKEN"}, held
    assert [names for line, names in held.items() if "qtui.scorers.process" in line and names] == []


@pytest.mark.engine
def test_what_converts_and_quantizes_holds_no_key_but_those_of_the_hub(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    pytest.importorskip("transformers", reason="needs the engines extra")
    quantized = qtui(tmp_path, "quantize", "demo", "--type", "Q8_0", "--out", "out")
    assert quantized.returncode == 0, quantized.stderr.decode()
    seen = children(tmp_path)
    assert any("qtui.engines.processes.quantization" in " ".join(command) for command, _ in seen), seen
    # GATE looks like no secret, and no experiment says that it is one.
    assert [(command, names) for command, names in seen if names - {"HF_TOKEN", "HTTPS_PROXY", "GATE"}] == []
    assert [command for command, _ in seen if "canary" in " ".join(command)] == []
