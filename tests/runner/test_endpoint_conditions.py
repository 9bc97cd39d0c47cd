"""What an endpoint does not take is kept with the answers, shown, and a condition; how a judge is asked is kept, too."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from qtui.results import frames
from qtui.store import Store, grades, open_store, runs
from tests import stores
from tests.judges.endpoint import Failure, endpoint
from tests.runner.test_added_judge import graded, judge_at, store

__all__ = ["store"]

EXPERIMENT = """
name = "{name}"
tasks = "tasks.jsonl"
[sampling]
max_tokens = 16
[[models]]
name = "m"
[[models.variants]]
name = "A"
engine = "openai"
weights = "takes-all"
base_url = "{url}"
slots = 1
[[models.variants]]
name = "B"
engine = "openai"
weights = "picky"
base_url = "{url}"
slots = 1
"""
GOOD = '{"reason": "", "grade": 4}'


def qtui(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *arguments, "--store", str(folder / "s.sqlite")]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_temperature_that_was_not_taken_is_kept_shown_and_confounds_in_every_run_that_has_the_answers(
    tmp_path: Path,
) -> None:
    (tmp_path / "tasks.jsonl").write_text("".join(f'{{"input": "q{n}", "reference": "r"}}\n' for n in range(3)))
    refusal = Failure(400, {"detail": "temperature is not supported with this model"})
    bodies: list[dict[str, Any]] = []

    def say(_: str, number: int) -> str | Failure:
        is_refused = bodies[number]["model"] == "picky" and "temperature" in bodies[number]
        return refusal if is_refused else "答え"

    with endpoint(say) as served:
        bodies = served.bodies
        for name in ("first", "again"):  # the second run links the answers of the first and asks nothing
            (tmp_path / f"{name}.toml").write_text(EXPERIMENT.format(name=name, url=served.base_url))
            done = qtui(tmp_path, "run", str(tmp_path / f"{name}.toml"))
            assert done.returncode == 0, done.stderr
            assert "note on B: the endpoint does not take temperature; its own values apply" in done.stderr
            assert len(bodies) == 7, "three answers of A, one refusal, three answers of B"
    with closing(open_store(tmp_path / "s.sqlite")) as opened:
        assert [[each.left_out for each in run.variants] for run in runs.summaries(opened)] == [
            [(), ("temperature",)]
        ] * 2
    loaded = frames.load(tmp_path / "s.sqlite", [1, 2])
    assert list(loaded.conditions["left_out"]) == ["", "temperature"] * 2
    exported = qtui(tmp_path, "export", "answers", "--run", "1", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["left_out"] for line in exported] == [""] * 3 + ["temperature"] * 3
    assert "temperature 0.0 vs the endpoint's own" in " ".join(qtui(tmp_path, "scores").stdout.split())


def test_unclear_refusals_of_a_judge_that_fails_are_asked_again_when_it_works(store: Store) -> None:
    done, _ = judge_at(store, lambda *_: Failure(500), "--concurrency", "1")
    assert (done.returncode, graded(store)) == (1, [])
    done, prompts = judge_at(
        store, lambda prompt, _: Failure(400, b"no") if prompt.startswith("a") else GOOD, "--concurrency", "1"
    )
    assert done.returncode == 0, done.stderr
    assert sorted((grade for *_, grade in graded(store)), key=str) == [1, 4, None, None]
    assert {row["reason"] for row in grades.rows(store, [1]) if row["grade"] is None} == {
        "no reply: the endpoint refused the question (400): no"
    }
    assert "a|東京です" in prompts


def test_the_form_of_replies_is_kept_for_the_next_time(store: Store) -> None:
    bodies: list[dict[str, Any]] = []

    def say(_: str, number: int) -> str | Failure:
        return Failure(400, b"no response_format here") if "response_format" in bodies[number] else GOOD

    with endpoint(say) as served:
        bodies = served.bodies
        assert qtui_judge(store, served.base_url, "1").returncode == 0
        first = ["response_format" in body for body in bodies]
        assert qtui_judge(store, served.base_url, "2").returncode == 0
    assert first[:3] == [True, True, False]
    assert len(bodies) > len(first)
    assert not any("response_format" in body for body in bodies[len(first) :])


def test_a_judge_whose_grades_are_of_an_older_qtui_is_asked_for_text_as_before(store: Store) -> None:
    with endpoint(lambda *_: GOOD) as served:
        qtui_judge(store, served.base_url, "1")
        stores.forget_how_judges_are_asked(store)
        served.bodies.clear()
        assert qtui_judge(store, served.base_url, "2").returncode == 0
        assert served.bodies
        assert not any("response_format" in body for body in served.bodies)


def qtui_judge(store: Store, address: str, takes: str) -> "subprocess.CompletedProcess[str]":
    arguments = ("--model", "grader", "--base-url", address, "--takes", takes, "--concurrency", "1")
    return qtui(store.path.parent, "judge", "openai", *arguments)


def test_what_a_judge_does_not_take_is_kept_with_its_grades_exported_and_said_beside_its_scores(store: Store) -> None:
    bodies: list[dict[str, Any]] = []

    def say(_: str, number: int) -> str | Failure:
        return Failure(400, b"temperature is not supported") if "temperature" in bodies[number] else GOOD

    with endpoint(say) as served:
        bodies = served.bodies
        assert qtui_judge(store, served.base_url, "1").returncode == 0
    assert [(row[3], row["left_out"]) for row in grades.rows(store, [1])] == [
        (1, "temperature"), (2, "temperature"), (1, "temperature"), (2, None)
    ]  # fmt: skip
    assert "endpoint of openai:grader, whose own values applied: temperature" in " ".join(
        qtui(store.path.parent, "scores").stdout.split()
    )
    table = qtui(store.path.parent, "export", "grades", "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["left_out"] for line in table] == ["temperature"] * 3 + [None]
