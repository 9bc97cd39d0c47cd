"""What was measured is kept once, shown for the answers and weights it was measured on, and for no others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qtui.records import AnswerDivergence, FirstDifference, TokenChoice
from qtui.store import Store, answers, divergences, open_store, runs
from qtui.store.divergences import Pair, Place, Weights
from qtui.variant_facts import VariantFacts
from tests.filled_store import fill
from tests.store.old_store import fill_old

FIRST_DIFFERENCE = FirstDifference(1, 2, TokenChoice("は", 0.41, 0.12), TokenChoice("", 0.2, 0.3))
WEIGHTS = Weights("baseline's", "candidate's")


def divergence(key: str, parting: FirstDifference | None = FIRST_DIFFERENCE) -> AnswerDivergence:
    return AnswerDivergence(key, b"\0" * 12, b"\1" * 12, b"\2" * 12, b"\3\2\3", parting)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    fill(tmp_path / "store.sqlite")
    opened = open_store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def pair(store: Store) -> Pair:
    baseline, q4, _ = runs.summaries(store)[0].variants
    return Pair(baseline.id, q4.id)


def measure(store: Store, pair: Pair, count: int | None = None, run: str = "") -> list[Place]:
    """Something for each of the first answers that lack it; where."""
    todo = divergences.missing(store, pair)[:count]
    for answer in todo:
        divergences.commit(store, pair, answer, WEIGHTS, divergence(run + answer.key))
    return [answer.place for answer in todo]


def known(
    store: Store, place: Place, baseline: str = "FP16", candidate: str = "Q4_K_M"
) -> divergences.MeasuredAnswer | None:
    run_id = runs.summaries(store)[0].id
    found = divergences.of_task(
        store, run_id, model="pet-7b", baseline=baseline, candidate=candidate, task_id=place.task_id
    )
    return found.get(place.sample)


def test_missing_are_the_baselines_answers_in_the_order_of_tasks(store: Store, pair: Pair) -> None:
    found = divergences.missing(store, pair)
    assert [answer.task for answer in found] == list(range(1, 13))
    assert {answer.finish_reason for answer in found} == {"stop", "length"}
    assert found[1].text == "猫が2匹います。" * 2
    assert found[1].completion_tokens == 10


def test_what_is_measured_is_missing_no_longer(store: Store, pair: Pair) -> None:
    measure(store, pair, 5)
    assert [answer.task for answer in divergences.missing(store, pair)] == list(range(6, 13))
    assert [row["task"] for row in divergences.rows(store, pair)] == [1, 2, 3, 4, 5]


def test_it_comes_back_as_it_went_in(store: Store, pair: Pair) -> None:
    place, other = measure(store, pair, 2)
    divergences.commit(store, pair, divergences.missing(store, pair)[0], WEIGHTS, divergence("equal", None))
    row = divergences.rows(store, pair)[0]
    assert (row["kl"], row["baseline_logp"], row["candidate_logp"]) == (b"\0" * 12, b"\1" * 12, b"\2" * 12)
    assert (row["flags"], divergences.first_difference(store, row["parting"])) == (b"\3\2\3", FIRST_DIFFERENCE)
    assert known(store, place) == known(store, other) == divergences.MeasuredAnswer(3, FIRST_DIFFERENCE)
    assert divergences.first_difference(store, divergences.rows(store, pair)[2]["parting"]) is None


def test_of_what_was_not_measured_nothing_is_known(store: Store, pair: Pair) -> None:
    (place,) = measure(store, pair, 1)
    assert known(store, place) is not None
    assert known(store, Place(place.task_id + 1, 0)) is None
    assert known(store, place, baseline="Q4_K_M", candidate="FP16") is None
    assert known(store, place, candidate="Q3") is None


def test_pairs_do_not_mix(store: Store, pair: Pair) -> None:
    measure(store, pair)
    q2 = Pair(pair.baseline_id, runs.summaries(store)[0].variants[2].id)
    assert divergences.rows(store, q2) == []
    assert len(divergences.missing(store, q2)) == 12


def test_baseline_against_itself_is_a_pair_of_its_own(store: Store, pair: Pair) -> None:
    floor = Pair(pair.baseline_id, pair.baseline_id)
    measure(store, floor, run="floor")
    assert len(divergences.rows(store, floor)) == 12
    assert divergences.rows(store, pair) == []


def test_same_key_is_the_same_row_for_another_run(store: Store, pair: Pair, tmp_path: Path) -> None:
    measure(store, pair)
    fill(tmp_path / "store.sqlite", "again")
    baseline, q4, _ = runs.summaries(store)[0].variants
    again = Pair(baseline.id, q4.id)
    assert again != pair
    todo = divergences.missing(store, again)
    # The store of this test gives another run answers of its own; what is linked is found by key alone.
    linked = divergences.link_known(store, again, {todo[0].place: todo[0].key, todo[1].place: "never measured"})
    assert linked == set()
    divergences.commit(store, again, todo[0], WEIGHTS, divergence("shared"))
    divergences.commit(store, again, todo[1], WEIGHTS, divergence("shared"))
    assert store.execute("SELECT count(*) FROM divergence WHERE key = 'shared'").fetchone()[0] == 1
    assert divergences.link_known(store, again, {todo[2].place: "shared"}) == {todo[2].place}


def test_answer_that_was_made_anew_is_missing_again(store: Store, pair: Pair) -> None:
    place, *_ = measure(store, pair)
    old = store.execute(
        "SELECT answer_id FROM variant_answer WHERE variant_id = ? AND task_id = ?", (pair.baseline_id, place.task_id)
    ).fetchone()[0]
    newer = store.execute("SELECT id FROM answer WHERE id <> ? LIMIT 1", (old,)).fetchone()[0]
    store.execute(
        "UPDATE variant_answer SET answer_id = ? WHERE variant_id = ? AND task_id = ?",
        (newer, pair.baseline_id, place.task_id),
    )
    assert [answer.place for answer in divergences.missing(store, pair)] == [place]
    assert known(store, place) is None


@pytest.mark.parametrize("side", ["baseline_id", "candidate_id"])
def test_what_other_weights_gave_does_not_count(side: str, store: Store, pair: Pair) -> None:
    measure(store, pair)
    runs.set_variant(
        store, getattr(pair, side), facts=VariantFacts(weights_fingerprint=f"{side.removesuffix('_id')}'s")
    )
    assert len(divergences.rows(store, pair)) == 12
    runs.set_variant(store, getattr(pair, side), facts=VariantFacts(weights_fingerprint="newer"))
    assert divergences.rows(store, pair) == []
    assert len(divergences.missing(store, pair)) == 12


def test_deleted_run_takes_its_links_and_leaves_the_rows(store: Store, pair: Pair) -> None:
    measure(store, pair)
    runs.delete(store, runs.summaries(store)[0].id)
    assert store.execute("SELECT count(*) FROM variant_divergence").fetchone()[0] == 0
    assert store.execute("SELECT count(*) FROM divergence").fetchone()[0] == 12


def test_store_from_before_divergences_gets_their_tables(tmp_path: Path) -> None:
    fill_old(tmp_path / "old.sqlite", 1)
    opened = open_store(tmp_path / "old.sqlite")
    baseline, q4, _ = runs.summaries(opened)[0].variants
    assert len(measure(opened, Pair(baseline.id, q4.id))) == 12
    assert len(answers.rows(opened, [1])) == 36
    opened.close()
