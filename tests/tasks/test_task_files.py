"""Task sets from names and files: what is read, and where each mistake is said to be."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from qtui.errors import UserError
from qtui.records import Task
from qtui.tasks import load_task_set

STUDY = {"input_text": "数えて", "output_text": "一、二", "eval_aspect": "順番"}
TASK = Task("数えて", "一、二", "順番")


def write_lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        load_task_set(str(path))
    return str(raised.value)


@pytest.mark.parametrize(
    "row",
    [
        STUDY,
        {"input": "数えて", "output": "一、二", "eval_aspect": "順番"},
        {"input": "数えて", "reference": "一、二", "criteria": "順番", "id": 7},
    ],
)
def test_each_convention_of_names_gives_the_same_task(tmp_path: Path, row: dict[str, Any]) -> None:
    assert load_task_set(str(write_lines(tmp_path / "own.jsonl", row))).tasks == (TASK,)


def test_jsonl_csv_and_parquet_of_the_same_tasks_have_the_same_hash(tmp_path: Path) -> None:
    rows = [STUDY, STUDY | {"input_text": '引用"と、コンマ, と\n改行'}]
    jsonl = write_lines(tmp_path / "own.jsonl", *rows)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "own.parquet")
    cells = [[str(value).replace('"', '""') for value in row.values()] for row in rows]
    lines = [",".join(STUDY), *(",".join(f'"{cell}"' for cell in row) for row in cells)]
    (tmp_path / "own.csv").write_text("\ufeff" + "\n".join(lines), encoding="utf-8", newline="\r\n")
    sets = [load_task_set(str(path)) for path in (jsonl, tmp_path / "own.parquet", tmp_path / "own.csv")]
    assert len({found.hash for found in sets}) == 1
    assert len(sets[0].tasks) == 2


def test_byte_order_mark_crlf_and_blank_lines_are_no_part_of_a_task(tmp_path: Path) -> None:
    line = json.dumps(STUDY, ensure_ascii=False)
    (tmp_path / "dos.jsonl").write_bytes(f"\ufeff{line}\r\n\r\n".encode())
    assert load_task_set(str(tmp_path / "dos.jsonl")).tasks == (TASK,)


def test_a_line_separator_inside_a_string_does_not_end_the_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "own.jsonl", STUDY | {"input_text": "上\u2028下\u0085終"})
    assert load_task_set(str(path)).tasks[0].input == "上\u2028下\u0085終"


def test_a_missing_input_is_named_with_file_line_and_keys(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "own.jsonl", STUDY, {"text": "?", "label": "!"})
    assert refusal(path) == (
        f'{path}:2: no "input" (keys: text, label). Say which column it is in the experiment:'
        ' [tasks] input = "…", reference = "…", beside source = "own.jsonl".'
    )


def test_keys_from_outside_cannot_drive_the_terminal(tmp_path: Path) -> None:
    assert "\x1b" not in refusal(write_lines(tmp_path / "own.jsonl", {"\x1b]0;x\x07": 1}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"input": 7}\n', ':1: "input" is a number, not text'),
        (b'{"input": "a", "output": {"b": 1}}\n', ':1: "output" is an object, not text'),
        (b'{"input": " "}\n', ':1: "input" is empty'),
        (b'\n["a"]\n', ":2: a list, not an object"),
        (b'{"input": "a"\n', ":1: not JSON"),
        (b"[" * 100_000, ":1: JSON that cannot be read"),
        (b'{"input": "a"}\n{"input": "\x82\xff"}\n', ":2: not UTF-8"),
        (b'{"input": "a"}\n\n{"input": "a"}\n', ":3: the same task as in "),
        (b"", ": has no tasks"),
    ],
)
def test_a_bad_line_is_refused_by_its_place(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}{told}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,b\n1,2\n", ':2: no "input" (keys: a, b)'),
        ('input,output\n"two\nlines",x\na,b,c\n', ":4: 3 cells, but the header has 2"),
        ('input\n"open\n', ":2: not CSV"),
        ("input\n\n\n,\n", ":4: 2 cells"),
    ],
)
def test_a_bad_row_of_a_csv_is_refused_by_its_line(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content, encoding="utf-8")
    assert refusal(path).startswith(f"{path}{told}")


def test_a_csv_that_may_be_shift_jis_says_how_to_save_it(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes("input\n猫\n".encode("cp932"))
    said = refusal(path)
    assert said.startswith(
        f"{path}:2: not UTF-8 (byte 1 of the line), and not clearly another encoding: it may be CP932 (cp932)"
    )
    assert "Save the file as UTF-8" in said
    assert '[tasks] encoding = "…"' in said


def test_parquet_without_an_input_column_names_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"], "answer": ["b"]}), path)
    assert refusal(path).startswith(f'{path}: row 1: no "input" (keys: text, answer)')


def test_what_is_not_parquet_is_refused_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    path.write_bytes(b"PAR1 no")
    assert refusal(path).startswith(f"{path}: not a readable Parquet file")


def test_a_lone_surrogate_becomes_a_replacement_character(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"input": "a\\ud800b"}\n')
    assert load_task_set(str(path)).tasks[0].input == "a\ufffdb"


def test_a_relative_path_is_relative_to_the_folder_of_the_experiment(tmp_path: Path) -> None:
    write_lines(tmp_path / "own.jsonl", STUDY)
    assert load_task_set("own.jsonl", base=tmp_path).tasks == (TASK,)


def test_the_demo_tasks_load_by_name_wherever_the_experiment_lies(tmp_path: Path) -> None:
    demo = load_task_set("demo", base=tmp_path)
    assert demo.name == "demo"
    assert len(demo.tasks) >= 40


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UserError, match=r"no task set 'dmeo' \(known names: demo, ELYZA-tasks-100\)\. .* must end in \.jsonl"
    ):
        load_task_set("dmeo")


def test_a_folder_and_an_unknown_suffix_are_refused(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)
    assert ".xlsx is not a format of task sets" in refusal(tmp_path / "own.xlsx")
    assert refusal(tmp_path / "gone.jsonl") == f"{tmp_path / 'gone.jsonl'}: no such file"


def test_the_file_of_the_study_is_recognised_by_its_content(shared: Path) -> None:
    found = load_task_set(str(shared / "data/gpt4-autoeval/assets/elyza_tasks_100/dataset.jsonl"))
    assert (found.name, len(found.tasks)) == ("ELYZA-tasks-100", 100)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", "", "has no tasks: it is empty."),
        ("a.jsonl", "\n\n", "has no tasks: it is empty."),
        ("a.csv", "input,output\n", "has no tasks, only a header (input, output)."),
        ("a.csv", "<!DOCTYPE html><html><body>404</body></html>", "is a web page, not a task set."),
        ("a.jsonl", '{"input": "a', "not JSON: Unterminated string starting at column 11"),
        ("a.jsonl", '{\n "input": "a"\n}', "If the file is one list of objects, its name must end in .json"),
    ],
)
def test_a_file_without_tasks_says_what_it_is(tmp_path: Path, name: str, content: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert told in refusal(path)
