"""Definitions that people write: problems are named by file, line and key; limits, copies on this disk, checksums, suites."""

import hashlib
import json
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.task_sets import SetRequest, joined, load_set

OWN = """
title = "Own"
[source]
path = "rows.jsonl"
[columns]
reference = "a"
[prompt]
question = "Q: {q} {{}}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An experiment's folder with a definition `own` beside it, of ten rows."""
    sets = tmp_path / "task_sets"
    sets.mkdir()
    (sets / "own.toml").write_text(OWN, encoding="utf-8")
    rows = [{"q": f"{i}?", "a": str(i)} for i in range(10)]
    (sets / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return tmp_path


def refusal(folder: Path, request: SetRequest) -> str:
    with pytest.raises(UserError) as raised:
        load_set(request, folder)
    return str(raised.value).replace(f"{folder}/", "")


def test_a_definition_beside_the_experiment_is_known_by_its_name(folder: Path) -> None:
    found = load_set(SetRequest("Own"), folder)

    assert (found.name, len(found.tasks)) == ("own", 10)
    assert (found.tasks[3].input, found.tasks[3].reference) == ("Q: 3? {}", "3")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (("title", "titel"), "task_sets/own.toml:2: titel: no such key; did you mean title?"),
        (('reference = "a"', "reference = 3"), "task_sets/own.toml:6: columns.reference: expected a text, got a whole number."),
        (('path = "rows.jsonl"', ""), "task_sets/own.toml:3: source: names no place"),
        (("{q}", "{q"), "task_sets/own.toml:8: prompt.question: a single { is no slot"),
        (("{q}", "{question}"), 'rows.jsonl:1: no "question" (keys: _file, q, a). The slot {question} is in prompt.question'),
        (('reference = "a"', 'reference = "b"'), 'rows.jsonl:1: no "b" (keys: _file, q, a)'),
        (("[prompt]", "[scorer]\nkind = 'exact'\n[prompt]"), 'scorer.kind: no kind "exact"; did you mean exact_match?'),
        (("[prompt]", "[examples]\nnumber = 2\n[prompt]"), "own.toml:7: examples: name the split"),
        (('"a"', '"a"\nchoices = ["q", "a"]\nright = "a"\nright_is = "letter"'), '"a" is "0", which is none of its choices (A, B)'),
        (('"a"', "'a'\nreference_pattern = '####'"), "columns.reference_pattern: has no group"),
    ],
)  # fmt: skip
def test_a_problem_is_named_by_file_line_and_key(folder: Path, written: tuple[str, str], said: str) -> None:
    (folder / "task_sets" / "own.toml").write_text(OWN.replace(*written), encoding="utf-8")

    assert said in refusal(folder, SetRequest("own"))


def test_a_limit_takes_the_first_tasks_and_with_a_seed_a_sample_that_is_always_the_same(folder: Path) -> None:
    def references(limit: int, seed: int | None = None) -> list[str]:
        return [task.reference for task in load_set(SetRequest("own", limit, seed), folder).tasks]

    assert references(limit=3) == ["0", "1", "2"]
    assert references(limit=3, seed=1) == references(limit=3, seed=1) != references(limit=3, seed=2)
    assert set(references(limit=4, seed=1)) > set(references(limit=3, seed=1))
    [note] = load_set(SetRequest("own", limit=3, seed=1), folder).notes
    assert note == "own: a sample of 3 of 10 tasks is asked (seed 1)."
    assert "there is no limit" in refusal(folder, SetRequest("own", seed=1))


def test_the_users_own_copy_replaces_the_place_of_the_definition(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = folder / "copies"
    copies.mkdir()
    (copies / "own.csv").write_text("q,a\nmine?,m\n", encoding="utf-8")
    monkeypatch.setenv("QTUI_TASK_SETS", str(copies))

    found = load_set(SetRequest("own"), folder)

    assert [task.reference for task in found.tasks] == ["m"]
    assert found.facts[0].source == str(copies / "own.csv")


def test_a_file_with_another_checksum_is_refused(folder: Path) -> None:
    rows = folder / "task_sets" / "rows.jsonl"
    right = hashlib.sha256(rows.read_bytes()).hexdigest()
    definition = folder / "task_sets" / "own.toml"
    definition.write_text(
        OWN.replace('jsonl"\n', f'jsonl"\nsha256 = {{ "rows.jsonl" = "{right}" }}\n', 1), encoding="utf-8"
    )

    assert len(load_set(SetRequest("own"), folder).tasks) == 10
    rows.write_text(rows.read_text() + '{"q": "more", "a": "x"}\n', encoding="utf-8")
    assert "is not the file that the task set's definition means" in refusal(folder, SetRequest("own"))


def test_rows_that_repeat_are_left_out_and_this_is_said(folder: Path) -> None:
    rows = folder / "task_sets" / "rows.jsonl"
    rows.write_text(rows.read_text() + rows.read_text().splitlines()[0] + "\n", encoding="utf-8")

    found = load_set(SetRequest("own"), folder)

    assert len(found.tasks) == 10
    assert found.notes == ("own: left out because they repeat others: 1 task.",)


def test_a_suite_has_the_tasks_of_all_sets_with_their_names(folder: Path) -> None:
    (folder / "talk.jsonl").write_text('{"turns": ["a", "b"]}\n', encoding="utf-8")

    suite = joined([load_set(SetRequest("own", limit=2), folder), load_set(SetRequest("talk.jsonl"), folder)])

    assert [(task.subset, task.follows) for task in suite.tasks] == [
        ("own", None),
        ("own", None),
        ("talk", None),
        ("talk", 3),
    ]
    with pytest.raises(UserError, match='"own" is there twice'):
        joined([load_set(SetRequest("own"), folder)] * 2)


def test_an_unknown_name_is_told_the_nearest_known_one(folder: Path) -> None:
    assert refusal(folder, SetRequest("gsm8")).startswith('no task set "gsm8". Did you mean gsm8k? ')
    assert "`qtui tasks` lists" in refusal(folder, SetRequest("zzz"))
