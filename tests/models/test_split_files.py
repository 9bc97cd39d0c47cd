"""A GGUF in several parts, as 70B models come: fetched whole, loaded and answering as the same model in one file does."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qtui.engines.protocol.answering import Answered, Failed
from tests.engines.conftest import job, variant
from tests.engines.loopback_hub import LoopbackHub
from tests.engines.worker_process import WorkerProcess
from tests.models.conftest import Kind

NAME = "tiny-00001-of-00003.gguf"


@pytest.fixture(scope="module")
def split(kind: Callable[[str], Kind], tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole = kind("llama").gguf
    assert whole
    folder = tmp_path_factory.mktemp("split")
    write_split(whole, folder / "tiny.gguf", parts=3)
    return folder


@pytest.fixture
def hub(split: Path) -> Iterator[LoopbackHub]:
    made = LoopbackHub({"org/split": split})
    yield made
    made.close()


def answers(weights: str, tmp_path: Path, **environment: str) -> list[str]:
    with WorkerProcess(tmp_path / "log", environment) as worker:
        heard = worker.run(job(variant("llama.cpp", weights)))
    return [each.text for each in sorted((m for m in heard if isinstance(m, Answered)), key=lambda each: each.index)]


def test_fetched_from_the_hub_it_answers_as_the_whole_file(
    hub: LoopbackHub, kind: Callable[[str], Kind], tmp_path: Path
) -> None:
    expected = answers(str(kind("llama").gguf), tmp_path)
    assert expected
    assert answers(f"org/split:{NAME}", tmp_path, HF_ENDPOINT=hub.url, HF_HOME=str(tmp_path / "hf")) == expected


def test_a_part_that_is_missing_is_named(split: Path, tmp_path: Path) -> None:
    for part in split.iterdir():
        if "00002" not in part.name:
            (tmp_path / part.name).write_bytes(part.read_bytes())
    with WorkerProcess(tmp_path / "log") as worker:
        last = worker.run(job(variant("llama.cpp", tmp_path / NAME)))[-1]
    assert isinstance(last, Failed)
    assert "tiny-00002-of-00003.gguf" in last.reason


def write_split(whole: Path, target: Path, parts: int) -> None:
    import gguf

    reader = gguf.GGUFReader(whole)
    writer = gguf.GGUFWriter(target, "llama", split_max_tensors=-(-len(reader.tensors) // parts))
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kind, *inner = field.types
            writer.add_key_value(field.name, field.contents(), kind, inner[0] if inner else None)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
