"""Texts of older versions are split into thoughts and answer when their store is opened; judges' grades of them are kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from qtui.records import Answer, Thoughts
from qtui.store import (
    answers,
    divergences,
    grades,
    judged_places,
    judges,
    open_store,
    open_thoughts,
    runs,
    task_answers,
)
from qtui.store.schema import MIGRATIONS
from tests import stores
from tests.filled_store import fill
from tests.store.old_store import fill_old

BEFORE = len(MIGRATIONS[:7])


@pytest.fixture
def old(tmp_path: Path) -> tuple[Path, int]:
    """A store of the version before, and the id of its run."""
    path = tmp_path / "old.sqlite"
    return path, fill_old(path, BEFORE, grade_of={"FP16": [4] * 12, "Q4_K_M": [3] * 12})


def rewrite(path: Path, texts: dict[int, str]) -> None:
    """Give answers these texts: id → text."""
    with closing(sqlite3.connect(path)) as store, store:
        store.executemany("UPDATE answer SET text = ? WHERE id = ?", [(text, key) for key, text in texts.items()])


def read(path: Path, columns: str, answer_id: int) -> tuple[object, ...]:
    with open_store(path) as store:
        return tuple(store.execute(f"SELECT {columns} FROM answer WHERE id = ?", (answer_id,)).fetchone())


def test_a_text_with_thoughts_becomes_two_and_its_key_stays(old: tuple[Path, int]) -> None:
    path, _ = old
    whole = "<think>\nTwo and two.\n</think>\n\nFour."
    with closing(sqlite3.connect(path)) as store:
        [key, other] = store.execute(
            "SELECT (SELECT key FROM answer WHERE id = 1), text FROM answer WHERE id = 2"
        ).fetchone()
    rewrite(path, {1: whole})
    columns = "key, text, thinking, whole, thinking_tokens, thought_unfinished"
    assert read(path, columns, 1) == (key, "Four.", "Two and two.", whole, None, 0)
    assert read(path, "text, thinking, whole, thought_unfinished", 2) == (other, "", None, 0)


def test_an_unfinished_thought_leaves_an_empty_answer(old: tuple[Path, int]) -> None:
    path, _ = old
    rewrite(path, {1: "<think>\nTwo and"})
    assert read(path, "text, thinking, thought_unfinished", 1) == ("", "Two and", 1)


def test_where_the_prompt_opened_the_thought_a_text_without_any_tag_is_an_unfinished_one(old: tuple[Path, int]) -> None:
    path, run_id = old
    with closing(sqlite3.connect(path)) as store:
        ids = [
            row[0]
            for row in store.execute(
                "SELECT answer_id FROM variant_answer WHERE variant_id = (SELECT min(id) FROM variant WHERE run_id = ?)",
                (run_id,),
            )
        ]
        others = store.execute(
            f"SELECT id, text FROM answer WHERE id NOT IN ({','.join(map(str, ids))}) ORDER BY id LIMIT 1"
        ).fetchone()
    rewrite(path, dict.fromkeys(ids[1:], "I count.\n</think>\n\nFour.") | {ids[0]: "I count and"})
    assert read(path, "text, thinking, thought_unfinished", ids[0]) == ("", "I count and", 1)
    assert read(path, "text, thinking, thought_unfinished", ids[1]) == ("Four.", "I count.", 0)
    assert read(path, "text, thinking", others[0]) == (others[1], "")


def test_grades_of_a_judge_for_the_whole_text_do_not_count_and_are_asked_again_but_are_kept(
    old: tuple[Path, int],
) -> None:
    path, run_id = old
    with closing(sqlite3.connect(path)) as store:
        graded = store.execute("SELECT id, judge, answer_id FROM grade WHERE grade IS NOT NULL ORDER BY id").fetchall()
        store.execute('UPDATE judge SET settings = \'{"kind": "openai"}\'')
        store.commit()
    answer_id = next(row[2] for row in graded if row[1] != grades.HUMAN)
    rewrite(path, {answer_id: "<think>a</think>b"})
    with open_store(path) as store:
        left = store.execute("SELECT id FROM grade WHERE answer_id = ? AND judge <> 'human'", (answer_id,)).fetchall()
        kept = store.execute("SELECT id FROM outdated_grade").fetchall()
        [judge] = [judge for judge in judges.of_run(store, run_id) if judge.label == graded[0][1]][:1]
        places = judged_places.read(store, run_id, judge.label, judge.fingerprint)
    assert not left
    assert {row["id"] for row in kept} == {row[0] for row in graded if row[2] == answer_id and row[1] != grades.HUMAN}
    pending = [place.answer for place in places if not place.is_asked(1)]
    assert [item.text for item in pending if item.answer_id == answer_id] == ["b"]


def test_grades_of_an_import_stay(old: tuple[Path, int]) -> None:
    path, _ = old
    with closing(sqlite3.connect(path)) as store:
        count = store.execute("SELECT count(*) FROM grade").fetchone()[0]
        store.execute("UPDATE judge SET settings = '{}'")
        store.execute("UPDATE answer SET text = '<think>a</think>b'")
        store.commit()
    with open_store(path) as store:
        assert store.execute("SELECT count(*) FROM grade").fetchone()[0] == count


def test_each_run_keeps_the_date_on_which_it_was_answered_last(old: tuple[Path, int]) -> None:
    path, run_id = old
    with closing(sqlite3.connect(path)) as store:
        store.execute("DELETE FROM attempt")
        store.execute("UPDATE run SET created = ?, started = ?", (1_700_000_000.0, 1_700_100_000.0))
        store.execute(
            "INSERT INTO attempt (run_id, host, pid, started, seen) VALUES (?, '', 1, 1700200000, 1700200000)",
            (run_id,),
        )
        store.commit()
        [expected] = store.execute("SELECT date(1700200000, 'unixepoch', 'localtime')").fetchone()
    with open_store(path) as store:
        assert runs.date_of(store, run_id) == expected


def test_thoughts_are_stored_beside_the_answer_and_fed_with_it_to_a_divergence(old: tuple[Path, int]) -> None:
    path, run_id = old
    with open_store(path) as store:
        [run] = runs.summaries(store, [run_id])
        baseline = next(variant for variant in run.variants if variant.is_baseline)
        task_id = runs.tasks(store, run_id)[0][0]
        thoughts = Thoughts("a", "<think>a</think>b", 3)
        answers.commit(store, answers.Link(baseline.id, task_id, 0), Answer("new", "b", "stop", thoughts=thoughts))
        sides = task_answers.sides(store, run_id, baseline.model, 1)
        assert sides is not None
        [answer] = next(side for side in sides.sides if side.is_baseline).answers
        assert (answer.text, answer.thoughts) == ("b", thoughts)
        [first, *_] = divergences.missing(store, divergences.Pair(baseline.id, baseline.id))
        assert first.text == "<think>a</think>b"
        assert 1 in task_answers.tasks_containing(store, run_id, baseline.model, "a", [baseline.name])


def test_where_an_endpoint_opens_thoughts_unseen_a_text_without_tags_is_an_unfinished_one(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    run_id = fill(path)
    with open_store(path) as store:
        for number in range(1, 12):
            thoughts = Thoughts("I count.", "I count.\n</think>\n\nFour.")
            stores.answer(store, run_id, "FP16", number, Answer(f"n{number}", "Four.", "stop", thoughts=thoughts))
        stores.answer(store, run_id, "FP16", 12, Answer("cut", "I count and", "length"))
        stores.add_judge(store, run_id, "a judge")
        stores.grade(store, run_id, {"FP16": [3] * 12}, judge="a judge")
        [variant, other, *_] = runs.summaries(store, [run_id])[0].variants
        assert [open_thoughts.mark_unfinished(store, each.id) for each in (variant, other, variant)] == [1, 0, 0]
        sides = task_answers.sides(store, run_id, variant.model, 12)
        assert sides is not None
        [answer] = sides.sides[0].answers
    assert (answer.text, answer.thoughts) == ("", Thoughts("I count and", "I count and", is_unfinished=True))
    assert answer.grades == ()
