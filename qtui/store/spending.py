"""What the requests for a run's grades and answers used, as endpoints counted it.

A grade belongs to an answer, so a run shows what its grades used also where another run asked for them.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace

from qtui.records import NOTHING_USED, Task, Usage
from qtui.store import tasks
from qtui.store.connection import Store

_SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in Usage.__dataclass_fields__)
_IS_UNKNOWN = "{0}requests IS NULL OR {0}prompt_tokens IS NULL OR {0}completion_tokens IS NULL"
_COUNTS = ", ".join(Usage.__dataclass_fields__)
_PLACE = (
    "place AS (SELECT DISTINCT va.answer_id, va.task_id FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
    " WHERE variant.run_id = ?)"
)
_GRADED = (
    f"graded AS (SELECT judge, fingerprint, {_COUNTS} FROM place JOIN grade USING (answer_id, task_id)"
    f" UNION ALL SELECT judge, fingerprint, {_COUNTS} FROM place"
    " JOIN preference ON preference.first_id = place.answer_id AND preference.task_id = place.task_id"
    " WHERE (preference.second_id, preference.task_id) IN (SELECT answer_id, task_id FROM place))"
)
"""Grades and preferences of the answers of a run. A preference is of two of them."""


@dataclass(frozen=True, slots=True)
class Used:
    """A sum over grades, or over answers. Counts that are unknown are not in `known`."""

    known: Usage = NOTHING_USED
    """The sum of all counts that are known."""
    items: int = 0
    """Number of grades or answers."""
    unknown: int = 0
    """Number of those whose requests or tokens are not all known."""
    cache_unknown: int = 0
    """Number of those of which it is not known what the endpoint had in its cache."""

    def __add__(self, other: "Used") -> "Used":
        return Used(
            self.known + other.known,
            self.items + other.items,
            self.unknown + other.unknown,
            self.cache_unknown + other.cache_unknown,
        )


@dataclass(frozen=True, slots=True)
class JudgeUsed:
    """What the grades of one judge used, asked directly and in batches."""

    direct: Used = Used()
    batch: Used = Used()

    @property
    def whole(self) -> Used:
        return self.direct + self.batch


def of_judges(store: Store, run_id: int) -> dict[tuple[str, str], JudgeUsed]:
    """Return what the grades of a run's answers used, by label and fingerprint of the judge."""
    graded = _by_judge(
        store.execute(
            f"WITH {_PLACE}, {_GRADED} SELECT judge, fingerprint, count(*) AS items, sum({_IS_UNKNOWN.format('')}) AS unknown,"
            f" sum(cached_tokens IS NULL) AS cache_unknown, {_SUMS} FROM graded GROUP BY judge, fingerprint",
            (run_id,),
        )
    )
    # A grade counts what batches replied in vain before it; a question without a grade so far has it in its batches alone.
    closed, still_open = (_of_batches(store, run_id, has_grade=has_grade) for has_grade in (True, False))
    found: dict[tuple[str, str], JudgeUsed] = {}
    for judge in {**graded, **still_open}:
        whole, in_batch = graded.get(judge, Used()), closed.get(judge, Used())
        direct = Used(_less(whole.known, in_batch.known), whole.items - in_batch.items, *_unknown_less(whole, in_batch))
        found[judge] = JudgeUsed(direct, in_batch + replace(still_open.get(judge, Used()), items=0))
    return found


def of_variants(store: Store, run_id: int) -> dict[int, Used]:
    """Return what the answers of variants behind endpoints used, by the variant's id: tokens alone, requests are not counted.

    An endpoint that counts no tokens of a prompt counts nothing; and of choices scored there not all requests are kept.
    """
    rows = store.execute(
        "SELECT variant_id, count(*) AS items, sum(is_unknown) AS unknown, sum(iif(is_unknown, 0, prompt_tokens)) AS prompt_tokens,"
        " sum(iif(is_unknown, 0, coalesce(completion_tokens, 0))) AS completion_tokens FROM"
        " (SELECT DISTINCT variant.id AS variant_id, answer.id, answer.prompt_tokens, answer.completion_tokens,"
        "  coalesce(answer.prompt_tokens, 0) = 0 OR answer.choice_scores IS NOT NULL AS is_unknown FROM variant"
        "  JOIN variant_answer va ON va.variant_id = variant.id JOIN answer ON answer.id = va.answer_id"
        "  WHERE variant.run_id = ? AND variant.engine = 'openai') GROUP BY variant_id",
        (run_id,),
    )
    return {
        row["variant_id"]: Used(
            Usage(None, row["prompt_tokens"], None, row["completion_tokens"]),
            row["items"],
            row["unknown"],
            row["items"],
        )
        for row in rows
    }


