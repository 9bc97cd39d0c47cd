"""New runs: adding a run with its variants, judges and tasks.

A run is identified by its experiment's name and its plan (the hash of everything the experiment resolved to), so the same command
after a crash resumes the same run, and a changed experiment is a new run.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qtui.records import Role, ScorerSpec, TaskSet
from qtui.store import judges, leases, scores, tasks
from qtui.store.connection import Store


@dataclass(frozen=True, slots=True)
class NewVariant:
    model: str
    name: str
    is_baseline: bool
    engine: str
    precision: str
    weights: str
    expected: int
    conditions: dict[str, Any]
    role: Role | None = None
    """None means baseline or candidate, depending on `is_baseline`."""


@dataclass(frozen=True, slots=True)
class NewJudge:
    label: str
    takes: int
    fingerprint: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewRun:
    experiment: str
    plan: str
    definition: str
    source: str
    """`run` or `import`."""
    origin: str
    task_set: TaskSet
    variants: Sequence[NewVariant]
    judges: Sequence[NewJudge] = ()
    date: str = ""
    """The date that templates are told, as 2026-01-31. Empty: that of the experiment's newest run, else today."""
    scorers: Sequence[tuple[ScorerSpec, str]] = ()
    """With their fingerprints."""


def add(store: Store, new: NewRun) -> int:
    """Return the id of the run of this plan: the existing run (with its judges updated), or a new one."""
    with store.writing():
        task_set_id = _add_task_set(store, new.task_set)
        row = store.execute(
            "SELECT id FROM run WHERE experiment = ? AND plan = ?", (new.experiment, new.plan)
        ).fetchone()
        run_id = int(row["id"]) if row else _insert_run(store, new, task_set_id)
        facts = json.dumps([asdict(each) for each in new.task_set.facts], ensure_ascii=False)
        store.execute(
            "UPDATE run SET definition = ?, origin = ?, task_set_facts = ? WHERE id = ?",
            (new.definition, new.origin, facts, run_id),
        )
        for position, variant in enumerate(new.variants):
            conditions = json.dumps(variant.conditions, ensure_ascii=False, sort_keys=True)
            store.execute(
                "INSERT INTO variant (run_id, position, model, name, is_baseline, engine, precision, weights, expected,"
                " conditions, role) VALUES (?,?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT (run_id, model, name) DO UPDATE SET role = excluded.role",
                (run_id, position, variant.model, variant.name, variant.is_baseline, variant.engine,
                 variant.precision, variant.weights, variant.expected, conditions,
                 variant.role or ("baseline" if variant.is_baseline else "candidate")),
            )  # fmt: skip
        for judge in new.judges:
            judges.put(store, run_id, judge.label, judge.fingerprint, takes=judge.takes, settings=judge.settings)
            if new.source == "run" and not leases.holder(store, run_id):
                judges.make_newest(store, run_id, judge.label, judge.fingerprint, before_added=False)
        for spec, fingerprint in new.scorers:
            scores.put(store, run_id, spec, fingerprint)
    return run_id


def _insert_run(store: Store, new: NewRun, task_set_id: int) -> int:
    state = "done" if new.source == "import" else "waiting"
    now = time.time()
    cursor = store.execute(
        "INSERT INTO run (experiment, plan, definition, source, origin, task_set_id, state, created, ended, date)"
        " VALUES (?,?,?,?,?,?,?,?,?,?)",
        (new.experiment, new.plan, new.definition, new.source, new.origin, task_set_id, state, now,
         now if state == "done" else None, new.date or _date_of_experiment(store, new.experiment)),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def _date_of_experiment(store: Store, experiment: str) -> str:
    """Return one date for all runs of an experiment: with another date in their prompts, they could share no answer."""
    row = store.execute(
        "SELECT date FROM run WHERE experiment = ? AND date <> '' ORDER BY created DESC, id DESC LIMIT 1", (experiment,)
    ).fetchone()
    return str(row["date"]) if row else time.strftime("%Y-%m-%d")


def _add_task_set(store: Store, task_set: TaskSet) -> int:
    row = store.execute("SELECT id FROM task_set WHERE hash = ?", (task_set.hash,)).fetchone()
    if row:
        return int(row["id"])
    cursor = store.execute(
        "INSERT INTO task_set (hash, name, source) VALUES (?,?,?)",
        (task_set.hash, task_set.name, task_set.source),
    )
    store.executemany(
        "INSERT INTO task (task_set_id, position, input, reference, criteria, category, subset, follows, expected)"
        " VALUES (?,?,?,?,?,?,?,?,?)",
        [(cursor.lastrowid, position, *tasks.values(task)) for position, task in enumerate(task_set.tasks, start=1)],
    )
    return int(cursor.lastrowid or 0)
