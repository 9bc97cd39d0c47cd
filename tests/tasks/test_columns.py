"""The columns of people's task files: read right, or refused by a sentence that lists them and says how to map them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from qtui.errors import UserError
from qtui.records import Task, TaskSet
from qtui.tasks import ColumnError, ColumnMap, load_task_set

USER, GPT, SYSTEM = (
    {"from": role, "value": text} for role, text in (("human", "問"), ("gpt", "答"), ("system", "短く"))
)


def loaded(folder: Path, name: str, content: str | bytes, columns: ColumnMap | None = None) -> TaskSet:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return load_task_set(name, base=folder, columns=columns)


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def of_row(folder: Path, row: dict[str, Any], columns: ColumnMap | None = None) -> tuple[str, str]:
    """Input and reference of the only task; the same from JSON Lines, JSON and Parquet."""
    found = {(task.input, task.reference) for task in loaded(folder, "t.jsonl", lines(row), columns).tasks}
    found |= {(task.input, task.reference) for task in loaded(folder, "t.json", json.dumps([row]), columns).tasks}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), folder / "t.parquet")
    found |= {(task.input, task.reference) for task in load_task_set("t.parquet", base=folder, columns=columns).tasks}
    [only] = found
    return only


def refusal(folder: Path, row: dict[str, Any], columns: ColumnMap | None = None) -> str:
    with pytest.raises(UserError) as raised:
        loaded(folder, "t.jsonl", lines(row), columns)
    return str(raised.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("row", "task"),
    [
        ({"instruction": "訳せ", "input": "cat", "output": "猫"}, ("訳せ\n\ncat", "猫")),
        ({"instruction": "数えて", "input": "", "output": "1"}, ("数えて", "1")),
        ({"instruction": "数えて", "input": None, "output": "1"}, ("数えて", "1")),
        ({"instruction": "Who?", "context": "He.", "response": "he", "category": "qa"}, ("Who?\n\nHe.", "he")),
        ({"prompt": "q", "completion": "a"}, ("q", "a")),
        ({"question": "q", "answer": "a"}, ("q", "a")),
        ({"question": "1+1", "answer": 2}, ("1+1", "2")),
        ({"question": "q", "expected": "a"}, ("q", "a")),
        ({"inputs": "q", "targets": "a"}, ("q", "a")),
        ({"query": "q", "outputs": ["a"]}, ("q", "a")),
        ({"Input Text": "q", "Expected-Output": "a"}, ("q", "a")),
        ({" QUESTION ": "q", "__expected": "a"}, ("q", "a")),
        ({"\ufeffinput": "q", "Target": "a"}, ("q", "a")),
        ({"input": None, "question": "q"}, ("q", "")),
        ({"input": "q", "question": "q"}, ("q", "")),
        ({"output": "", "reference": "r", "input": "q"}, ("q", "r")),
        ({"conversations": [USER, GPT]}, ("問", "答")),
        ({"conversations": [USER]}, ("問", "")),
        ({"messages": [{"role": "system", "content": " "}, {"role": "user", "content": "問"}]}, ("問", "")),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "問"}]}]}, ("問", "")),
        ({"turns": ["問"], "reference": ["答"]}, ("問", "答")),
        ({"prompt": [{"role": "user", "content": "問"}], "completion": [{"role": "assistant", "content": "答"}]}, ("問", "答")),
        ({"prompt": "問", "messages": [{"role": "user", "content": "問"}, {"role": "assistant", "content": "答"}]}, ("問", "答")),
    ],
)  # fmt: skip
def test_the_forms_of_known_sets_are_read_whole(tmp_path: Path, row: dict[str, Any], task: tuple[str, str]) -> None:
    assert of_row(tmp_path, row) == task


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a", "question": "b"},
        {"input": "a", "prompt": "b"},
        {"input": "a", "input_text": "b"},
        {"Input": "a", "input": "b"},
        {"instruction": "a", "question": "b"},
        {"instruction": "a", "input": "b", "context": "c"},
        {"question": "a", "context": "b"},
        {"question": "a", "choices": ["b", "c"], "answer": 1},
        {"system_prompt": "a", "question": "b", "response": "c"},
        {"instruction": "a", "input": "b", "history": [["c", "d"]]},
        {"messages": [{"role": "user", "content": "a"}], "question": "b"},
        {"conversations": [SYSTEM, USER, GPT]},
        {"conversations": [USER, USER, GPT]},
        {"conversations": [GPT, USER]},
        {"質問": "a", "回答": "b"},
        {"text": "a"},
    ],
)
def test_texts_that_may_all_belong_to_the_prompt_are_refused_with_columns_and_mapping(
    tmp_path: Path, row: dict[str, Any]
) -> None:
    said = refusal(tmp_path, row)
    assert said.startswith("t.jsonl:1: ")
    assert ", ".join(row) in said
    assert "[tasks] input = " in said


@pytest.mark.parametrize(
    "row", [{"input": "q", "output": "o", "reference": "r"}, {"prompt": "q", "answer": "o", "target": 3}]
)
def test_two_possible_references_are_refused_with_columns_and_mapping(tmp_path: Path, row: dict[str, Any]) -> None:
    said = refusal(tmp_path, row)
    assert ", ".join(row) in said
    assert "[tasks] reference = " in said


@pytest.mark.parametrize(
    ("row", "columns", "task"),
    [
        ({"質問": "q", "回答": "a"}, ColumnMap(("質問",), "回答"), ("q", "a")),
        ({"question": "q", "context": "c"}, ColumnMap(("Context", "question")), ("c\n\nq", "")),
        ({"prompt": "p", "question": "q"}, ColumnMap(("question",)), ("q", "")),
        ({"input": "q", "output": "o", "reference": "r"}, ColumnMap(reference="reference"), ("q", "r")),
        ({"input": "q", "output": "o", "reference": "r"}, ColumnMap(reference=""), ("q", "")),
        ({"conversations": [SYSTEM, USER, GPT, USER]}, ColumnMap(("conversations",)), ("問", "答")),
        ({"answer": "q", "target": "a"}, ColumnMap(("answer",)), ("q", "a")),
    ],
)
def test_the_experiments_word_on_columns_goes_before_their_names(
    tmp_path: Path, row: dict[str, Any], columns: ColumnMap, task: tuple[str, str]
) -> None:
    assert of_row(tmp_path, row, columns) == task


def test_a_column_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        ColumnError, match=r'no column "questoin" \(columns: question, id\); did you mean "question"\?'
    ) as raised:
        loaded(tmp_path, "t.csv", "question,id\na,1\n", ColumnMap(("questoin",)))
    assert raised.value.key == "input"


def test_what_is_joined_mapped_or_left_out_is_said(tmp_path: Path) -> None:
    alpaca = loaded(tmp_path, "a.jsonl", lines({"instruction": "a", "input": "b"}, {"instruction": "c", "input": ""}))
    assert [note.split(": ", 1)[1] for note in alpaca.notes] == [
        'the input is "instruction" and "input", joined by an empty line (1 of 2 tasks).',
        'the input is "instruction" (1 of 2 tasks).',
    ]
    other = loaded(tmp_path, "b.jsonl", lines({"question": "a", "answer": "b"}))
    assert [note.split(": ", 1)[1] for note in other.notes] == [
        'the input is "question".',
        'the reference is "answer".',
    ]
    beside = loaded(tmp_path, "c.jsonl", lines({"input": "a", "context": "b"}))
    assert '"context" is not read (1 task)' in beside.notes[0]


def test_qtuis_own_columns_need_no_note(tmp_path: Path) -> None:
    assert loaded(tmp_path, "t.csv", "input,output,eval_aspect,id\na,b,c,1\n").notes == ()


@pytest.mark.parametrize("content", ["input,reference\na,\nb, \n", "question,answer\na,\nb,\n"])
def test_a_reference_that_is_empty_for_all_tasks_is_said(tmp_path: Path, content: str) -> None:
    assert "empty for all 2 tasks, so no task has a reference" in loaded(tmp_path, "t.csv", content).notes[-1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("input\toutput\n猫は\tはい\n".encode("utf-16"), ["was read as UTF-16", "separated by tabs"]),
        ("input;output\n猫は;はい\n".encode(), ["separated by semicolons"]),
        ("input,output\n猫は,はい\n,\n".encode("cp932"), ["was read as CP932"]),
        ("input,output\n猫は,はい\n".encode("utf-16-le"), ["was read as UTF-16"]),
        ("\ufeff Input ,OUTPUT\r\n猫は,はい\r\n".encode(), []),
    ],
)
def test_files_of_spreadsheets_are_read_and_their_form_is_said(tmp_path: Path, content: bytes, said: list[str]) -> None:
    found = loaded(tmp_path, "t.csv", content)
    assert [(task.input, task.reference) for task in found.tasks] == [("猫は", "はい")]
    assert len(found.notes) == len(said)
    assert all(words in note for words, note in zip(said, found.notes, strict=True))


@pytest.mark.parametrize("name", ["t.tsv", "t.ndjson", "t.json"])
def test_other_names_of_known_formats_are_read(tmp_path: Path, name: str) -> None:
    content = "input\toutput\na\tb\n" if name == "t.tsv" else lines({"input": "a", "output": "b"}, {"input": "c"})
    assert loaded(tmp_path, name, content).tasks[0].reference == "b"


def test_a_list_of_tasks_inside_an_object_is_read(tmp_path: Path) -> None:
    assert loaded(tmp_path, "t.json", '{"version": 1, "data": [{"input": "a"}]}').tasks[0].input == "a"


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", "input,input\na,b\n", 't.csv:1: the header has "input" twice'),
        ("t.jsonl", '{"input": "a", "input": "b"}', 't.jsonl:1: "input" is there twice'),
        ("t.jsonl", '[\n{"input": "a"}\n]', "its name must end in .json"),
        ("t.json", '{"a": {"b": 1}}', "is one object, not a list of tasks (keys: a)"),
        ("t.json", '["a"]', "t.json: item 1 is text, not an object"),
        ("t.json", '[{"input": "a"},', "t.json:1: not JSON"),
        ("t.jsonl", '{"prompt": 7}', '"prompt" is a number, not text'),
        ("t.jsonl", '{"question": "a", "answer": {"text": ["b"]}}', '"answer" is an object, not text'),
        ("t.jsonl", '{"question": "a", "outputs": ["b", "c"]}', '"outputs" has 2 texts'),
        ("t.jsonl", '{"messages": [{"role": "tool", "content": "a"}]}', 'turn 1: its role is none of user'),
        ("t.jsonl", '{"messages": [{"role": "assistant", "content": "a"}]}', '"messages" has no turn of a user'),
        ("t.jsonl", '{"messages": [{"role": "user", "content": null}]}', "turn 1: its content is null, not text"),
        ("t.csv", "a b;c\td\n1;2\n", "unclear what separates"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_where_and_what(tmp_path: Path, name: str, content: str, told: str) -> None:
    with pytest.raises(UserError) as raised:
        loaded(tmp_path, name, content)
    assert told in str(raised.value)


def test_a_header_that_is_a_task_is_not_printed_whole(tmp_path: Path) -> None:
    with pytest.raises(UserError) as raised:
        loaded(tmp_path, "t.csv", "これは長い課題です。" * 40 + ",b\na,c\n")
    assert len(str(raised.value).replace(str(tmp_path), "")) < 300


def test_a_folder_lists_the_task_files_in_it(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test.csv").write_text("input\na\n")
    with pytest.raises(UserError, match=r"is a folder\. Name one of its files \(task sets: test\.csv\)"):
        load_task_set("set", base=tmp_path)


def test_the_shipped_tasks_keep_their_hash() -> None:
    """A set that changes its hash is another run: answers are kept by their own keys, but the run is not found again."""
    demo = load_task_set("demo")
    assert (demo.hash, demo.notes) == (HASH, ())


HASH = "9f92c41708ba1696dd5b2227ec92b659b7a5f4acbccf3b40fe5c67ba48bfa87b"


@pytest.mark.parametrize(
    ("row", "turns"),
    [
        ({"turns": ["問", "次"], "reference": ["答", ""]}, (Task("問", "答"), Task("次", follows=1))),
        ({"turns": ["問", "次"], "reference": ["答", "後"]}, (Task("問", "答"), Task("次", "後", follows=1))),
        ({"conversations": [USER, GPT, USER]}, (Task("問", "答"), Task("問", follows=1))),
        ({"conversations": [USER, GPT, USER, GPT]}, (Task("問", "答"), Task("問", "答", follows=1))),
        (
            {
                "messages": [
                    {"role": role, "content": role} for role in ("user", "assistant", "user", "assistant", "user")
                ]
            },
            (Task("user", "assistant"), Task("user", "assistant", follows=1), Task("user", follows=2)),
        ),
    ],
)
def test_each_turn_of_the_user_is_a_task_that_follows_the_one_before(
    tmp_path: Path, row: dict[str, Any], turns: tuple[Task, ...]
) -> None:
    before = [{"turns": ["別の問"]}] if "turns" in row else []
    found = loaded(tmp_path, "t.jsonl", lines(*before, row)).tasks

    start = len(found) - len(turns)
    shifted = tuple(replace(turn, follows=None if turn.follows is None else turn.follows + start) for turn in turns)
    assert found[start:] == shifted


@pytest.mark.parametrize("reference", ["one text", ["x", "y", "z"], [1]])
def test_references_of_turns_are_a_list_with_a_text_for_each(tmp_path: Path, reference: Any) -> None:
    said = refusal(tmp_path, {"turns": ["a", "b"], "reference": reference})

    assert said.startswith('t.jsonl:1: "reference" is ')
    assert "the conversation has 2 questions" in said


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q", "A": "1", "B": "2", "C": "3", "D": "4", "answer": "A"},
        {"question": "q", "choice0": "1", "choice1": "2", "label": 1},
        {"question": "q", "option_a": "1", "option_b": "2"},
        {"question": "q", "optionA": "1", "optionB": "2"},
        {"instruction": "q", "選択肢1": "1", "選択肢2": "2"},
    ],
)
def test_a_question_is_not_asked_without_its_choices(tmp_path: Path, row: dict[str, Any]) -> None:
    said = refusal(tmp_path, row)
    choices = [name for name in row if name not in ("question", "instruction", "answer", "label")]
    assert f"{' and '.join(f'{chr(34)}{name}{chr(34)}' for name in choices)} may belong to the input" in said


def test_a_column_named_a_is_no_choice_without_a_b(tmp_path: Path) -> None:
    assert of_row(tmp_path, {"question": "q", "a": "x"}) == ("q", "")


def test_columns_of_a_foreign_set_that_are_not_read_are_said(tmp_path: Path) -> None:
    read = loaded(tmp_path, "p.jsonl", lines({"prompt": "a", "chosen": "x", "rejected": "y", "id": None}))
    assert read.notes[-1].endswith(": not read: chosen, rejected.")