@dataclass(frozen=True, slots=True)
class EarlierQuestion:
    """What a judge was asked about one answer, or about two, and what that used."""

    task: Task
    text: str
    second: str | None
    """The other answer that a pairwise judge was shown."""
    usage: Usage


def earlier_questions(store: Store, judge: str, fingerprint: str, most: int) -> list[EarlierQuestion]:
    """Return the newest questions to a judge, in any run, whose tokens are known.

    Later turns of conversations are left out: what they were asked with depends on the run.
    """
    columns = f"{tasks.COLUMNS}, answer.text, {', '.join(f'asked.{name}' for name in Usage.__dataclass_fields__)}"
    known = (
        "asked.judge = ? AND asked.fingerprint = ? AND asked.requests > 0 AND asked.prompt_tokens > 0"
        " AND asked.completion_tokens IS NOT NULL AND task.follows IS NULL ORDER BY asked.id DESC LIMIT ?"
    )
    of_one = store.execute(
        f"SELECT {columns}, NULL AS second FROM grade asked JOIN answer ON answer.id = asked.answer_id"
        f" JOIN task ON task.id = asked.task_id WHERE asked.grade IS NOT NULL AND {known}",
        (judge, fingerprint, most),
    ).fetchall()
    of_two = store.execute(
        f"SELECT {columns}, other.text AS second FROM preference asked JOIN answer ON answer.id = asked.first_id"
        " JOIN answer other ON other.id = asked.second_id JOIN task ON task.id = asked.task_id"
        f" WHERE asked.choice IS NOT NULL AND {known}",
        (judge, fingerprint, most),
    ).fetchall()
    return [
        EarlierQuestion(tasks.task(store, row), row["text"], row["second"], _usage(row)) for row in (*of_one, *of_two)
    ]


def _of_batches(store: Store, run_id: int, *, has_grade: bool) -> dict[tuple[str, str], Used]:
    """What batches replied to questions of the run that have a grade from a batch by now, or that have none."""
    return _by_judge(
        store.execute(
            f"WITH {_PLACE} SELECT batch.judge, batch.fingerprint, count(DISTINCT question.key) AS items,"
            f" sum({_IS_UNKNOWN.format('question.')}) AS unknown, sum(question.cached_tokens IS NULL) AS cache_unknown,"
            f" {_SUMS.replace('sum(', 'sum(question.')} FROM place JOIN batch_question question USING (answer_id, task_id)"
            " JOIN batch ON batch.id = question.batch WHERE question.outcome IN ('graded', 'ungraded', 'again')"
            " AND (question.second_id IS NULL OR (question.second_id, question.task_id) IN (SELECT answer_id, task_id FROM place))"
            f" AND {'' if has_grade else 'NOT '}EXISTS (SELECT 1 FROM batch_question other WHERE other.key = question.key"
            "  AND other.outcome IN ('graded', 'ungraded')) GROUP BY batch.judge, batch.fingerprint",
            (run_id,),
        )
    )


def _by_judge(rows: Iterable[sqlite3.Row]) -> dict[tuple[str, str], Used]:
    return {(row["judge"], row["fingerprint"]): _used(row) for row in rows}


def _used(row: sqlite3.Row) -> Used:
    return Used(_usage(row), row["items"], row["unknown"], row["cache_unknown"])


def _usage(row: sqlite3.Row) -> Usage:
    return Usage(row["requests"], row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"])


def _less(whole: Usage, part: Usage) -> Usage:
    counts = (max(0, (getattr(whole, name) or 0) - (getattr(part, name) or 0)) for name in Usage.__dataclass_fields__)
    return Usage(*counts)


def _unknown_less(whole: Used, part: Used) -> tuple[int, int]:
    return max(0, whole.unknown - part.unknown), max(0, whole.cache_unknown - part.cache_unknown)
