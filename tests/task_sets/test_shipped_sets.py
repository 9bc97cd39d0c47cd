"""Each task set that comes with qtui, on a small made-up file of the same form: what is asked, and what is right."""

# ruff: noqa: E501 - a row of a made-up file is one line

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from qtui import paths
from qtui.records import Expected, Task
from qtui.task_sets import SetRequest, known, load_set

Rows = list[dict[str, Any]]
LETTERED = [{"question": f"{split} {i}", "subject": "law", "choices": ["p", "q", "r", "s"], "answer": i % 4} for split in ("q", "x") for i in range(6)]  # fmt: skip
CHECKED = {
    "key": 1,
    "prompt": "短く書いて",
    "instruction_id_list": ["length:max", "ja:kana"],
    "kwargs": [{"n": 5, "word": None}, {}],
}
SQUAD = {
    "id": "1",
    "title": "t",
    "context": "富士山は高い。",
    "question": "何が高い?",
    "answers": {"text": ["富士山", "富士"], "answer_start": [0, 0]},
}

FORMS: dict[str, dict[str, Rows]] = {
    "elyza-tasks-100": {"test.csv": [{"input": "書いて", "output": "はい", "eval_aspect": "丁寧さ"}]},
    "rakuda": {"train.jsonl": [{"category": "地理", "question_id": 1, "text": "日本の首都は?"}]},
    "tengu": {"test.jsonl": [{"Question": "何?", "Answer": "これ", "Category": "推論", "Criteria": "正しさ"}]},
    "jcommonsenseqa": {
        f"{split}.parquet": [
            {"q_id": i, "question": f"{split}{i}", **{f"choice{n}": f"選{n}" for n in range(5)}, "label": i % 5} for i in range(3)
        ]
        for split in ("train", "validation")
    },
    "jsquad": {"train.jsonl": [SQUAD, SQUAD | {"question": "例?"}], "validation.jsonl": [SQUAD | {"question": "本題?"}]},
    "mmlu": {"all/dev.jsonl": LETTERED[:6], "all/test.jsonl": LETTERED[6:], "law/test.jsonl": LETTERED[:1]},
    "mmlu-pro": {"test.parquet": [{"question": "q", "options": ["a", "b", "c"], "answer": "C", "answer_index": 2, "category": "math"}]},
    "gsm8k": {"test.jsonl": [{"question": "3+4?", "answer": "It is 3+4=<<3+4=7>>7\n#### 1,007"}]},
    "ifeval": {"train.jsonl": [CHECKED]},
    "m-ifeval-ja": {"ja_input_data.jsonl": [CHECKED]},
    "hellaswag": {"validation.jsonl": [{"activity_label": "Cooking", "ctx": "A man", "endings": ["cooks", "flies"], "label": "1"}]},
    "arc-easy": {
        "ARC-Easy/test.parquet": [
            {"id": "1", "question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": "2"},
            {"id": "2", "question": "r", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "A"},
        ]
    },
    "arc-challenge": {"test.jsonl": [{"question": "q", "choices": {"text": ["x", "y"], "label": ["A", "B"]}, "answerKey": "B"}]},
    "humaneval": {
        "HumanEval.jsonl": [
            {"task_id": "0", "prompt": "def f():\n    {1}", "canonical_solution": "    return 1\n", "test": "def check(c): ...", "entry_point": "f"}
        ]
    },
}  # fmt: skip
CHOICE_QUESTION = "問い: validation1\nA. 選0\nB. 選1\nC. 選2\nD. 選3\nE. 選4\n答え:"
EXPECTED: dict[str, Task] = {
    "elyza-tasks-100": Task("書いて", "はい", "丁寧さ"),
    "rakuda": Task("日本の首都は?", category="地理"),
    "tengu": Task("何?", "これ", "正しさ", category="推論"),
    "jcommonsenseqa": Task(CHOICE_QUESTION, "B", expected=Expected(choices=tuple(f"選{n}" for n in range(5)), right_choice=1)),
    "jsquad": Task("文章: 富士山は高い。\n問い: 本題?\n答え:", "富士山", expected=Expected(("富士",))),
    "mmlu": Task(
        "Question: x 1\nA. p\nB. q\nC. r\nD. s\nAnswer:", "B", category="law",
        expected=Expected(choices=("p", "q", "r", "s"), right_choice=1),
    ),
    "mmlu-pro": Task("A. a\nB. b\nC. c", "C", category="math", expected=Expected(choices=("a", "b", "c"), right_choice=2)),
    "gsm8k": Task("3+4?", "1,007"),
    "ifeval": Task("短く書いて", expected=Expected(checks='[{"id": "length:max", "kwargs": {"n": 5}}, {"id": "ja:kana", "kwargs": {}}]')),
    "m-ifeval-ja": Task("短く書いて", expected=Expected(checks='[{"id": "length:max", "kwargs": {"n": 5}}, {"id": "ja:kana", "kwargs": {}}]')),
    "hellaswag": Task("Scene: Cooking: A man\nA. cooks\nB. flies\nAnswer:", "B", category="Cooking", expected=Expected(choices=("cooks", "flies"), right_choice=1)),
    "arc-easy": Task("Question: r\nA. x\nB. y\nAnswer:", "A", expected=Expected(choices=("x", "y"), right_choice=0)),
    "arc-challenge": Task("Question: q\nA. x\nB. y\nAnswer:", "B", expected=Expected(choices=("x", "y"), right_choice=1)),
    "humaneval": Task(
        "def f():\n    {1}", "    return 1\n",
        expected=Expected(checks=json.dumps({"prompt": "def f():\n    {1}", "test": "def check(c): ...", "entry_point": "f"})),
    ),
}  # fmt: skip
"""A task of each set; of its input only a part, since the rest is the wording of the prompt."""


