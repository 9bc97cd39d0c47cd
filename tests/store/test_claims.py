"""Claims of missing answers: by the real functions, on one store that two runs share."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from qtui.records import Answer, Task, TaskSet
from qtui.runner import shared_answers
from qtui.runner.control import Control
from qtui.store import Store, answers, claims, leases, open_store, runs
from qtui.store.answers import Link
from tests import stores

TASKS = TaskSet("t", tuple(Task(f"t{number}", "") for number in range(1, 4)))
KEYS = ("a", "b", "c")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with two runs of the same variant; the first one has a living runner."""
    with closing(open_store(tmp_path / "s.sqlite")) as store:
        for name in ("one", "two"):
            stores.new_run(store, name, TASKS, stores.variants(TASKS, ["FP16"]))
        stores.begin(store, 1)
        yield store


def links(store: Store, run_id: int) -> dict[int, tuple[Link, str]]:
    [variant] = runs.summaries(store, [run_id])[0].variants
    places = [Link(variant.id, task_id, 0) for task_id, _ in runs.tasks(store, run_id)]
    return dict(enumerate(zip(places, KEYS, strict=True)))


def link_or_claim(store: Store, run_id: int) -> tuple[set[int], dict[str, int]]:
    return answers.link_or_claim(store, run_id, links(store, run_id))


def commit(store: Store, run_id: int, number: int) -> None:
    link, key = links(store, run_id)[number]
    answers.commit(store, link, Answer(key, f"text of {key}", "stop"))


def test_what_is_claimed_is_left_to_the_run_that_computes_it(store: Store) -> None:
    commit(store, 1, 0)
    assert link_or_claim(store, 1) == ({0}, {})
    assert link_or_claim(store, 2) == ({0}, {"b": 1, "c": 1})


def test_what_a_runner_gives_up_is_free(store: Store) -> None:
    link_or_claim(store, 1)
    claims.give_up(store, 1)
    assert link_or_claim(store, 2) == (set(), {})


def test_claims_of_a_dead_runner_are_free(store: Store) -> None:
    link_or_claim(store, 1)
    stores.lose_runner(store, 1)
    assert link_or_claim(store, 2) == (set(), {})


def test_claims_of_a_paused_run_are_free(store: Store) -> None:
    link_or_claim(store, 1)
    runs.set_state(store, 1, "paused")
    assert link_or_claim(store, 2) == (set(), {})


def test_claims_without_a_lease_are_free(store: Store) -> None:
    link_or_claim(store, 1)
    leases.release(store, 1)
    assert link_or_claim(store, 2) == (set(), {})


def arrivals(store: Store, control: Control) -> list[set[str]]:
    """What the second run links, one answer of the first being stored after each."""

    async def follow() -> list[set[str]]:
        places = {key: [link] for link, key in links(store, 2).values()}
        found = []
        async for stored in shared_answers.link_as_they_arrive(store, 2, places, control):
            found.append(stored)
            if len(found) == 1:
                commit(store, 1, 1)
            else:
                claims.give_up(store, 1)
        return found

    return asyncio.run(follow())


def test_answers_of_another_run_are_linked_as_they_arrive_and_those_that_it_leaves_end_the_waiting(
    store: Store,
) -> None:
    link_or_claim(store, 1)
    link_or_claim(store, 2)
    commit(store, 1, 0)
    assert arrivals(store, Control()) == [{"a"}, {"b"}]
    assert runs.summaries(store, [2])[0].answered == 2
    assert link_or_claim(store, 2) == ({0, 1}, {})


def test_a_cancelled_run_waits_no_longer(store: Store) -> None:
    link_or_claim(store, 1)
    control = Control()
    control.cancel("by the user")
    assert arrivals(store, control) == []


def test_what_is_waited_for_is_said_by_run() -> None:
    assert (
        shared_answers.in_words({"a": 1, "b": 1, "c": 3})
        == "waiting for answers that are being computed by run 1 (2 answers) and run 3 (1 answer)"
    )
