"""Downloads from a hub on loopback, in a process of its own as a worker's are: the library reads its settings when it is loaded."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from qtui.engines.weights import hub_resume
from tests.engines.loopback_hub import COMMIT, LoopbackHub
from tests.engines.weights.checkpoints import checkpoint

LARGE = hub_resume.LARGE + 4096
PARTS = 3
STRAY = (
    "consolidated.safetensors",
    "adapter_model.safetensors",
    "model.fp16.safetensors",
    "pytorch_model.bin",
    "optimizer.bin",
)

PROGRAM = """
import json, sys
from qtui.engines.weights import hub
from qtui.errors import UserError
fractions = []
try:
    what, _, name = sys.argv[1].partition(":")
    found = hub.file(what, name, fractions.append) if name else hub.folder(what, fractions.append)
    print(json.dumps({"path": str(found), "fractions": fractions}))
except UserError as error:
    print(json.dumps({"error": str(error)}))
"""

PLANNING = """
import json, sys
from pathlib import Path
from qtui.engines import planning
from qtui.engines.weights.finding import WeightsFinder
from qtui.errors import UserError
from tests.engines.conftest import job, variant
try:
    planning.plan(job(variant(sys.argv[2], sys.argv[1])), WeightsFinder(lambda _: None))
except UserError as error:
    print(json.dumps({"error": str(error)}))
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def repos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("huggingface_hub", reason='huggingface_hub is not installed: pip install "qtui[engines]"')
    home = tmp_path_factory.mktemp("repos")
    model, files = home / "model", home / "files"
    for folder in (model, files):
        folder.mkdir()
    (model / "config.json").write_text("{}")
    (model / "tokenizer.json").write_text("{}")
    (model / "model.safetensors").write_bytes(noise(1, 100_000))
    for number in range(1, PARTS + 1):
        (files / f"big-{number:05d}-of-{PARTS:05d}.gguf").write_bytes(noise(number, 50_000 * number))
    (files / "large.gguf").write_bytes(noise(9, LARGE))
    quantized = home / "quantized"
    shutil.copytree(model, quantized)
    settings = {"architectures": ["LlamaForCausalLM"], "quantization_config": {"quant_method": "gptq", "bits": 4}}
    (quantized / "config.json").write_text(json.dumps(settings))
    others = {name: home / name for name in ("newer", "own-code", "not-converted")}
    for folder in others.values():
        shutil.copytree(model, folder)
    own_code = {"AutoModelForCausalLM": "modeling_tomorrow.TomorrowForCausalLM"}
    for name, config in (
        ("newer", {"architectures": ["TomorrowForCausalLM"], "model_type": "tomorrow"}),
        ("own-code", {"architectures": ["TomorrowForCausalLM"], "model_type": "tomorrow", "auto_map": own_code}),
        ("not-converted", {"architectures": ["TomorrowForCausalLM"], "model_type": "qwen3"}),
    ):
        (others[name] / "config.json").write_text(json.dumps(config))
    stored = {"model.embed_tokens.weight": "BF16", "a.weight": "F8_E4M3", "a.weight_scale_inv": "F32"}
    undeclared = checkpoint(home / "undeclared", {"model.safetensors": stored})
    shards = {f"model-{number:05d}-of-00002.safetensors": {f"t{number}": "F16"} for number in (1, 2)}
    sharded = checkpoint(home / "sharded", shards, index="model.safetensors.index.json")
    for name in STRAY:
        (sharded / name).write_bytes(noise(7, 1000))
    return {
        "org/model": model,
        "org/files": files,
        "org/quantized": quantized,
        "org/undeclared": undeclared,
        "org/sharded": sharded,
        **{f"org/{name}": folder for name, folder in others.items()},
    }


@pytest.fixture
def hub(repos: dict[str, Path]) -> Iterator[LoopbackHub]:
    made = LoopbackHub(repos)
    yield made
    made.close()


def test_progress_is_of_all_files_together(hub: LoopbackHub, tmp_path: Path) -> None:
    found = fetched(hub, tmp_path, "org/files:big-00001-of-00003.gguf")
    assert found["fractions"] == sorted(found["fractions"])
    assert len(found["fractions"]) >= PARTS
    assert found["fractions"][-1] == 1.0


def test_all_parts_of_a_split_file_come_whichever_was_named(
    hub: LoopbackHub, repos: dict[str, Path], tmp_path: Path
) -> None:
    path = Path(fetched(hub, tmp_path, "org/files:big-00002-of-00003.gguf")["path"])
    assert path.name == "big-00001-of-00003.gguf"
    for part in repos["org/files"].glob("big-*"):
        assert (path.parent / part.name).read_bytes() == part.read_bytes()


