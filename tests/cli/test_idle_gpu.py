"""A GPU that the installed engines cannot use: it is said everywhere, and a run on the CPU wants the user's word."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pexpect
import pytest

from qtui.engines import available
from qtui.store import open_store, runs
from tests import fake_gpu

pytestmark = pytest.mark.usefixtures("needs_llama_cpp")

EXPERIMENT = """
name = "idle"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 4
[[models]]
name = "demo-ja"
  [[models.variants]]
  name = "Q8_0"
  engine = "llama.cpp"
  weights = "demo"
"""


@pytest.fixture
def needs_llama_cpp() -> None:
    pytest.importorskip("llama_cpp", reason="needs llama.cpp: qtui engines")
    if available.accelerator("llama.cpp") != "cpu":
        pytest.skip("llama.cpp is built for a GPU here")


@pytest.fixture
def experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fake_gpu.plug_in(monkeypatch, tmp_path / "card")
    (tmp_path / "tasks.jsonl").write_text('{"input": "山"}\n{"input": "川"}\n', encoding="utf-8")
    path = tmp_path / "idle.toml"
    path.write_text(EXPERIMENT)
    return path


def qtui(experiment: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    store = experiment.with_name("s.sqlite")
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(store)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL)


def test_check_and_doctor_say_that_it_stands_idle_and_what_mends_it(experiment: Path) -> None:
    checked = qtui(experiment, "run", str(experiment), "--check")
    assert checked.returncode == 0
    for said in (checked.stdout, qtui(experiment, "doctor").stdout):
        assert "llama.cpp is built without CUDA" in said
        assert fake_gpu.NAME in said
        assert "make engines" in said
    assert fake_gpu.NAME in json.loads(qtui(experiment, "doctor", "--json").stdout)["gpus"][0]["name"]
    as_json = qtui(experiment, "run", str(experiment), "--check", "--json")
    assert "without CUDA" in json.loads(as_json.stdout)["idle_gpus"][0]


def test_a_run_is_refused_where_nobody_can_be_asked(experiment: Path) -> None:
    done = qtui(experiment, "run", str(experiment))
    assert done.returncode == 1
    assert "without CUDA" in done.stderr
    assert "--cpu" in done.stderr
    with open_store(experiment.with_name("s.sqlite")) as store:
        assert runs.summaries(store) == [], "what is refused is not a run that waits"


def test_a_program_that_starts_a_run_gets_the_reason_as_json(experiment: Path) -> None:
    done = qtui(experiment, "run", str(experiment), "--detach", "--json")
    assert done.returncode == 1
    assert "without CUDA" in json.loads(done.stdout)["idle_gpus"][0]


def test_with_the_users_word_it_runs_says_so_and_resumes_without_asking_again(experiment: Path) -> None:
    done = qtui(experiment, "run", str(experiment), "--cpu")
    assert done.returncode == 0, done.stderr
    assert "computed on the CPU: llama.cpp is built without CUDA" in done.stderr
    with open_store(experiment.with_name("s.sqlite")) as store:
        (variant,) = runs.summaries(store)[0].variants
    assert "without CUDA" in "".join(variant.facts.compute_notes or ())
    assert qtui(experiment, "resume", "1").returncode == 0


def test_a_run_that_is_complete_is_followed_without_a_question(experiment: Path) -> None:
    customize = experiment.with_name("card") / "sitecustomize.py"
    card = customize.read_text()
    customize.write_text(hidden(card))
    assert qtui(experiment, "run", str(experiment)).returncode == 0
    customize.write_text(card)
    with closing(open_store(experiment.with_name("s.sqlite"))) as store:
        assert not runs.allows_cpu(store, 1)
    assert qtui(experiment, "run", str(experiment)).returncode == 0


@pytest.mark.parametrize(("key", "status"), [("y", 0), ("n", 130)])
def test_at_a_terminal_the_person_is_asked(key: str, status: int, experiment: Path) -> None:
    command = ["-m", "qtui", "run", str(experiment), "--store", str(experiment.with_name("s.sqlite"))]
    child = pexpect.spawn(sys.executable, command, timeout=60, encoding="utf-8", dimensions=(24, 200))
    child.expect("without CUDA")
    child.expect("Run on the CPU anyway")
    child.sendline(key)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status


BENCH = ("bench", "demo", "--types", "Q8_0", "--prompt", "16", "--tokens", "2", "--repeats", "1")


def test_a_benchmark_is_refused_where_nobody_can_be_asked(experiment: Path) -> None:
    done = qtui(experiment, *BENCH)
    assert done.returncode == 1
    assert "llama.cpp is built without CUDA" in done.stderr
    assert "To run on the CPU anyway, start with --cpu" in done.stderr
    assert done.stdout == ""
    assert not experiment.with_name("s.sqlite").exists(), "no job is stored that never began"


def test_a_benchmark_that_may_use_the_cpu_measures_and_says_so(experiment: Path) -> None:
    done = qtui(experiment, *BENCH, "--cpu", "--json")
    assert done.returncode == 0, done.stderr
    assert "note: measuring on the CPU: llama.cpp is built without CUDA" in done.stderr
    assert json.loads(done.stdout)["types"][0]["device"] == "cpu"


@pytest.mark.parametrize(("key", "status"), [("y", 0), ("n", 130)])
def test_at_a_terminal_the_person_is_asked_before_a_benchmark(key: str, status: int, experiment: Path) -> None:
    command = ["-m", "qtui", *BENCH, "--store", str(experiment.with_name("s.sqlite"))]
    child = pexpect.spawn(sys.executable, command, timeout=60, encoding="utf-8", dimensions=(24, 200))
    child.expect("without CUDA")
    child.expect("Measure on the CPU anyway")
    child.sendline(key)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status


def test_a_hidden_gpu_asks_nothing(experiment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    customize = experiment.with_name("card") / "sitecustomize.py"
    customize.write_text(hidden(customize.read_text()))
    assert qtui(experiment, "run", str(experiment)).returncode == 0


def hidden(card: str) -> str:
    """Return the program that plugs the card in, with the card hidden by the user."""
    return card.replace('"9.0")', '"9.0", is_hidden=True)')
