import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.engines.conversion import gguf_cache, llama_folder
from qtui.engines.quantizing import quantize
from qtui.engines.weights import gguf_file
from qtui.engines.weights.weights import open_weights
from qtui.errors import UserError
from qtui.files import disk_errors


def test_the_types_are_those_of_the_installed_library(needs_engines: None) -> None:
    found = quantize.types()
    assert {"F32", "F16", "BF16", "Q4_K_M", "Q2_K", "Q8_0", "IQ4_XS"} <= set(found)
    assert found["Q4_K_M"] == 15


def test_a_type_has_one_name_whatever_a_person_calls_it(needs_engines: None) -> None:
    assert [quantize.type_name(name) for name in ("fp16", "float16", "F16", "q4_k_m", "BF16")] == [
        "F16",
        "F16",
        "F16",
        "Q4_K_M",
        "BF16",
    ]


def test_a_smaller_type_is_a_smaller_file_that_loads(spm_gguf: Path, tmp_path: Path) -> None:
    from qtui.engines.llama_cpp.model import LlamaModel

    sizes = []
    for name in ("Q8_0", "Q4_K_M", "Q2_K"):
        target = tmp_path / f"{name}.gguf"
        quantize.quantize(spm_gguf, target, name, threads=1)
        assert (LlamaModel(open_weights(target)).facts().stored_as or "").startswith(name[:4])
        sizes.append(target.stat().st_size)
    assert spm_gguf.stat().st_size > sizes[0] > sizes[1] > sizes[2]


def test_chat_template_and_special_tokens_survive(spm_gguf: Path, tmp_path: Path) -> None:
    quantize.quantize(spm_gguf, tmp_path / "out.gguf", "Q4_K_M", threads=1)
    before, after = gguf_file.read_header(spm_gguf), gguf_file.read_header(tmp_path / "out.gguf")
    assert (after.chat_template, after.bos_id, after.adds_bos) == (before.chat_template, before.bos_id, before.adds_bos)


def test_progress_goes_up_tensor_by_tensor(spm_gguf: Path, tmp_path: Path) -> None:
    seen: list[float] = []
    quantize.quantize(spm_gguf, tmp_path / "out.gguf", "Q4_K_M", threads=1, progress=seen.append)
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1


def test_an_unknown_type_names_those_there_are(spm_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'"Q4_K_XXL".*Q4_K_M'):
        quantize.quantize(spm_gguf, tmp_path / "out.gguf", "Q4_K_XXL")


def test_a_type_that_needs_an_importance_matrix_says_so(spm_gguf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="importance matrix"):
        quantize.quantize(spm_gguf, tmp_path / "out.gguf", "IQ1_S", threads=1)


def test_a_damaged_source_gives_a_reason_and_leaves_nothing(spm_gguf: Path, tmp_path: Path) -> None:
    source = tmp_path / "half.gguf"
    source.write_bytes(spm_gguf.read_bytes()[: spm_gguf.stat().st_size // 2])
    with pytest.raises(UserError, match=r"half\.gguf.*"):
        quantize.quantize(source, tmp_path / "out.gguf", "Q4_K_M", threads=1)
    assert [path.name for path in tmp_path.glob("*out*")] == []


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file can grow beyond 20 kB, as on a disk that gets full."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, old)


def test_a_type_that_there_is_no_room_for_names_the_folder_and_leaves_nothing(
    spm_gguf: Path, tmp_path: Path, little_room: None
) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(
        UserError, match=r"out: the Q8_0 file cannot be written whole.*`ulimit -f`.*name another folder"
    ):
        quantize.quantize(spm_gguf, tmp_path / "out" / "x.gguf", "Q8_0", threads=1)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_conversion_that_there_is_no_room_for_names_the_file_and_leaves_nothing(
    spm: Path, tmp_path: Path, little_room: None
) -> None:
    target = tmp_path / "out" / "x.gguf"
    with pytest.raises(OSError, match=r"written|too large") as raised:
        llama_folder.convert(open_weights(spm), target)
    words = disk_errors.describe(raised.value)
    assert words.startswith(str(target))
    assert "`ulimit -f`" in words
    assert list(target.parent.iterdir()) == []


def test_nothing_of_the_native_library_reaches_stdout(
    spm_gguf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    quantize.quantize(spm_gguf, tmp_path / "out.gguf", "Q4_K_M", threads=1)
    assert capfd.readouterr().out == ""


def test_of_a_folder_the_file_is_made_once_and_whole(spm: Path, tmp_path: Path) -> None:
    from qtui.engines.protocol.answering import Loading

    folder = tmp_path / "model"
    shutil.copytree(spm, folder)
    weights = open_weights(folder)
    said: list[Loading] = []
    first = gguf_cache.quantized_gguf(weights, "q4_k_m", "1", said.append)
    made_at = first.stat().st_mtime_ns
    assert list(dict.fromkeys(note.phase for note in said)) == [
        "converting model to GGUF",
        "quantizing to Q4_K_M",
    ]
    again = gguf_cache.quantized_gguf(weights, "Q4_K_M", "1", said.append)
    assert (again, again.stat().st_mtime_ns) == (first, made_at)
    assert gguf_cache.quantized_gguf(weights, "Q4_K_M", "2", said.append) != first
    assert not list(first.parent.glob(".*unfinished"))
