"""A short form of `make torture`, and that its comparison finds what it is there to find."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.torture.__main__ import totals
from tests.torture.aftermath import Row, Rows, asked_twice, differences
from tests.torture.plan import Plan, Request, State, Strike, plan
from tests.torture.plan import Rows as RowsMoment
from tests.torture.round import Report, round_of, undisturbed
from tests.torture.work import GRADER

SEEDS = range(1000, 1100)
KILL = Strike(RowsMoment(3), "runner", "KILL")
ROWS = Rows(
    answers={("m", "Q8_0", 1, 0): Row(("key", "猫", "stop"), (1, 10.0))},
    grades={("key", 1, "judge", 1): Row((4,), ("reply 1", 1, 11.0))},
    sizes={"answer": 1, "grade": 1},
)
PLAN = Plan(
    seed=7,
    strikes=(
        Strike(State(0, "loading"), "worker", "KILL"),
        Strike(RowsMoment(9), "runner", "KILL"),
        Strike(Request(GRADER, 2, "after"), "runner", "KILL"),
        Strike(RowsMoment(2), "command", "CLOSE"),
    ),
    has_interface=True,
    is_cold=True,
    in_terminal=True,
)


@pytest.mark.timeout(1800)
def test_a_struck_run_ends_as_an_undisturbed_one_with_everything_once_and_nothing_left(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="needs the engines extra")
    pytest.importorskip("transformers", reason="needs the engines extra")
    whole = undisturbed(tmp_path / "undisturbed")
    report = round_of(PLAN, tmp_path / "struck", whole)
    assert report.problems == []
    assert len(report.landed) >= 2, "the strikes came too late to show anything"


def test_a_seed_makes_one_plan_and_seeds_make_many() -> None:
    assert [plan(seed) for seed in SEEDS] == [plan(seed) for seed in SEEDS]
    assert len({plan(seed).strikes for seed in SEEDS}) > 0.9 * len(SEEDS)


def test_a_hundred_rounds_strike_every_process_with_every_signal() -> None:
    struck = {(strike.victim, strike.action) for seed in SEEDS for strike in plan(seed).strikes}
    victims = ("runner", "worker", "command", "interface", "scorers")
    signals = ("KILL", "TERM", "INT", "HUP", "STOP")
    wanted = {(victim, action) for victim in victims[:3] for action in signals}
    wanted |= {("interface", "CLOSE"), ("command", "CLOSE"), ("connection", "BREAK"), ("scorers", "KILL")}
    assert wanted - struck == set()


def test_a_lost_a_doubled_and_a_changed_row_are_found() -> None:
    changed = replace(ROWS, answers={("m", "Q8_0", 1, 0): Row(("key", "犬", "stop"), (1, 10.0))})
    assert differences(ROWS, ROWS) == []
    assert len(differences(replace(ROWS, grades={}), ROWS)) == 1
    assert len(differences(ROWS, replace(ROWS, grades={}))) == 1
    assert len(differences(replace(ROWS, sizes={"answer": 2, "grade": 1}), ROWS)) == 1
    assert len(differences(changed, ROWS)) == 1


def test_a_row_that_was_made_again_is_found() -> None:
    again = replace(ROWS, answers={("m", "Q8_0", 1, 0): Row(("key", "猫", "stop"), (1, 12.0))})
    assert ROWS.lost_since(ROWS) == []
    assert "made again" in again.lost_since(ROWS)[0]
    assert "lost" in replace(ROWS, answers={}).lost_since(ROWS)[0]


def test_a_question_that_is_asked_although_its_reply_is_stored_is_found() -> None:
    assert asked_twice(ROWS, {GRADER: {"question": [1]}}, []) == []
    assert len(asked_twice(ROWS, {GRADER: {"question": [1, 2]}}, [KILL])) == 1


def test_more_lost_replies_than_strikes_can_lose_are_found() -> None:
    stored = replace(ROWS, grades={("key", 1, "judge", 1): Row((4,), ("reply 4", 1, 11.0))})
    assert asked_twice(stored, {GRADER: {"question": [3, 4]}}, [KILL]) == []
    assert len(asked_twice(stored, {GRADER: {"question": [1, 2, 3, 4]}}, [KILL])) == 1


def test_the_totals_name_the_round_that_failed() -> None:
    reports = [Report(plan(1), []), Report(plan(2), ["a lease is left"])]
    assert "1 of 2 rounds" in totals(reports)
    assert "make torture ROUND=2" in totals(reports)
