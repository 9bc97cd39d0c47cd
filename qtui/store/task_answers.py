"""One task of one model for the panes: every variant's answers with their grades; and the list of all tasks.

Each query reads a few rows by index, so that the next task appears at once. Figures over many tasks are computed in the analysis.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from qtui.records import Task, Thoughts, Turn
from qtui.store import conversations, grades, preferences, scores, tasks
from qtui.store.blanks import BLANKS
from qtui.store.connection import Store
from qtui.store.notes import Note
from qtui.store.preferences import PreferenceLine

HEAD = 200
"""Characters of a task's input in the list."""


@dataclass(frozen=True, slots=True)
class GradeLine:
    judge: str
    take: int
    grade: int | None
    """None is ungraded: the judge was asked and no reply could be read."""
    reason: str


@dataclass(frozen=True, slots=True)
class ScoreLine:
    scorer: str
    score: float | None
    """0 to 1; None is unscored."""
    reason: str
    """What was taken from the answer, or why there is no score."""


@dataclass(frozen=True, slots=True)
class SideAnswer:
    """One sample of one variant's answer."""

    answer_id: int
    sample: int
    text: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float | None
    grades: tuple[GradeLine, ...]
    """The current grades in the run (see `grades`), by judge and take."""
    thoughts: Thoughts | None = None
    """None if the text is all that the model wrote."""
    scores: tuple[ScoreLine, ...] = ()
    """The current scores in the run, by scorer."""
    earlier: tuple[Turn, ...] = ()
    """The turns before it in its conversation, with this variant's answers."""


@dataclass(frozen=True, slots=True)
class Side:
    """One variant's answers to the task by sample number; empty if it has not answered yet."""

    variant: str
    is_baseline: bool
    engine: str
    precision: str
    state: str
    reason: str
    """Why the variant failed, if it did."""
    answers: tuple[SideAnswer, ...]


@dataclass(frozen=True, slots=True)
class TaskSides:
    task_id: int
    task: Task
    note: Note
    sides: tuple[Side, ...]
    """In the order of the experiment."""
    preferences: tuple[PreferenceLine, ...] = ()
    """Which of two answers the run's judges that compare prefer, by candidate, sample, judge, take and order."""

    def side(self, variant: str | None) -> Side | None:
        return next((side for side in self.sides if side.variant == variant), None)


