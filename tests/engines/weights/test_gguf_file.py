import random
import struct
from pathlib import Path

import pytest

from qtui.engines.weights import gguf_file
from qtui.errors import UserError


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A header as the gguf package writes it: every kind of value, a long array of texts and one of numbers."""
    gguf = pytest.importorskip("gguf")
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"片{number}" for number in range(300)])
    writer.add_token_scores([-float(number) for number in range(300)])
    writer.add_bos_token_id(7)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{{ messages[0].content }}")
    writer.add_array("some.short.list", [1, 2, 3])
    writer.add_float64("some.double", 0.5)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_reads_what_the_gguf_package_wrote(written: Path) -> None:
    header = gguf_file.read_header(written)
    assert header.architecture == "llama"
    assert header.context == 512
    assert header.chat_template == "{{ messages[0].content }}"
    assert header.values["some.short.list"] == [1, 2, 3]
    assert header.values["some.double"] == 0.5
    assert header.adds_bos is False


def test_reads_one_token_out_of_a_long_vocabulary(written: Path) -> None:
    header = gguf_file.read_header(written)
    assert header.bos_id == 7
    assert [header.token_text(token) for token in (0, 7, 299, 300, None)] == ["片0", "片7", "片299", "", ""]


def test_says_what_a_file_is_instead(tmp_path: Path) -> None:
    cases = {
        b"": "it is empty",
        b"hello world": "a text",
        b"version https://git-lfs": "Git LFS",
        b"PK\x03\x04....": "zip",
        b"\x00\x01\x02\x03\x04": "unknown first bytes",
    }
    for content, said in cases.items():
        path = tmp_path / "model.gguf"
        path.write_bytes(content)
        with pytest.raises(UserError, match=said):
            gguf_file.read_header(path)


def test_refuses_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder"):
        gguf_file.read_header(tmp_path)
    with pytest.raises(UserError, match=r"cannot be read"):
        gguf_file.read_header(tmp_path / "absent.gguf")


def test_a_header_cut_off_anywhere_is_a_clear_error(written: Path, tmp_path: Path) -> None:
    whole = written.read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in range(4, len(whole) - 64, 97):
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match="cut off"):
            gguf_file.read_header(cut)


def test_a_header_with_flipped_bytes_never_raises_anything_else(written: Path, tmp_path: Path) -> None:
    whole = written.read_bytes()
    chance = random.Random(1)
    damaged = tmp_path / "damaged.gguf"
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        damaged.write_bytes(data)
        try:
            header = gguf_file.read_header(damaged)
            header.token_text(header.bos_id if isinstance(header.bos_id, int) else 0)
        except UserError:
            pass


def test_an_unknown_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 1, 0, 0))
    with pytest.raises(UserError, match="version 1"):
        gguf_file.read_header(path)


def test_parts_of_a_split_model_come_in_order_and_missing_ones_are_named(tmp_path: Path) -> None:
    names = gguf_file.part_names("big-00002-of-00003.gguf")
    assert names == [f"big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for name in names[:2]:
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"big-00003-of-00003\.gguf"):
        gguf_file.parts(tmp_path / names[0])
    (tmp_path / names[2]).touch()
    assert [part.name for part in gguf_file.parts(tmp_path / names[0])] == names
