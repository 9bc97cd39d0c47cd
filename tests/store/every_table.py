"""A store with rows in every table that two runs, a comparison, a batch and a quantization leave: by the store's own functions."""

from contextlib import closing
from pathlib import Path

from qtui.records import AnswerDivergence, Score
from qtui.store import (
    Store,
    batches,
    claims,
    divergences,
    grades,
    judged_places,
    leases,
    notes,
    open_store,
    preferences,
    quantization_jobs,
    runs,
    scores,
)
from qtui.store.batches import Planned
from qtui.store.notes import Note
from qtui.store.preferences import PendingPair
from tests import compared_store, scored_store, stores

JUDGE = "openai:strict"


def fill(path: Path) -> None:
    """Make the store at `path`."""
    with closing(open_store(path)) as store:
        compared = compared_store.fill(store)
        scored = scored_store.answered_run(store)
        scored_store.add_scorers(store, scored, scored_store.MATH)
        for scorer in scores.current(store, [scored]):
            scores.commit(store, scorer, [(each, Score(1.0)) for each in scores.pending(store, scorer)])
        stores.begin(store, compared)
        with store.writing():
            assert claims.take(store, compared, ["key of a missing answer"]) == {}
        _people(store, compared)
        _divergence(store, compared)
        _batch(store, compared)
        _outdate_a_grade(store)
        quantization_jobs.begin(store, "quantize", "m", ["Q4_K_M"])
        quantization_jobs.put(store, "m", "Q4_K_M", path.with_name("m.gguf"), {"file_bytes": 4})
        runs.set_state(store, compared, "stopped", "5 requests are spent")
        assert leases.holder(store, compared) is not None


def _people(store: Store, run_id: int) -> None:
    place = next(iter(grades.places(store, run_id).values()))
    grades.commit_human(store, place, 2, "mine")
    notes.put(store, run_id, "m", 3, Note(True, "look"))


def _divergence(store: Store, run_id: int) -> None:
    baseline, candidate, *_ = runs.summaries(store, [run_id])[0].variants
    pair = divergences.Pair(baseline.id, candidate.id)
    answer = divergences.missing(store, pair)[0]
    measured = AnswerDivergence("measured", b"\0" * 4, b"\1" * 4, b"\2" * 4, b"\3", None)
    divergences.commit(store, pair, answer, divergences.Weights("one", "another"), measured)


def _batch(store: Store, run_id: int) -> None:
    """Plan a batch with a question about an answer, and one with a question about two."""
    first, second, *_ = judged_places.read(store, run_id, "batched", "f")
    place, key = first.answer, "key of a batched grade"
    batches.plan(store, run_id, ("batched", "f"), (None, "KEY"), [Planned(1, ((key, place),))])
    pair = PendingPair(first.answer, second.answer)
    answer_keys = (first.answer.answer_key, second.answer.answer_key)
    key = preferences.key(answer_keys, place.task.hash, "batched pairs", "f", 1)
    batches.plan(store, run_id, ("batched pairs", "f"), (None, "KEY"), [Planned(1, ((key, pair),))])


def _outdate_a_grade(store: Store) -> None:
    """Leave a grade that a judge gave to thoughts, as an upgrade leaves it."""
    with store.writing():
        store.execute(
            "INSERT INTO outdated_grade (key, answer_id, task_id, judge, fingerprint, take, grade, reason, created)"
            " SELECT key, answer_id, task_id, judge, fingerprint, take, grade, reason, created FROM grade LIMIT 1"
        )