def write(folder: Path, files: dict[str, Rows]) -> Path:
    for name, rows in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        elif path.suffix == ".csv":
            path.write_text(
                "\n".join(",".join(row) for row in ([*rows[0]], *(row.values() for row in rows))), encoding="utf-8"
            )
        else:
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", FORMS)
def test_a_set_is_read_from_a_folder_of_its_form(name: str, tmp_path: Path) -> None:
    found = load_set(SetRequest(name, path=str(write(tmp_path / "rows", FORMS[name]))))

    wanted = EXPECTED[name]
    [task] = [
        task
        for task in found.tasks
        if wanted.input in task.input.rpartition("\n\n" if "答え" in wanted.input else "\0")[2]
    ]
    assert (task.reference, task.criteria, task.category) == (wanted.reference, wanted.criteria, wanted.category)
    assert task.expected == wanted.expected
    [facts] = found.facts
    assert facts.licence or name == "rakuda"


def test_examples_come_from_the_other_split_and_of_the_same_subject(tmp_path: Path) -> None:
    files = FORMS["mmlu"] | {
        "all/dev.jsonl": [LETTERED[0] | {"subject": "art", "question": "of art"}, *FORMS["mmlu"]["all/dev.jsonl"]]
    }
    asked = load_set(SetRequest("mmlu", path=str(write(tmp_path, files)))).tasks[0].input

    assert [asked.find(f"Question: {each}\n") for each in ("q 0", "q 4", "x 0")] == sorted(
        asked.find(f"Question: {each}\n") for each in ("q 0", "q 4", "x 0")
    )
    assert "Answer: A\n\nQuestion: q 1" in asked
    assert "of art" not in asked
    assert "q 5" not in asked
    assert asked.endswith("Answer:")


def test_the_number_of_examples_can_be_chosen(tmp_path: Path) -> None:
    rows = write(tmp_path, FORMS["jcommonsenseqa"])

    def shown(number: int) -> int:
        return (
            load_set(SetRequest("jcommonsenseqa", path=str(rows), examples=number)).tasks[0].input.count("問い: train")
        )

    assert [shown(0), shown(1), shown(3)] == [0, 1, 3]


def test_jmmlu_is_read_from_its_archive_without_headers_and_a_subject_is_a_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "JMMLU.zip", "w") as archive:
        archive.writestr("JMMLU/law.csv", '"法とは, 何か?",甲,乙,丙,丁,C\n')
        archive.writestr("JMMLU/virology.csv", "菌?,1,2,3,4,A\n")
        archive.writestr("__MACOSX/JMMLU/._law.csv", "\0\0")

    found = load_set(SetRequest("jmmlu", path=str(tmp_path)))

    assert [(task.category, task.reference, task.expected.right_choice) for task in found.tasks] == [
        ("law", "C", 2),
        ("virology", "A", 0),
    ]
    assert "法とは, 何か?\nA. 甲\n" in found.tasks[0].input


def test_mgsm_is_read_from_its_table_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "mgsm_ja.tsv").write_text("りんごは何個?\t18\n卵は何個?\t3\n", encoding="utf-8")

    found = load_set(SetRequest("mgsm-ja", path=str(tmp_path)))

    assert [task.reference for task in found.tasks] == ["18", "3"]
    assert found.tasks[1].input.startswith("卵は何個?\n")


def test_mt_bench_is_read_as_conversations_of_two_turns(tmp_path: Path) -> None:
    rows = [
        {"question_id": 1, "category": "math", "turns": ["1+1は?", "3を足すと?"], "reference": ["2", "5"]},
        {"question_id": 2, "category": "writing", "turns": ["詩を", "短く"]},
    ]
    path = write(tmp_path, {"question.jsonl": rows}) / "question.jsonl"

    assert load_set(SetRequest("ja-mt-bench", path=str(path))).tasks == (
        Task("1+1は?", "2", category="math"),
        Task("3を足すと?", "5", category="math", follows=1),
        Task("詩を", category="writing"),
        Task("短く", category="writing", follows=3),
    )


def test_every_shipped_set_is_tried_here() -> None:
    shipped = {path.stem for path in (paths.data() / known.FOLDER).glob("*.toml")}

    assert shipped == {*FORMS, "jmmlu", "mgsm-ja", "ja-mt-bench"}
