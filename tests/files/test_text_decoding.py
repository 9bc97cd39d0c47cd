"""Texts in the encodings that people's files have: read right and named, or refused, and never read as something else."""

import re
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.files.text_decoding import decode

FILE = Path("own.csv")
CSV = "input,output\n猫は何匹ですか。,三匹です。\n"
PROMPT = "質問: {input}\n答え:"
TEXTS = {
    "csv": CSV,
    "prompt": PROMPT,
    "hiragana": "ねこ\n",
    "english": "input,output\na,b\n",
    "emoji": "猫👩‍👧です。\n",
}


def refusal(content: bytes) -> str:
    with pytest.raises(UserError) as raised:
        decode(content, FILE)
    return str(raised.value)


@pytest.mark.parametrize("text", list(TEXTS))
@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("cp932", "CP932 (Shift_JIS)"),
        ("iso2022_jp", "ISO-2022-JP"),
    ],
)
def test_a_text_is_the_same_in_every_encoding_that_its_bytes_show(text: str, encoding: str, named: str) -> None:
    try:
        content = TEXTS[text].encode(encoding)
    except UnicodeEncodeError:
        pytest.skip("the encoding does not have these characters")
    found = decode(content, FILE)
    assert found.text == TEXTS[text]
    assert found.encoding == ("" if content.isascii() and b"\0" not in content and b"\x1b" not in content else named)


def test_the_tasks_of_the_demo_are_read_from_cp932_and_utf16() -> None:
    text = (Path(__file__).parents[2] / "data/tasks/demo.jsonl").read_text(encoding="utf-8")
    for encoding in ("cp932", "utf-16", "utf-16-le", "utf-16-be"):
        assert decode(text.encode(encoding), FILE).text == text


@pytest.mark.parametrize(
    "content",
    [
        'input,output\n"don’t “go” there—it’s café",naïve résumé\n'.encode("cp1252"),
        "вопрос,ответ\nКто это?,Он\n".encode("cp1251"),
        "châteaux brûlés, même l'été\n".encode("cp437"),
        "input\n猫有几只？我不知道。\n".encode("gb18030"),
        "input\n貓有幾隻？我不知道。\n".encode("big5"),
        "input\n고양이는 몇 마리입니까\n".encode("euc_kr"),
        CSV.encode("euc_jp"),
        CSV.encode("gb18030"),
        "input\n猫\n".encode("cp932"),
        "input\nｶﾌﾞｼｷｶﾞｲｼｬ\n".encode("cp932"),
        bytes(range(128, 256)),
    ],
)
def test_what_could_be_another_encoding_is_refused_with_its_line(content: bytes) -> None:
    said = refusal(content)
    assert said.startswith("own.csv:")
    assert "not UTF-8 (byte " in said
    assert "Save the file as UTF-8" in said


@pytest.mark.parametrize("content", [CSV.encode()[:-3], "ねこ".encode()[:-1], CSV.encode() + CSV.encode("cp932")])
def test_damaged_utf8_is_not_taken_for_cp932(content: bytes) -> None:
    assert "damaged or cut off" in refusal(content)


def test_utf16_that_is_cut_off_is_refused() -> None:
    assert "begins with the mark of UTF-16" in refusal(CSV.encode("utf-16")[:-1])


@pytest.mark.parametrize("content", [b"input\na\0b\n", CSV.encode("utf-32-le"), b"input\n\0"])
def test_nul_bytes_are_no_text(content: bytes) -> None:
    refusal(content)


def test_a_named_encoding_is_used_and_checked() -> None:
    found = decode("猫有几只".encode("gb18030"), FILE, "gb18030")
    assert (found.text, found.encoding) == ("猫有几只", "gb18030")
    for name in ("klingon", "hex"):
        with pytest.raises(UserError, match=f'"{name}" is no encoding'):
            decode(b"a", FILE, name)
    with pytest.raises(UserError, match=r"own\.csv:2: is not cp932"):
        decode(b"a\n\xfc\xff", FILE, "cp932")


JAPANESE = "input,output\n日本の首都はどこですか。,東京です。\n"


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("euc_jp", "it may be EUC-JP (euc_jp) or GB 18030 (gb18030)."),
        ("euc_kr", "it may be EUC-KR (euc_kr) or Big5 (big5)."),
    ],
)
def test_an_encoding_whose_bytes_are_text_in_others_too_is_named_with_them(encoding: str, named: str) -> None:
    with pytest.raises(UserError, match=re.escape(named)):
        decode(JAPANESE.encode(encoding), Path("t.csv"))


def test_western_bytes_are_named_and_not_read() -> None:
    with pytest.raises(UserError, match=re.escape("it may be Windows-1252 (cp1252).")):
        decode("# caf\u00e9 au lait\n".encode("cp1252"), Path("e.toml"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04\x14\x00", "is a zip archive or a workbook (.xlsx)"),
        (b"\x1f\x8b\x08", "is compressed with gzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid x\n", "is a pointer of Git LFS"),
        (b"PAR1\x15", "is a Parquet file"),
        (b"%PDF-1.7", "is a PDF"),
    ],
)
def test_a_file_that_is_no_text_is_called_what_it_is(content: bytes, said: str) -> None:
    for encoding in (None, "utf-8"):
        with pytest.raises(UserError, match=re.escape(said)):
            decode(content, Path("t.jsonl"), encoding)


@pytest.mark.parametrize(
    "encoding", ["klingon", "hex", "idna", "punycode", "undefined", "unicode_escape", "a\0b", "a\nb"]
)
def test_a_name_that_is_no_encoding_of_files_is_refused_in_one_line(encoding: str) -> None:
    with pytest.raises(UserError, match="is no encoding") as raised:
        decode(b"input\na\n", Path("t.csv"), encoding)
    assert str(raised.value).isprintable()