def sides(store: Store, run_id: int, model: str, task: int) -> TaskSides | None:
    """Return the task at this 1-based position with all answers; None if the run has no such task."""
    task_row = store.execute(
        "SELECT task.* FROM task JOIN run USING (task_set_id) WHERE run.id = ? AND task.position = ?", (run_id, task)
    ).fetchone()
    if task_row is None:
        return None
    task_id = int(task_row["id"])
    earlier = conversations.earlier_turns(store, run_id, task) if task_row["follows"] is not None else {}
    answers = _answers(store, run_id, model, task_id, earlier)
    variants = store.execute(
        "SELECT id, name, is_baseline, engine, precision, state, reason FROM variant WHERE run_id = ? AND model = ?"
        " ORDER BY position",
        (run_id, model),
    ).fetchall()
    return TaskSides(
        task_id,
        tasks.task(store, task_row),
        _note(store, run_id, model, task_id),
        tuple(
            Side(
                row["name"], bool(row["is_baseline"]), row["engine"], row["precision"], row["state"], row["reason"],
                tuple(answers.get(row["id"], ())),
            )
            for row in variants
        ),
        preferences.of_task(store, run_id, model, task_id),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Extent:
    """An answer's size: enough for the flags of a list. `length` is in characters, without blanks at the ends."""

    length: int
    truncated: bool
    is_unfinished: bool = False
    """Whether the model's text ended inside a thought."""


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One row of the list of tasks. An extent is that of the first sample, None without an answer."""

    task: int
    head: str
    """The beginning of the input."""
    baseline: Extent | None
    candidate: Extent | None
    note: Note


def task_lines(store: Store, run_id: int, model: str, baseline: str | None, candidate: str | None) -> list[TaskLine]:
    """Return all tasks of the run in order."""
    extents = {name: _extents(store, run_id, model, name) for name in (baseline, candidate) if name is not None}
    notes = {
        row["task_id"]: Note(bool(row["starred"]), row["comment"])
        for row in store.execute(
            "SELECT task_id, starred, comment FROM note WHERE run_id = ? AND model = ?", (run_id, model)
        )
    }
    rows = store.execute(
        "SELECT task.id, task.position, substr(task.input, 1, ?) AS head FROM task JOIN run USING (task_set_id)"
        " WHERE run.id = ? ORDER BY task.position",
        (HEAD, run_id),
    )
    none: dict[int, Extent] = {}
    return [
        TaskLine(
            row["position"],
            row["head"],
            extents.get(baseline or "", none).get(row["id"]),
            extents.get(candidate or "", none).get(row["id"]),
            notes.get(row["id"], Note()),
        )
        for row in rows
    ]


def tasks_containing(store: Store, run_id: int, model: str, needle: str, variants: Iterable[str]) -> frozenset[int]:
    """Return positions of tasks whose input, reference, criteria, comment or an answer of the variants contains `needle`.

    ASCII letters match in either case.
    """
    names = tuple(variants)
    pattern = "%" + needle.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    rows = store.execute(
        "SELECT task.position FROM task JOIN run USING (task_set_id) WHERE run.id = :run AND"
        " (task.input LIKE :like ESCAPE '\\' OR task.reference LIKE :like ESCAPE '\\' OR task.criteria LIKE :like ESCAPE '\\'"
        "  OR EXISTS (SELECT 1 FROM note WHERE note.run_id = run.id AND note.model = :model AND note.task_id = task.id"
        "   AND note.comment LIKE :like ESCAPE '\\'))"
        " UNION SELECT task.position FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
        " JOIN answer ON answer.id = va.answer_id JOIN task ON task.id = va.task_id"
        " WHERE variant.run_id = :run AND variant.model = :model"
        " AND (answer.text LIKE :like ESCAPE '\\' OR answer.thinking LIKE :like ESCAPE '\\')"
        f" AND variant.name IN ({','.join(f':v{i}' for i in range(len(names)))})",
        {"run": run_id, "model": model, "like": pattern} | {f"v{i}": name for i, name in enumerate(names)},
    )
    return frozenset(row["position"] for row in rows)


def differing_answers(store: Store, run_id: int, model: str, baseline: str) -> dict[str, int]:
    """Return, by variant of the model, how many answers differ from the baseline's to the same task and sample.

    Variants without a differing answer are left out.
    """
    rows = store.execute(
        "SELECT other.name, count(*) AS differing FROM variant base"
        " JOIN variant_answer base_va ON base_va.variant_id = base.id JOIN answer base_answer ON base_answer.id = base_va.answer_id"
        " JOIN variant other ON other.run_id = base.run_id AND other.model = base.model AND other.id <> base.id"
        " JOIN variant_answer other_va ON other_va.variant_id = other.id AND other_va.task_id = base_va.task_id"
        "  AND other_va.sample = base_va.sample"
        " JOIN answer other_answer ON other_answer.id = other_va.answer_id"
        " WHERE base.run_id = ? AND base.model = ? AND base.name = ? AND other_answer.text <> base_answer.text"
        " GROUP BY other.id ORDER BY other.position",
        (run_id, model, baseline),
    )
    return {row["name"]: row["differing"] for row in rows}


def _answers(
    store: Store, run_id: int, model: str, task_id: int, earlier: conversations.Earlier
) -> dict[int, list[SideAnswer]]:
    rows = store.execute(
        "SELECT va.variant_id, va.sample, answer.* FROM variant JOIN variant_answer va ON va.variant_id = variant.id"
        " JOIN answer ON answer.id = va.answer_id WHERE variant.run_id = ? AND variant.model = ? AND va.task_id = ?"
        " ORDER BY va.variant_id, va.sample",
        (run_id, model, task_id),
    ).fetchall()
    graded = _grades(store, run_id, task_id, {row["id"] for row in rows})
    scored = _scores(store, run_id, task_id, {row["id"] for row in rows})
    by_variant: dict[int, list[SideAnswer]] = {}
    for row in rows:
        by_variant.setdefault(row["variant_id"], []).append(
            SideAnswer(
                row["id"], row["sample"], row["text"], row["finish_reason"], row["prompt_tokens"],
                row["completion_tokens"], row["seconds"], tuple(graded.get(row["id"], ())), _thoughts(row),
                tuple(scored.get(row["id"], ())), earlier.get((row["id"], task_id), ()),
            )
        )  # fmt: skip
    return by_variant


def _thoughts(row: sqlite3.Row) -> Thoughts | None:
    if not row["thinking"] and row["whole"] is None and not row["thinking_tokens"] and not row["thought_unfinished"]:
        return None
    return Thoughts(row["thinking"], row["whole"], row["thinking_tokens"], bool(row["thought_unfinished"]))


def _grades(store: Store, run_id: int, task_id: int, answer_ids: set[int]) -> dict[int, list[GradeLine]]:
    by_answer: dict[int, list[GradeLine]] = {}
    for row in grades.of_answers(store, run_id, task_id, answer_ids):
        line = GradeLine(row["judge"], row["take"], row["grade"], row["reason"])
        by_answer.setdefault(row["answer_id"], []).append(line)
    return by_answer


def _scores(store: Store, run_id: int, task_id: int, answer_ids: set[int]) -> dict[int, list[ScoreLine]]:
    by_answer: dict[int, list[ScoreLine]] = {}
    for row in scores.of_answers(store, run_id, task_id, answer_ids):
        by_answer.setdefault(row["answer_id"], []).append(ScoreLine(row["scorer"], row["score"], row["reason"]))
    return by_answer


def _extents(store: Store, run_id: int, model: str, variant: str) -> dict[int, Extent]:
    rows = store.execute(
        f"SELECT va.task_id, length(trim(answer.text, {BLANKS})) AS length, answer.finish_reason = 'length' AS truncated,"
        " answer.thought_unfinished"
        " FROM variant JOIN variant_answer va ON va.variant_id = variant.id JOIN answer ON answer.id = va.answer_id"
        " WHERE variant.run_id = ? AND variant.model = ? AND variant.name = ? ORDER BY va.sample DESC",
        (run_id, model, variant),
    )
    return {
        row["task_id"]: Extent(row["length"], bool(row["truncated"]), bool(row["thought_unfinished"])) for row in rows
    }


def _note(store: Store, run_id: int, model: str, task_id: int) -> Note:
    row = store.execute(
        "SELECT starred, comment FROM note WHERE run_id = ? AND model = ? AND task_id = ?", (run_id, model, task_id)
    ).fetchone()
    return Note(bool(row["starred"]), row["comment"]) if row else Note()
