import struct
from pathlib import Path

import numpy as np
import pytest

from qtui.engines.quantizing import imatrix
from qtui.errors import UserError


def binary(path: Path, entries: dict[str, tuple[int, list[float]]]) -> Path:
    """As llama-imatrix wrote it before GGUF."""
    data = struct.pack("<i", len(entries))
    for name, (calls, values) in entries.items():
        data += struct.pack("<i", len(name)) + name.encode() + struct.pack("<ii", calls, len(values))
        data += np.array(values, "<f4").tobytes()
    path.write_bytes(data + struct.pack("<i", 7))
    return path


def gguf_form(path: Path, tensors: dict[str, list[list[float]]]) -> Path:
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(path, "imatrix")
    for name, values in tensors.items():
        writer.add_tensor(name, np.array(values, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_sums_of_the_binary_form_are_divided_by_calls(tmp_path: Path) -> None:
    found = imatrix.read(binary(tmp_path / "i.dat", {"a": (4, [8, 2]), "b": (0, [3, 1])}))
    assert {name: values.tolist() for name, values in found.items()} == {"a": [2, 0.5], "b": [3, 1]}


def test_sums_of_the_gguf_form_are_divided_by_counts_and_an_unused_expert_counts_one(tmp_path: Path) -> None:
    sums = {"a.in_sum2": [[8.0, 2.0]], "a.counts": [[4.0]]}
    experts = {"e.in_sum2": [[6.0, 9.0], [5.0, 5.0]], "e.counts": [[3.0], [0.0]]}
    found = imatrix.read(gguf_form(tmp_path / "i.gguf", sums | experts))
    assert found["a"].tolist() == [2, 0.5]
    assert found["e"].tolist() == [2, 3, 1, 1]


@pytest.mark.parametrize("keep", [0, 3, 9, 20, 24])
def test_a_file_that_is_cut_off_is_no_matrix(tmp_path: Path, keep: int) -> None:
    file = binary(tmp_path / "i.dat", {"a": (4, [8, 2])})
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"i\.dat: not an importance matrix"):
        imatrix.read(file)


def test_a_text_is_no_matrix(tmp_path: Path) -> None:
    (tmp_path / "i.txt").write_text("calibration text, by mistake\n" * 100)
    with pytest.raises(UserError, match=r"i\.txt: not an importance matrix"):
        imatrix.read(tmp_path / "i.txt")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="importance of a contains NaN or infinity"):
        imatrix.read(binary(tmp_path / "i.dat", {"a": (1, [1.0, float("nan")])}))


def test_a_model_is_no_matrix(spm_gguf: Path) -> None:
    with pytest.raises(UserError, match="without an importance matrix"):
        imatrix.read(spm_gguf)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.dat: cannot be read"):
        imatrix.read(tmp_path / "none.dat")
