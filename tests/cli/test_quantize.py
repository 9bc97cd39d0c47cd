"""`qtui quantize` and `qtui bench` as a user calls them: real processes on real files."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from qtui import paths
from qtui.store import open_store, quantization_jobs

PATIENCE_SECONDS = 60.0


@pytest.fixture(autouse=True)
def needs_llama_cpp() -> None:
    for package in ("llama_cpp", "gguf"):
        pytest.importorskip(package, reason=f'{package} is not installed: pip install "qtui[engines]"')


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def qtui(*arguments: str | Path, store: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *map(str, arguments), "--store", str(store)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS * 3, check=False)


def sparse_llama(path: Path, layers: int) -> Path:
    """A Llama whose weights are holes in the file: as large as is wanted, and nothing on the disk. Without a tokenizer."""
    import gguf
    import numpy as np

    size, wide, words = 2048, 5632, 4096
    shapes = {"token_embd": (words, size), "output": (words, size)}
    for layer in range(layers):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{layer}.{name}"] = (size, size)
        shapes |= {f"blk.{layer}.ffn_{name}": (wide, size) for name in ("gate", "up")}
        shapes[f"blk.{layer}.ffn_down"] = (size, wide)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(layers)
    writer.add_embedding_length(size)
    writer.add_feed_forward_length(wide)
    writer.add_context_length(64)
    writer.add_head_count(16)
    writer.add_head_count_kv(16)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(words)
    writer.add_file_type(1)
    total = 0
    for name, shape in shapes.items():
        count = 2 * shape[0] * shape[1]
        writer.add_tensor_info(f"{name}.weight", shape, np.dtype(np.float16), count)
        total += count
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    os.truncate(path, path.stat().st_size + total + 64)
    return path


def test_types_are_made_named_and_kept(store_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = qtui("quantize", "demo", "--type", "q8_0,Q4_K_M", "--out", out, "--json", store=store_path)
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in out.iterdir()) == ["demo-Q4_K_M.gguf", "demo-Q8_0.gguf"]
    types = json.loads(made.stdout)["types"]
    assert [(each["type"], each["existed"], each["reason"]) for each in types] == [
        ("Q8_0", False, ""),
        ("Q4_K_M", False, ""),
    ]
    before = (out / "demo-Q8_0.gguf").stat().st_mtime_ns
    again = qtui("quantize", "demo", "--type", "Q8_0", "--out", out, store=store_path)
    assert "exists, " in again.stderr
    assert (out / "demo-Q8_0.gguf").stat().st_mtime_ns == before
    assert qtui("quantize", "demo", "--type", "Q8_0", "--out", out, "--force", store=store_path).returncode == 0
    assert (out / "demo-Q8_0.gguf").stat().st_mtime_ns > before


def test_of_a_folder_files_go_where_experiments_find_them(store_path: Path) -> None:
    made = qtui("quantize", "demo", "--type", "Q4_K_M", "--json", store=store_path)
    [each] = json.loads(made.stdout)["types"]
    assert Path(each["path"]).is_relative_to(paths.cache() / "gguf")
    with closing(open_store(store_path)) as store:
        [file] = quantization_jobs.files(store)
        assert (file.model, file.type, str(file.path)) == ("demo", "Q4_K_M", each["path"])
        assert [work.state for work in quantization_jobs.jobs(store)] == ["done"]


def test_one_that_fails_does_not_stop_the_others_and_is_exit_code_1(store_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = qtui("quantize", "demo", "--type", "IQ1_S,Q9_Z,Q8_0", "--out", out, store=store_path)
    assert made.returncode == 1
    assert "IQ1_S needs an importance matrix: pass one with --imatrix" in made.stderr
    assert 'no GGUF type "Q9_Z"' in made.stderr
    assert [path.name for path in out.iterdir()] == ["demo-Q8_0.gguf"]
    with closing(open_store(store_path)) as store:
        [work] = quantization_jobs.jobs(store)
        assert work.state == "failed"
        assert "importance matrix" in work.reason


def test_another_file_in_the_way_is_not_overwritten_unasked(store_path: Path, tmp_path: Path) -> None:
    (tmp_path / "demo-Q8_0.gguf").write_text("my notes")
    refused = qtui("quantize", "demo", "--type", "Q8_0", "--out", tmp_path, store=store_path)
    assert refused.returncode == 1
    assert "replace it with --force" in refused.stderr
    assert (tmp_path / "demo-Q8_0.gguf").read_text() == "my notes"


def test_a_source_that_is_quantized_or_damaged_is_one_clear_line(store_path: Path, tmp_path: Path) -> None:
    qtui("quantize", "demo", "--type", "Q8_0", "--out", tmp_path, store=store_path)
    quantized = tmp_path / "demo-Q8_0.gguf"
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(quantized.read_bytes()[:100_000])
    (tmp_path / "text.gguf").write_text("a text")
    for source, why in ((quantized, "already quantized"), (cut, "cut off"), (tmp_path / "text.gguf", "not a GGUF file"),
                        (tmp_path, "no config.json"), (tmp_path / "none", "no such folder or file")):  # fmt: skip
        refused = qtui("quantize", source, "--type", "Q4_K_M", store=store_path)
        assert (refused.returncode, refused.stdout) == (1, "")
        [line] = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
        assert why in line


def test_too_little_room_is_said_before_anything_is_written(store_path: Path, tmp_path: Path) -> None:
    source = sparse_llama(tmp_path / "huge-F16.gguf", 8)
    out = tmp_path / "out"
    code = (
        "import shutil, sys; usage = shutil.disk_usage; shutil.disk_usage = lambda p: usage(p)._replace(free=1000)\n"
        "from qtui.cli import main; sys.argv = ['qtui', *sys.argv[1:]]; main()"
    )
    command = [sys.executable, "-c", code, "quantize", str(source), "--type", "Q8_0", "--out", str(out)]
    refused = subprocess.run(
        [*command, "--store", str(store_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode == 1
    assert "too little room for huge-Q8_0.gguf" in refused.stderr
    assert not out.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_ended_in_the_middle_it_leaves_no_file_that_looks_whole(
    number: signal.Signals, store_path: Path, tmp_path: Path
) -> None:
    source = sparse_llama(tmp_path / "large-F16.gguf", 12)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "qtui", "quantize", str(source), "--type", "Q5_K_M", "--threads", "1"]
    process = subprocess.Popen([*command, "--out", str(out), "--store", str(store_path)], stderr=subprocess.PIPE)
    end = time.monotonic() + PATIENCE_SECONDS
    while not list(out.glob(".*.unfinished")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_SECONDS)
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert list(out.iterdir()) == []
        with closing(open_store(store_path)) as store:
            assert quantization_jobs.jobs(store)[0].state == "cancelled"
    else:
        assert [path.suffix for path in out.iterdir()] == [".unfinished"]
        (tmp_path / "small").mkdir()
        small = sparse_llama(tmp_path / "small" / "large-F16.gguf", 1)
        assert qtui("quantize", small, "--type", "Q5_K_M", "--out", out, store=store_path).returncode == 0
        assert [path.name for path in out.iterdir()] == ["large-Q5_K_M.gguf"]


def test_the_list_has_bits_and_needs_and_of_a_source_sizes(store_path: Path) -> None:
    types = json.loads(qtui("quantize", "--list", "--json", store=store_path).stdout)["types"]
    by_name = {each["name"]: each for each in types}
    assert by_name["Q4_K_M"]["bits"] == 4.84
    assert by_name["IQ2_XS"]["needs_imatrix"]
    assert by_name["Q4_K_M"].get("file_bytes") is None
    of_demo = json.loads(qtui("quantize", "demo", "--list", "--json", store=store_path).stdout)["types"]
    sizes = {each["name"]: each["file_bytes"] for each in of_demo}
    assert sizes["F16"] > sizes["Q8_0"] > sizes["Q4_K_M"] > sizes["Q2_K"] > 1_000_000


def test_nothing_named_is_wrong_usage(store_path: Path) -> None:
    assert qtui("quantize", "demo", store=store_path).returncode == 2


def test_a_bench_has_size_memory_and_speed_of_each_type_and_keeps_them(store_path: Path) -> None:
    amount = ("--prompt", "64", "--tokens", "8", "--repeats", "3")
    found = qtui("bench", "demo", "--types", "F16,Q4_K_M", *amount, "--json", store=store_path)
    assert found.returncode == 0, found.stderr
    whole, quantized = json.loads(found.stdout)["types"]
    assert (whole["type"], quantized["type"]) == ("F16", "Q4_K_M")
    assert whole["file_bytes"] > 3 * quantized["file_bytes"]
    assert 15.9 < whole["bits"] < 16.2
    assert 4.5 < quantized["bits"] < 5.5
    for each in (whole, quantized):
        assert each["prompt_range"][0] <= each["prompt_speed"] <= each["prompt_range"][1]
        assert each["speed_range"][0] <= each["speed"] <= each["speed_range"][1]
        assert each["memory_bytes"] > each["file_bytes"] // 2
        assert each["repeats"] == 3
    with closing(open_store(store_path)) as store:
        assert {file.type: file.facts["speed"] for file in quantization_jobs.files(store)} == {
            "F16": whole["speed"], "Q4_K_M": quantized["speed"],
        }  # fmt: skip


def test_a_bench_of_a_quantized_file_measures_that_alone_as_table_and_drawing(store_path: Path, tmp_path: Path) -> None:
    qtui("quantize", "demo", "--type", "Q8_0", "--out", tmp_path, store=store_path)
    found = qtui(
        "bench", tmp_path / "demo-Q8_0.gguf", "--prompt", "32", "--tokens", "4", "--repeats", "3", store=store_path
    )
    assert found.returncode == 0, found.stderr
    assert "\x1b" not in found.stdout
    rows = [line.split() for line in found.stdout.splitlines() if line.startswith("Q8_0")]
    assert rows[0][1:4] == ["4.3", "MB", "8.51"]
    assert "█" in found.stdout
    assert "llama_" not in found.stdout + found.stderr


def test_a_type_that_cannot_be_measured_leaves_the_others(store_path: Path) -> None:
    amount = ("--prompt", "32", "--tokens", "4", "--repeats", "3")
    found = qtui("bench", "demo", "--types", "IQ1_S,Q8_0", *amount, "--json", store=store_path)
    assert found.returncode == 1
    refused, measured = json.loads(found.stdout)["types"]
    assert "importance matrix" in refused["reason"]
    assert measured["speed"] > 0
