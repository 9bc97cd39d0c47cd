"""A damaged store is said to be damaged, by table and row; what is whole in it is read, and saved into a new store."""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qtui.cli import cli
from qtui.errors import UserError
from qtui.store import (
    answers,
    damage,
    grades,
    judged_places,
    open_store,
    preferences,
    repairing,
    row_rules,
    runs,
    spending,
    task_answers,
    verifying,
)  # fmt: skip
from qtui.store.errors import StoreDamagedError
from tests.filled_store import JUDGE, NAMES, fill
from tests.store import damaged

GRADES = {"FP16": [5] * 12, "Q4_K_M": [4] * 12, "Q2_K": [3, 2] * 6}
COMMANDS = (
    ["runs", "--json"],
    ["scores", "--json"],
    ["lengths", "--json"],
    ["compare", "1"],
    ["agreement", "--json"],
    ["export", "answers"],
    ["doctor", "--json"],
    ["verify", "--json"],
)


@pytest.fixture(autouse=True)
def process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command is a process of its own: it has not opened the damaged stores of other tests."""
    monkeypatch.setattr(damage, "opened", set())


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A store of two runs in one file."""
    path = tmp_path / "whole.sqlite"
    fill(path, "pets", grade_of=GRADES)
    fill(path, "zoo", grade_of=GRADES)
    with closing(open_store(path)) as store:
        store.empty_journal()
    return path


def change(path: Path, sql: str) -> None:
    with closing(open_store(path)) as store:
        store.execute("PRAGMA ignore_check_constraints = ON")
        store.execute(sql)
        store.empty_journal()


def read_all(path: Path) -> Iterator[str]:
    """Read a store as panes and commands do, and yield what each refuses. Anything but an error for the user is raised."""
    questions = (
        runs.listed,
        runs.conditions,
        lambda store: runs.tasks(store, 1),
        lambda store: answers.rows(store, [1, 2]),
        lambda store: grades.rows(store, [1, 2]),
        lambda store: [task_answers.sides(store, 1, "pet-7b", number) for number in range(1, 13)],
        lambda store: task_answers.task_lines(store, 2, "pet-7b", "FP16", "Q2_K"),
        lambda store: judged_places.read(store, 1, JUDGE, "f"),
        lambda store: preferences.rows(store, [1, 2]),
        lambda store: spending.of_judges(store, 1),
    )
    for question in questions:
        try:
            with closing(open_store(path, must_write=False)) as store:
                question(store)
        except UserError as error:
            yield str(error)
        except Exception as error:
            if damage.cause_of(error) is None:
                raise
            yield str(damage.cause_of(error))


@pytest.mark.parametrize("kind", damaged.KINDS)
def test_damage_of_any_kind_is_an_error_for_the_user_and_never_a_defect(whole: Path, tmp_path: Path, kind: str) -> None:
    for seed in range(12):
        path = tmp_path / "damaged.sqlite"
        shutil.copy(whole, path)
        damaged.damage(path, kind, random.Random(f"{kind} {seed}"))
        for words in read_all(path):
            assert "\x1b" not in words or "damaged" in words, (kind, seed)
            assert str(path) in words, (kind, seed, words)
        for file in tmp_path.glob("damaged.sqlite*"):
            file.unlink()


