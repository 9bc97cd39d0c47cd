"""Divergences of a candidate on answers of the baseline, token by token; content-addressed and linked like answers.

A divergence is current for a pair if it was measured on the baseline's current answer with the current weights of both variants, as
far as the run knows them: after a run was repeated with other weights, it does not show earlier divergences.
"""

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from qtui.records import AnswerDivergence, FinishReason, FirstDifference
from qtui.store import damage, json_columns
from qtui.store.connection import Store
from qtui.store.errors import StoreDamagedError

KEYS_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class Pair:
    """Ids of two variants of one model in one run. The baseline paired with itself gives the noise floor."""

    baseline_id: int
    candidate_id: int


@dataclass(frozen=True, slots=True)
class Place:
    task_id: int
    sample: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Fingerprints of both sides."""

    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True)
class BaselineAnswer:
    """A baseline answer on which the candidate is to be measured; `task` is the 1-based position."""

    answer_id: int
    place: Place
    task: int
    key: str
    text: str
    """With thoughts and their tags: a model computes its answer after them."""
    finish_reason: FinishReason
    completion_tokens: int | None


@dataclass(frozen=True, slots=True)
class MeasuredAnswer:
    """What panes show of a measured answer: its number of tokens, and where the candidate diverges from it, if it does."""

    tokens: int
    first_difference: FirstDifference | None


def missing(store: Store, pair: Pair) -> list[BaselineAnswer]:
    """Return the baseline's answers on which this candidate has not been measured, by task and sample."""
    rows = store.execute(
        "SELECT answer.id, va.task_id, va.sample, task.position, answer.key, coalesce(answer.whole, answer.text) AS text,"
        " answer.finish_reason,"
        " answer.completion_tokens"
        " FROM variant_answer va JOIN answer ON answer.id = va.answer_id JOIN task ON task.id = va.task_id"
        f" WHERE va.variant_id = :baseline AND NOT EXISTS ({_CURRENT.format('1')} AND vd.task_id = va.task_id"
        "  AND vd.sample = va.sample)"
        " ORDER BY task.position, va.sample",
        _ids(pair),
    )
    return [
        BaselineAnswer(row[0], Place(row["task_id"], row["sample"]), row["position"], *tuple(row)[4:]) for row in rows
    ]


def link_known(store: Store, pair: Pair, keys: Mapping[Place, str]) -> set[Place]:
    """Link every place whose key the store has. Return the places that now have a divergence."""
    ids: dict[str, int] = {}
    unique_keys = list(set(keys.values()))
    with store.writing():
        for start in range(0, len(unique_keys), KEYS_PER_QUERY):
            part = unique_keys[start : start + KEYS_PER_QUERY]
            rows = store.execute(f"SELECT key, id FROM divergence WHERE key IN ({','.join('?' * len(part))})", part)
            ids |= {row["key"]: row["id"] for row in rows}
        filled = {place for place, key in keys.items() if key in ids}
        for place in filled:
            _link(store, pair, place, ids[keys[place]])
    return filled


def commit(store: Store, pair: Pair, answer: BaselineAnswer, weights: Weights, measured: AnswerDivergence) -> None:
    """Write the divergence of one answer and its link, durable on return."""
    first = json.dumps(asdict(measured.first_difference), ensure_ascii=False) if measured.first_difference else None
    with store.writing():
        store.execute(
            "INSERT INTO divergence (key, answer_id, baseline_weights, candidate_weights, tokens, kl, baseline_logp,"
            " candidate_logp, flags, parting, created) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (key) DO NOTHING",
            (measured.key, answer.answer_id, weights.baseline, weights.candidate, measured.tokens, measured.kl,
             measured.baseline_logp, measured.candidate_logp, measured.flags, first, time.time()),
        )  # fmt: skip
        row = store.execute("SELECT id FROM divergence WHERE key = ?", (measured.key,)).fetchone()
        _link(store, pair, answer.place, row["id"])


def rows(store: Store, pair: Pair) -> list[sqlite3.Row]:
    """Return the pair's current rows (task, sample, kl, baseline_logp, candidate_logp, flags, parting); `task` is 1-based."""
    found = store.execute(
        _CURRENT.format(
            "task.position AS task, vd.sample, divergence.kl, divergence.baseline_logp, divergence.candidate_logp,"
            " divergence.flags, divergence.parting"
        )
        + " ORDER BY task.position, vd.sample",
        _ids(pair),
    ).fetchall()
    for row in found:
        if any(len(row[name]) != len(row["flags"]) * 4 for name in ("kl", "baseline_logp", "candidate_logp")):
            raise StoreDamagedError(
                store.path, damage.first(store.path, ["kl"]) or "table divergence: lengths that differ"
            )
    return found


def of_task(
    store: Store, run_id: int, *, model: str, baseline: str, candidate: str, task_id: int
) -> dict[int, MeasuredAnswer]:
    """Return the measured answers to a task by sample number; empty if none was measured."""
    ids = dict(
        store.execute(
            "SELECT name, id FROM variant WHERE run_id = ? AND model = ? AND name IN (?, ?)",
            (run_id, model, baseline, candidate),
        ).fetchall()
    )
    if baseline not in ids or candidate not in ids:
        return {}
    rows = store.execute(
        _CURRENT.format("vd.sample, divergence.tokens, divergence.parting") + " AND vd.task_id = :task",
        {**_ids(Pair(ids[baseline], ids[candidate])), "task": task_id},
    )
    return {row["sample"]: MeasuredAnswer(row["tokens"], first_difference(store, row["parting"])) for row in rows}


def first_difference(store: Store, text: str | None) -> FirstDifference | None:
    """Decode the column `parting`. Raises StoreDamagedError."""
    return None if text is None else json_columns.value(store, "divergence", "parting", text)


# The current divergences of a pair: measured on the baseline's current answer, with the current weights of both sides.
_CURRENT = (
    "SELECT {} FROM variant_divergence vd JOIN divergence ON divergence.id = vd.divergence_id"
    " JOIN task ON task.id = vd.task_id"
    " JOIN variant_answer answered ON answered.variant_id = vd.baseline_id AND answered.task_id = vd.task_id"
    "  AND answered.sample = vd.sample AND answered.answer_id = divergence.answer_id"
    " JOIN variant baseline ON baseline.id = vd.baseline_id JOIN variant candidate ON candidate.id = vd.candidate_id"
    " WHERE vd.baseline_id = :baseline AND vd.candidate_id = :candidate"
    " AND coalesce(json_extract(baseline.facts, '$.weights_fingerprint'), baseline_weights) = baseline_weights"
    " AND coalesce(json_extract(candidate.facts, '$.weights_fingerprint'), candidate_weights) = candidate_weights"
)


def _ids(pair: Pair) -> dict[str, int]:
    return {"baseline": pair.baseline_id, "candidate": pair.candidate_id}


def _link(store: Store, pair: Pair, place: Place, divergence_id: int) -> None:
    store.execute(
        "INSERT OR REPLACE INTO variant_divergence (baseline_id, candidate_id, task_id, sample, divergence_id)"
        " VALUES (?,?,?,?,?)",
        (pair.baseline_id, pair.candidate_id, place.task_id, place.sample, divergence_id),
    )
