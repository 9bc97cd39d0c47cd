"""Weights that cannot be used are errors of `qtui run --check`, and of a run before it starts, with file, line and key."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from qtui import paths
from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.runner import start
from qtui.runner.weights_check import check_weights
from qtui.store import open_store, runs
from tests.engines.weights.checkpoints import checkpoint

Write = Callable[..., Path]
TENSORS = {"model.safetensors": {"model.embed_tokens.weight": "F16", "lm_head.weight": "F16"}}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """An experiment's file with one variant, whose weights are on line 9."""

    def written(weights: Path, engine: str = "llama.cpp", *more: str) -> Path:
        (tmp_path / "tasks.jsonl").write_text('{"input": "a"}\n')
        file = tmp_path / "e.toml"
        lines = ["name = 'e'", "tasks = 'tasks.jsonl'", "[[models]]", "name = 'm'", "[[models.variants]]", "name = 'v'"]
        lines += [f"engine = '{engine}'", "precision = 'F16'", f"weights = '{weights}'", *more]
        file.write_text("\n".join(lines) + "\n")
        return file

    return written


@pytest.fixture
def needs_engines() -> None:
    for package in ("torch", "transformers", "llama_cpp", "gguf"):
        pytest.importorskip(package, reason=f'{package} is not installed: pip install "qtui[engines]"')


def missing_shard(folder: Path) -> Path:
    checkpoint(folder, TENSORS)
    (folder / "model.safetensors").unlink()
    weight_map = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def cut_off(folder: Path) -> Path:
    file = checkpoint(folder, TENSORS) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    return folder


def pointer(folder: Path) -> Path:
    (checkpoint(folder, TENSORS) / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    return folder


def undeclared(folder: Path) -> Path:
    return checkpoint(folder, {"model.safetensors": {"a.weight": "F8_E4M3", "a.weight_scale_inv": "F32"}})


def no_epsilon(folder: Path) -> Path:
    return checkpoint(folder, TENSORS, rms_norm_eps=None)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (missing_shard, "2 of the 2 weight files .* are missing"),
        (cut_off, "cut off"),
        (pointer, "git lfs pull"),
        (undeclared, "no quantization_config"),
        (no_epsilon, 'has no "rms_norm_eps"'),
    ],
)
@pytest.mark.usefixtures("needs_engines")
def test_the_check_names_file_line_and_key(
    make: Callable[[Path], Path], words: str, write: Write, tmp_path: Path
) -> None:
    file = write(make(tmp_path / "weights"))
    with pytest.raises(UserError, match=rf"e\.toml:9: models\[1\]\.variants\[1\]\.weights: .*{words}"):
        check_weights(experiment.load(file))


@pytest.mark.usefixtures("needs_engines")
def test_a_run_does_not_start_and_leaves_nothing_in_the_store(write: Write, tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    with pytest.raises(UserError, match="are missing"):
        start.start(write(missing_shard(tmp_path / "weights")), store)
    with closing(open_store(store)) as opened:
        assert runs.summaries(opened) == []


@pytest.mark.usefixtures("needs_engines")
def test_a_damaged_matrix_is_an_error_of_the_check(write: Write, tmp_path: Path) -> None:
    (tmp_path / "i.dat").write_bytes(b"\x05\0\0\0damage")
    file = write(paths.demo_model(), "llama.cpp", "imatrix = 'i.dat'")
    file.write_text(file.read_text().replace("'F16'", "'Q4_K_M'"))
    with pytest.raises(UserError, match=r"i\.dat: not an importance matrix"):
        check_weights(experiment.load(file))


@pytest.mark.parametrize(
    ("engine", "line", "words"),
    [
        ("llama.cpp", "imatrix = 'absent.dat'", r"e\.toml:10: .*imatrix: .*absent\.dat: no such file"),
        ("transformers", "imatrix = 'tasks.jsonl'", "only llama.cpp quantizes with an importance matrix"),
    ],
)
def test_what_is_wrong_with_a_matrix_is_named(engine: str, line: str, words: str, write: Write, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        experiment.load(write(checkpoint(tmp_path / "weights", TENSORS), engine, line))


def test_a_plan_without_a_matrix_is_that_of_before(write: Write, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "weights", TENSORS)
    (tmp_path / "t.txt").write_text("text")
    before = experiment.load(write(folder)).plan
    assert experiment.load(write(folder, "llama.cpp", "imatrix = 't.txt'")).plan != before


def test_a_link_to_nothing_is_no_missing_folder(write: Write, tmp_path: Path) -> None:
    (tmp_path / "weights").symlink_to(tmp_path / "gone")
    with pytest.raises(UserError, match=r"is a link to .*gone, which does not exist"):
        experiment.load(write(Path("./weights")))


@pytest.mark.usefixtures("needs_engines")
def test_whole_weights_pass(write: Write) -> None:
    check_weights(experiment.load(write(paths.demo_model())))
    check_weights(experiment.load(write(paths.demo_model(), "transformers")))
