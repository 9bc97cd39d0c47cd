"""From what a person writes to files: here, the demo, the hub (one on loopback, through its own library)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui import paths
from qtui.engines.protocol.answering import Answered, Failed, Job, Loading, Planned
from qtui.engines.weights.finding import WeightsFinder
from qtui.errors import UserError
from qtui.records import PromptSource
from tests.engines.conftest import QUESTIONS, job, variant
from tests.engines.loopback_hub import LoopbackHub
from tests.engines.worker_process import WorkerProcess


def nothing(_: Loading) -> None:
    pass


def test_a_folder_and_a_file_are_what_they_are(spm: Path, spm_gguf: Path) -> None:
    assert WeightsFinder(nothing).find_weights(str(spm)).path == spm
    assert WeightsFinder(nothing).find_weights(str(spm_gguf)).path == spm_gguf


def test_the_same_files_are_opened_once(spm: Path) -> None:
    finder = WeightsFinder(nothing)
    weights = finder.find_weights(str(spm))
    assert finder.find_prompt_files(str(spm)) is weights
    assert weights.prompt_format is weights.prompt_format


def test_the_demo_is_the_one_that_comes_with_qtui(demo: Path) -> None:
    assert WeightsFinder(nothing).find_weights("demo").path == demo


def test_a_missing_demo_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "demo_model", lambda: tmp_path / "absent")
    with pytest.raises(UserError, match="demo model is missing"):
        WeightsFinder(nothing).find_weights("demo")


@pytest.mark.parametrize("written", ["./absent", "~/absent/model.gguf", "absent.gguf", "/no/such/folder", "a b/c"])
def test_what_is_nowhere_is_an_error_without_asking_the_hub(written: str) -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        WeightsFinder(nothing).find_weights(written)


def test_a_file_that_is_no_gguf_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(UserError, match=r"not a folder or a \.gguf file"):
        WeightsFinder(nothing).find_weights(str(tmp_path / "model.bin"))


@pytest.fixture
def hub(spm: Path, spm_gguf: Path, tmp_path: Path) -> Iterator[LoopbackHub]:
    files = tmp_path / "hub-files"
    files.mkdir()
    shutil.copy(spm_gguf, files / "tiny-F16.gguf")
    made = LoopbackHub({"org/tiny": spm, "org/tiny-gguf": files})
    yield made
    made.close()


def environment(hub: LoopbackHub, tmp_path: Path, **more: str) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1", **more}


def test_a_model_of_the_hub_is_fetched_with_progress_and_runs(hub: LoopbackHub, tmp_path: Path) -> None:
    with WorkerProcess(tmp_path / "log", environment(hub, tmp_path)) as worker:
        heard = worker.run(job(variant("llama.cpp", "org/tiny", "Q4_K_M")))
    assert sum(isinstance(message, Answered) for message in heard) == len(QUESTIONS), heard[-1]
    fractions = [m.fraction for m in heard if isinstance(m, Loading) and m.phase == "downloading org/tiny"]
    assert fractions
    assert fractions[-1] == 1.0


def test_what_was_fetched_is_used_offline(hub: LoopbackHub, tmp_path: Path) -> None:
    asked = job(variant("llama.cpp", "org/tiny-gguf:tiny-F16.gguf"))
    with WorkerProcess(tmp_path / "log", environment(hub, tmp_path)) as worker:
        first = worker.run(asked)
    seen = len(hub.requests)
    with WorkerProcess(tmp_path / "log", environment(hub, tmp_path, HF_HUB_OFFLINE="1")) as worker:
        second = worker.run(asked)
    assert sum(isinstance(message, Answered) for message in first) == len(QUESTIONS), first[-1]
    assert sum(isinstance(message, Answered) for message in second) == len(QUESTIONS), second[-1]
    assert len(hub.requests) == seen


def test_for_a_prompt_alone_no_weights_are_fetched(hub: LoopbackHub, spm_gguf: Path, tmp_path: Path) -> None:
    plain = job(variant("llama.cpp", spm_gguf))
    asked = Job(plain.variant, plain.sampling, PromptSource(weights="org/tiny"), plain.items)
    with WorkerProcess(tmp_path / "log", environment(hub, tmp_path)) as worker:
        heard = worker.run(asked, [])
    assert any(isinstance(message, Planned) for message in heard), heard
    assert not [request for request in hub.requests if request.endswith(".safetensors")]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("org/absent", "no such model on the hub"),
        ("org/tiny-gguf:absent.gguf", "has the model but not this file"),
    ],
)
def test_what_the_hub_does_not_have_is_named(hub: LoopbackHub, tmp_path: Path, written: str, said: str) -> None:
    assert said in reason(written, tmp_path, environment(hub, tmp_path))


def test_a_hub_that_cannot_be_reached_is_named(tmp_path: Path, needs_engines: None) -> None:
    unreachable = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")}
    assert "cannot be reached" in reason("org/tiny", tmp_path, unreachable)


def test_offline_without_a_cache_names_the_setting(tmp_path: Path, needs_engines: None) -> None:
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}
    assert "HF_HUB_OFFLINE" in reason("org/tiny", tmp_path, offline)


def reason(written: str, tmp_path: Path, environment: dict[str, str]) -> str:
    with WorkerProcess(tmp_path / "log", environment) as worker:
        heard = worker.run(job(variant("llama.cpp", written, "Q4_K_M")))
    assert isinstance(heard[-1], Failed), heard[-1]
    assert "Traceback" not in (tmp_path / "log").read_text()
    return heard[-1].reason
