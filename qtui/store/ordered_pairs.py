"""The questions of pairwise judges: the baseline's answer and another variant's to the same task and sample, in both orders.

Here is the SQL that all queries about preferences share, and how many of them a run has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qtui.store.connection import Store


def ordered_pairs(runs: int) -> str:
    """Return a subquery of all ordered pairs of that many runs, whose ids are its parameters.

    Columns: run_id, model, baseline, candidate (ids of variants), position (the candidate's), task_id, sample, is_swapped,
    first_id, second_id (answers). `is_swapped` is 1 if the candidate's answer comes first.
    """
    return (
        "(SELECT base.run_id, base.model, base.id AS baseline, other.id AS candidate, other.position, base_va.task_id,"
        " base_va.sample, turn.is_swapped,"
        " CASE turn.is_swapped WHEN 0 THEN base_va.answer_id ELSE other_va.answer_id END AS first_id,"
        " CASE turn.is_swapped WHEN 0 THEN other_va.answer_id ELSE base_va.answer_id END AS second_id"
        " FROM variant base JOIN variant other ON other.run_id = base.run_id AND other.model = base.model AND NOT other.is_baseline"
        " JOIN variant_answer base_va ON base_va.variant_id = base.id"
        " JOIN variant_answer other_va ON other_va.variant_id = other.id AND other_va.task_id = base_va.task_id"
        "  AND other_va.sample = base_va.sample"
        " JOIN (SELECT 0 AS is_swapped UNION ALL SELECT 1) turn"
        f" WHERE base.is_baseline AND base.run_id IN ({','.join('?' * runs)}))"
    )


OF_JUDGE = "preference.first_id = pair.first_id AND preference.second_id = pair.second_id AND preference.task_id = pair.task_id"
"""Joins the table `preference` with `ordered_pairs(…) pair`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How far a pairwise judge is in a run, in ordered pairs times takes."""

    expected: int
    judged: int
    unjudged: int
    last: float | None
    """When the last preference was stored."""
    variants: tuple[int, ...]
    """Ids of the variants with a preference, baselines included."""


def progress(store: Store, run_ids: Sequence[int]) -> dict[tuple[int, str, str], Judged]:
    """Return how far each pairwise judge of the runs is, by (run, label, fingerprint)."""
    if not run_ids:
        return {}
    expected = _expected(store, run_ids)
    rows = store.execute(
        "SELECT judge.run_id, judge.label, judge.fingerprint, judge.takes, max(preference.created) AS last,"
        " count(preference.id) AS asked,"
        " coalesce(sum(preference.id IS NOT NULL AND preference.choice IS NULL), 0) AS unjudged,"
        " group_concat(DISTINCT CASE WHEN preference.choice IS NOT NULL THEN pair.baseline END) AS baselines,"
        " group_concat(DISTINCT CASE WHEN preference.choice IS NOT NULL THEN pair.candidate END) AS candidates"
        f" FROM judge LEFT JOIN {ordered_pairs(len(run_ids))} pair ON pair.run_id = judge.run_id"
        f" LEFT JOIN preference ON {OF_JUDGE} AND preference.judge = judge.label"
        "  AND preference.fingerprint = judge.fingerprint AND preference.take <= judge.takes"
        f" WHERE json_extract(judge.settings, '$.pairwise') AND judge.run_id IN ({','.join('?' * len(run_ids))})"
        " GROUP BY judge.id",
        (*run_ids, *run_ids),
    ).fetchall()
    return {
        (row["run_id"], row["label"], row["fingerprint"]): Judged(
            expected=2 * row["takes"] * expected.get(row["run_id"], 0),
            judged=row["asked"] - row["unjudged"],
            unjudged=row["unjudged"],
            last=row["last"],
            variants=_ids(row["baselines"], row["candidates"]),
        )
        for row in rows
    }


def count(store: Store, run_id: int, label: str, fingerprint: str, *, most: int | None = None) -> int:
    """Return how many preferences of a judge the run's pairs have, without *unjudged*; at most `most`."""
    row = store.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {ordered_pairs(1)} pair JOIN preference ON {OF_JUDGE}"
        " WHERE preference.judge = ? AND preference.fingerprint = ? AND preference.choice IS NOT NULL LIMIT ?)",
        (run_id, label, fingerprint, -1 if most is None else most),
    ).fetchone()
    return int(row[0])


def _expected(store: Store, run_ids: Sequence[int]) -> dict[int, int]:
    """Return the number of pairs of answers of each run, once all are there."""
    rows = store.execute(
        "SELECT other.run_id, sum(min(other.expected, base.expected)) AS pairs FROM variant base"
        " JOIN variant other ON other.run_id = base.run_id AND other.model = base.model AND NOT other.is_baseline"
        f" WHERE base.is_baseline AND base.run_id IN ({','.join('?' * len(run_ids))}) GROUP BY other.run_id",
        tuple(run_ids),
    )
    return {row["run_id"]: row["pairs"] for row in rows}


def _ids(*lists: str | None) -> tuple[int, ...]:
    return tuple(sorted({int(each) for ids in lists if ids for each in ids.split(",")}))