def test_a_download_whose_process_was_killed_goes_on_where_it_stopped(
    hub: LoopbackHub, repos: dict[str, Path], tmp_path: Path
) -> None:
    sent = LARGE // 2
    hub.stops_after = {"large.gguf": sent}
    with start(hub, tmp_path, "org/files:large.gguf") as first:
        assert hub.halted.wait(60)
        partial = wait_for_bytes(tmp_path, sent // 2)
        first.kill()
    hub.stops_after = {}
    had = partial.stat().st_size
    path = Path(fetched(hub, tmp_path, "org/files:large.gguf")["path"])
    assert hub.ranges == [f"bytes={had}-"]
    assert path.read_bytes() == (repos["org/files"] / "large.gguf").read_bytes()
    assert not list(tmp_path.rglob("*.partial"))


def test_a_connection_that_breaks_is_taken_up_in_the_same_process(
    hub: LoopbackHub, repos: dict[str, Path], tmp_path: Path
) -> None:
    hub.stops_after = {"large.gguf": LARGE // 2}
    hub.closing.set()  # the server closes the connection there instead of holding it
    path = Path(fetched(hub, tmp_path, "org/files:large.gguf")["path"])
    (resumed,) = hub.ranges
    assert 0 < int(resumed.removeprefix("bytes=").removesuffix("-")) <= LARGE // 2
    assert path.read_bytes() == (repos["org/files"] / "large.gguf").read_bytes()


def test_what_was_damaged_of_an_earlier_download_is_thrown_away(hub: LoopbackHub, tmp_path: Path) -> None:
    first = Path(fetched(hub, tmp_path, "org/files:large.gguf")["path"])
    blob = first.resolve()
    first.unlink()
    blob.rename(blob.with_name(f"{blob.name}.partial"))
    with blob.with_name(f"{blob.name}.partial").open("r+b") as file:
        file.truncate(LARGE // 2)
        file.seek(1000)
        file.write(b"damage")
    assert "was damaged and is deleted" in fetched(hub, tmp_path, "org/files:large.gguf")["error"]
    assert "path" in fetched(hub, tmp_path, "org/files:large.gguf")


@pytest.mark.parametrize("what", ["org/files:large.gguf", "org/model"])
def test_without_room_on_the_disk_nothing_is_fetched(hub: LoopbackHub, tmp_path: Path, what: str) -> None:
    hub.declared = {"large.gguf": 10**17, "model.safetensors": 10**17}
    error = fetched(hub, tmp_path, what)["error"]
    assert "100,000,000" in error
    assert "HF_HOME" in error
    assert not [request for request in hub.requests if request.startswith("GET") and "/resolve/" in request]


def test_the_token_of_the_environment_goes_to_the_hub_and_into_no_message(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.refuses = {"org/files": (403, {})}
    found = fetched(hub, tmp_path, "org/files:large.gguf", HF_TOKEN="hf_secret")
    assert hub.tokens == {"Bearer hf_secret"}
    assert "hf_secret" not in json.dumps(found)


@pytest.mark.parametrize("what", ["org/files:large.gguf", "org/model"])
@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((401, {"X-Error-Message": "Invalid credentials in Authorization header"}), "does not accept your token"),
        ((401, {"X-Error-Code": "RepoNotFound"}), "private and HF_TOKEN is not set"),
        ((403, {"X-Error-Code": "GatedRepo"}), "accept this model's terms"),
        ((403, {}), "your token has no access"),
        ((404, {"X-Error-Code": "RepoNotFound"}), "no such model on the hub"),
        ((404, {}), "does not have it"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: LoopbackHub, tmp_path: Path, what: str, refusal: tuple[int, dict[str, str]], words: str
) -> None:
    hub.refuses = {what.partition(":")[0]: refusal}
    assert words in fetched(hub, tmp_path, what)["error"]


@pytest.mark.parametrize("what", ["org/files:big-00001-of-00003.gguf", "org/model"])
def test_what_is_here_is_used_when_the_hub_is_gone(repos: dict[str, Path], tmp_path: Path, what: str) -> None:
    hub = LoopbackHub(repos)
    first = fetched(hub, tmp_path, what)
    hub.close()
    assert fetched(hub, tmp_path, what)["path"] == first["path"]
    assert fetched(hub, tmp_path, what, HF_HUB_OFFLINE="1")["path"] == first["path"]


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("transformers", "org/quantized: its weights are quantized by gptq, which needs gptqmodel"),
        ("llama.cpp", "its weights are already quantized"),
    ],
)
def test_what_cannot_be_used_here_is_said_before_its_weights_are_fetched(
    hub: LoopbackHub, tmp_path: Path, engine: str, words: str
) -> None:
    if find_spec("gptqmodel"):
        pytest.skip("gptqmodel is installed here")
    assert words in fetched(hub, tmp_path, "org/quantized", program=PLANNING, more=[engine])["error"]
    assert "GET org/quantized/resolve/" + COMMIT + "/config.json" in hub.requests
    assert not [request for request in hub.requests if "model.safetensors" in request]


@pytest.mark.parametrize(
    ("what", "engine", "words"),
    [
        ("org/newer", "transformers", "has no text model of this architecture (tomorrow); a newer version may have it"),
        ("org/own-code", "transformers", "set trust_remote_code = true for this variant"),
        ("org/not-converted", "llama.cpp", "does not know TomorrowForCausalLM, so no GGUF file can be made of it"),
        ("org/files:large.gguf", "llama.cpp", "does not know this architecture (tomorrow); a newer version may"),
    ],
)
def test_an_architecture_that_the_engine_lacks_is_named_before_its_weights_are_fetched(
    hub: LoopbackHub, tmp_path: Path, what: str, engine: str, words: str
) -> None:
    hub.gguf = {"org/files": {"architecture": "tomorrow"}}
    converter = tmp_path / "llama.cpp"
    converter.mkdir()
    (converter / "convert_hf_to_gguf.py").write_text('KNOWN = ["LlamaForCausalLM"]\n')
    said = fetched(hub, tmp_path, what, program=PLANNING, more=[engine], QTUI_LLAMA_CPP=str(converter))["error"]
    assert words in said
    assert said.startswith(what)
    large = ("model.safetensors", "large.gguf")
    assert not [request for request in hub.requests if request.startswith("GET") and request.endswith(large)]


def test_a_file_whose_architecture_the_hub_does_not_say_is_fetched(hub: LoopbackHub, tmp_path: Path) -> None:
    """llama.cpp is asked itself then: here it finds that the file is none."""
    said = fetched(hub, tmp_path, "org/files:large.gguf", program=PLANNING, more=["llama.cpp"])["error"]
    assert "not a GGUF file" in said


@pytest.mark.parametrize("engine", ["transformers", "llama.cpp"])
def test_a_quantization_that_only_the_tensors_show_is_said_before_they_are_fetched(
    hub: LoopbackHub, tmp_path: Path, engine: str
) -> None:
    error = fetched(hub, tmp_path, "org/undeclared", program=PLANNING, more=[engine])["error"]
    assert "fine-grained FP8 (a.weight_scale_inv is F32)" in error
    assert "model.safetensors" not in hub.fetched


def test_only_the_files_that_the_index_names_are_fetched(hub: LoopbackHub, tmp_path: Path) -> None:
    path = Path(fetched(hub, tmp_path, "org/sharded")["path"])
    assert sorted(file.name for file in path.glob("*.safetensors")) == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    assert not hub.fetched.intersection(STRAY)


def test_a_shard_that_the_hub_does_not_have_is_named(repos: dict[str, Path], tmp_path: Path) -> None:
    lame = tmp_path / "lame"
    shutil.copytree(repos["org/sharded"], lame)
    (lame / "model-00002-of-00002.safetensors").unlink()
    hub = LoopbackHub({"org/lame": lame})
    error = fetched(hub, tmp_path, "org/lame", program=PLANNING, more=["transformers"])["error"]
    hub.close()
    assert "1 of the 2 weight files" in error
    assert "model-00002-of-00002.safetensors" in error


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def start(
    hub: LoopbackHub, tmp_path: Path, what: str, *, program: str = PROGRAM, more: Sequence[str] = (), **settings: str
) -> "subprocess.Popen[bytes]":
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1", **settings}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return subprocess.Popen(
        [sys.executable, "-c", program, what, *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=inherited | environment,
    )


def fetched(hub: LoopbackHub, tmp_path: Path, what: str, **how: Any) -> dict[str, Any]:
    with start(hub, tmp_path, what, **how) as process:
        out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    found: dict[str, Any] = json.loads(out)
    return found


def wait_for_bytes(tmp_path: Path, count: int) -> Path:
    """The partial file, once it has so many bytes."""
    import time

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for file in tmp_path.rglob("*.partial"):
            if file.stat().st_size >= count:
                return file
        time.sleep(0.02)
    raise AssertionError("no partial file grew")
