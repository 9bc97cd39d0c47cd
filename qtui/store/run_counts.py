"""How far the variants, judges and scorers of runs are: counts over all their answers, grades and scores.

Counting reads every row. Where that takes long, the counts of all runs are kept for the next look at the same state of the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from qtui import variant_facts
from qtui.run_progress import JudgeProgress, ScorerProgress, VariantProgress
from qtui.secrets import url_secrets
from qtui.store import answers, json_columns, judges, kept_values, run_rows, scores
from qtui.store.blanks import BLANKS
from qtui.store.connection import Store
from qtui.store.thoughts import HAS_THOUGHTS

KEPT_FROM = 0.2
"""Seconds of counting from which the counts are kept."""
_QUESTION = ("counts of all runs",)


@dataclass(frozen=True, slots=True)
class Counts:
    """By the id of the run; runs without any are missing."""

    variants: dict[int, list[VariantProgress]]
    judges: dict[int, list[JudgeProgress]]
    scorers: dict[int, list[ScorerProgress]]


def of_runs(store: Store, run_ids: Sequence[int] | None) -> Counts:
    """Return the counts of all runs (or those of `run_ids`)."""
    if run_ids is not None:
        return _count(store, run_ids)
    return kept_values.of_store(store.path, _QUESTION, Counts, lambda: _count(store, None), least=KEPT_FROM)


def _count(store: Store, run_ids: Sequence[int] | None) -> Counts:
    return Counts(_variants(store, run_ids), judges.progress(store, run_ids), scores.progress(store, run_ids))


def _variants(store: Store, run_ids: Sequence[int] | None) -> dict[int, list[VariantProgress]]:
    where, values = run_rows.where_in("variant.run_id", run_ids)
    rows = store.execute(
        "SELECT variant.*, count(answer.id) AS answered,"
        f" coalesce(sum(trim(answer.text, {BLANKS}) = ''), 0) AS empty,"
        " coalesce(sum(answer.finish_reason = 'length'), 0) AS truncated, max(answer.created) AS last_answered,"
        f" coalesce(sum({HAS_THOUGHTS}), 0) AS thought,"
        " group_concat(DISTINCT nullif(answer.left_out, '')) AS left_out,"
        " max(CASE WHEN answer.created >= run.started AND answer.created < json_extract(variant.facts, '$.answering_started')"
        "  THEN answer.created END) AS broke_off"
        " FROM variant JOIN run ON run.id = variant.run_id LEFT JOIN variant_answer ON variant_answer.variant_id = variant.id"
        f" LEFT JOIN answer ON answer.id = variant_answer.answer_id {where}"
        " GROUP BY variant.id ORDER BY variant.run_id, variant.position",
        values,
    )
    by_run: dict[int, list[VariantProgress]] = {}
    for row in rows:
        by_run.setdefault(row["run_id"], []).append(
            VariantProgress(
                id=row["id"],
                run_id=row["run_id"],
                position=row["position"],
                model=row["model"],
                name=row["name"],
                is_baseline=bool(row["is_baseline"]),
                engine=row["engine"],
                precision=row["precision"],
                weights=row["weights"],
                state=row["state"],
                phase=row["phase"],
                reason=url_secrets.mask(row["reason"]),
                expected=row["expected"],
                answered=row["answered"],
                empty=row["empty"],
                truncated=row["truncated"],
                role=row["role"],
                facts=variant_facts.from_values(json_columns.value(store, "variant", "facts", row["facts"])),
                last_answered=row["last_answered"],
                broke_off=row["broke_off"],
                left_out=answers.left_out_names(row["left_out"]),
                thought=row["thought"],
                thinking=json_columns.value(store, "variant", "conditions", row["conditions"]).get("thinking", ""),
            )
        )
    return by_run