@pytest.mark.parametrize("kind", damaged.KINDS)
def test_what_is_saved_of_a_damaged_store_is_read_by_everything(whole: Path, tmp_path: Path, kind: str) -> None:
    for seed in range(6):
        path, new = tmp_path / "damaged.sqlite", tmp_path / "new.sqlite"
        shutil.copy(whole, path)
        damaged.damage(path, kind, random.Random(f"{kind} {seed}"))
        before = path.read_bytes()
        try:
            done = repairing.repair(path, new)
        except UserError as error:
            assert "nothing in it could be saved" in str(error), (kind, seed)
        else:
            assert list(read_all(new)) == [], (kind, seed)
            assert {problem.kind for problem in verifying.verify(new).problems} <= {"key"}, (kind, seed)
            assert done.is_complete or any(
                table.examples or table.is_partly_unreadable for table in done.tables.values()
            )
        assert path.read_bytes() == before
        for file in tmp_path.glob("*d.sqlite*"):
            file.unlink()
        new.unlink(missing_ok=True)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE variant SET facts = '{' WHERE run_id = 2",
        "UPDATE answer SET text = x'ff00' WHERE id = 3",
        "UPDATE grade SET grade = 'five' WHERE id = 3",
        "UPDATE run SET created = 1e300 WHERE id = 1",
        "DROP TABLE score",
    ],
)
def test_commands_end_with_a_sentence_about_damage(
    whole: Path, sql: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    change(whole, sql)
    try:
        cli.main([*arguments, "--store", str(whole)], standalone_mode=False)
    except UserError as error:
        assert "damaged" in str(error)
    except Exception as error:
        assert damage.cause_of(error) is not None, error
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err


def test_a_command_says_table_row_and_column(whole: Path) -> None:
    change(whole, "UPDATE answer SET text = x'ff00' WHERE id = 3")
    done = subprocess.run(
        [sys.executable, "-m", "qtui", "lengths", "--run", "1", "--store", str(whole)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{whole}: the store is damaged (table answer, row 3: text is bytes instead of text)" in done.stderr
    assert f"`qtui repair {whole}`" in done.stderr


def test_a_damaged_run_is_listed_as_such_and_the_others_are_read(whole: Path) -> None:
    change(whole, "UPDATE variant SET conditions = '[' WHERE run_id = 1")
    with closing(open_store(whole)) as store:
        listed = {run.id: run for run in runs.listed(store)}
        assert (listed[1].state, listed[2].state) == ("damaged", "done")
        assert "table variant, row 1: conditions" in listed[1].reason
        assert runs.summaries(store, [2])[0].answered == 36
        with pytest.raises(StoreDamagedError, match="table variant"):
            runs.summaries(store)


def test_a_damaged_run_has_no_costs_and_the_others_have_theirs(whole: Path) -> None:
    change(whole, "UPDATE judge SET settings = '{' WHERE run_id = 1")
    done = subprocess.run(
        [sys.executable, "-m", "qtui", "runs", "--json", "--store", str(whole)],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    listed = {run["id"]: run for run in json.loads(done.stdout)["runs"]}
    assert [(listed[number]["state"], listed[number]["costs"] is None) for number in (1, 2)] == [
        ("damaged", True),
        ("done", False),
    ]


def test_an_index_that_lies_is_found_when_something_stumbles_over_it(whole: Path) -> None:
    damaged.damage(whole, "index", random.Random(1))
    with pytest.raises(UserError):
        open_store(whole).execute("SELECT nothing FROM nowhere")
    assert not verifying.verify(whole).is_whole


def test_a_defect_of_qtui_stays_one_where_the_store_is_whole(whole: Path) -> None:
    open_store(whole).close()
    assert damage.cause_of(KeyError("x")) is None


def test_types_by_column_are_those_of_the_tables() -> None:
    from qtui.store import expected_schema

    names = {column.name for table in expected_schema.tables().values() for column in table.columns}
    assert set(row_rules.types_by_column()) == names


def test_reading_a_whole_store_looks_for_no_damage(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "DIAGNOSIS_SECONDS", -1.0)
    monkeypatch.setattr(damage, "first", lambda *_: pytest.fail("the store was looked through"))
    assert list(read_all(whole)) == []


def test_rows_of_pages_that_nothing_leads_to_are_saved(tmp_path: Path, whole: Path) -> None:
    content = bytearray(whole.read_bytes())
    content[:4096] = bytes(4096)  # the header and the list of tables
    whole.write_bytes(content)
    done = repairing.repair(whole, tmp_path / "new.sqlite")
    assert {name: table.saved for name, table in done.tables.items() if table.saved} == {
        "task_set": 1, "task": 12, "run": 2, "variant": 6, "answer": 72, "variant_answer": 72, "judge": 2, "grade": 72,
    }  # fmt: skip
    assert set(NAMES) <= {variant.name for variant in runs.summaries(open_store(done.target))[0].variants}
