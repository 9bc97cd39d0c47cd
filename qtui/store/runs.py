"""Runs, their variants and judges: changing their state, and summaries for the panes. `new_runs` adds them."""

import json
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

from qtui import paths
from qtui.processes import events, log_end
from qtui.records import Task, TaskSet
from qtui.run_progress import DAMAGED, JudgeState, RunState, RunSummary, VariantState
from qtui.secrets import url_secrets
from qtui.store import attempts, expected_schema, json_columns, leases, run_counts, run_rows
from qtui.store import tasks as task_rows
from qtui.store.connection import Store
from qtui.store.errors import StoreDamagedError
from qtui.variant_facts import VariantFacts


def exists(store: Store, experiment: str, plan: str) -> bool:
    """Return whether the store has a run of this plan."""
    return id_of(store, experiment, plan) is not None


def id_of(store: Store, experiment: str, plan: str) -> int | None:
    """Return the id of the run of this plan; None if the store has none."""
    row = store.execute("SELECT id FROM run WHERE experiment = ? AND plan = ?", (experiment, plan)).fetchone()
    return None if row is None else int(row["id"])


def begin(store: Store, run_id: int) -> None:
    """Start an attempt of the runner that holds the lease. Clears state left by an interrupted attempt."""
    now = time.time()
    with store.writing():
        store.execute(
            "UPDATE run SET state = 'running', reason = '', request = '', ended = NULL,"
            " started = coalesce(started, ?) WHERE id = ?",
            (now, run_id),
        )
        attempts.begin(store, run_id, now)
        store.execute(
            "UPDATE variant SET state = 'waiting', phase = '', reason = '' WHERE run_id = ?"
            " AND (SELECT source FROM run WHERE id = run_id) = 'run'",
            (run_id,),
        )


def set_state(store: Store, run_id: int, state: RunState, reason: str = "") -> None:
    """Set the state of a run. When it ends, its unfinished variants and judges are cancelled with it.

    `waiting` ends only the attempt: batches of its judges are under way, and a later runner fetches them.
    """
    events.changed(f"run {run_id}", state, reason)
    now = time.time()
    ended = now if state in ("done", "failed", "cancelled", "stopped") else None
    if state == "waiting":
        with store.writing():
            store.execute("UPDATE run SET state = ?, reason = ? WHERE id = ?", (state, reason, run_id))
            attempts.end(store, run_id, state, now)
        return
    with store.writing():
        store.execute("UPDATE run SET state = ?, reason = ?, ended = ? WHERE id = ?", (state, reason, ended, run_id))
        if state == "paused":
            attempts.pause(store, run_id, now)
        elif state == "running":
            _exclude_pause(store, run_id, attempts.resume(store, run_id, now))
        if ended:
            attempts.end(store, run_id, state, ended)
            store.execute(
                "UPDATE variant SET state = 'cancelled', phase = ''"
                " WHERE run_id = ? AND state IN ('preparing', 'loading', 'answering')",
                (run_id,),
            )
            store.execute("UPDATE judge SET state = 'cancelled' WHERE run_id = ? AND state = 'grading'", (run_id,))
            store.execute("UPDATE scorer SET state = 'cancelled' WHERE run_id = ? AND state = 'scoring'", (run_id,))


def _exclude_pause(store: Store, run_id: int, pause: float) -> None:
    """Move the start of answering by the length of the pause (seconds): the remaining time is estimated from that start."""
    if pause > 0:
        _move_start_of_answering(store, run_id, pause)


def _move_start_of_answering(store: Store, run_id: int, seconds: float) -> None:
    store.execute(
        "UPDATE variant SET facts = json_set(facts, '$.answering_started', json_extract(facts, '$.answering_started') + ?)"
        " WHERE run_id = ? AND state = 'answering' AND json_extract(facts, '$.answering_started') IS NOT NULL",
        (seconds, run_id),
    )


def move_clock(store: Store, run_id: int, seconds: float) -> None:
    """Move the times from which durations of a running run are computed, because the clock was set by so many seconds.

    The machine's sleep counts as such, too: the clock goes on, and no work is done.
    """
    with store.writing():
        if store.execute("SELECT count(*) FROM attempt WHERE run_id = ?", (run_id,)).fetchone()[0] == 1:
            store.execute("UPDATE run SET started = started + ? WHERE id = ?", (seconds, run_id))
        attempts.move(store, run_id, seconds)
        _move_start_of_answering(store, run_id, seconds)


def request(store: Store, run_id: int, command: str) -> None:
    """Ask the runner of a run to `cancel`, to `pause`, or to resume (empty). The runner checks about twice a second."""
    events.info(f"run {run_id}: request to {command or 'resume'}")
    with store.writing():
        store.execute("UPDATE run SET request = ? WHERE id = ?", (command, run_id))


def allow_cpu(store: Store, run_id: int) -> None:
    """Record that the user accepts the CPU for this run although the machine has a GPU that cannot be used."""
    with store.writing():
        store.execute("UPDATE run SET allows_cpu = 1 WHERE id = ?", (run_id,))


def allows_cpu(store: Store, run_id: int) -> bool:
    """Return whether the user accepts the CPU for this run: see `allow_cpu`."""
    row = store.execute("SELECT allows_cpu FROM run WHERE id = ?", (run_id,)).fetchone()
    return bool(row and row["allows_cpu"])


def date_of(store: Store, run_id: int) -> str:
    """Return the date that templates of the run's prompts are told, as 2026-01-31."""
    return str(store.execute("SELECT date FROM run WHERE id = ?", (run_id,)).fetchone()["date"])


def requested(store: Store, run_id: int) -> str:
    """Return the pending request of a run: see `request`."""
    row = store.execute("SELECT request FROM run WHERE id = ?", (run_id,)).fetchone()
    return str(row["request"]) if row else ""


def set_variant(
    store: Store,
    variant_id: int,
    *,
    state: VariantState | None = None,
    phase: str | None = None,
    reason: str | None = None,
    facts: VariantFacts | None = None,
    cleared: Sequence[str] = (),
    conditions: dict[str, Any] | None = None,
) -> None:
    """Change the fields that are not None. `facts` and `conditions` are merged into the existing ones.

    `cleared` are names of facts to remove.
    """
    if state:
        events.changed(f"variant {variant_id}", state, reason or phase or "")
    patch = {**dict.fromkeys(cleared), **(facts.values() if facts else {})}
    with store.writing():
        store.execute(
            "UPDATE variant SET state = coalesce(?, state), phase = coalesce(?, phase), reason = coalesce(?, reason),"
            " facts = json_patch(facts, ?), conditions = json_patch(conditions, ?) WHERE id = ?",
            (state, phase, reason, _to_json(patch), _to_json(conditions or {}), variant_id),
        )


def set_judge(store: Store, judge_id: int, state: JudgeState, reason: str = "") -> None:
    """Set the state of a judge."""
    events.changed(f"judge {judge_id}", state, reason)
    with store.writing():
        store.execute("UPDATE judge SET state = ?, reason = ? WHERE id = ?", (state, reason, judge_id))


def forget_failure(store: Store, run_id: int, failure: str) -> None:
    """Remove a reason of a failed run; if it was the only one, the run is done. Part of the caller's transaction."""
    row = store.execute("SELECT state, reason FROM run WHERE id = ?", (run_id,)).fetchone()
    if row["state"] != "failed":
        return
    for part in (f"; {failure}", f"{failure}; ", failure):
        if part in row["reason"]:
            others = row["reason"].replace(part, "", 1)
            store.execute(
                "UPDATE run SET reason = ?, state = ? WHERE id = ?", (others, "failed" if others else "done", run_id)
            )
            return


def delete(store: Store, run_id: int) -> None:
    """Delete a run. Its answers and grades stay in the store under their keys."""
    with store.writing():
        store.execute("DELETE FROM run WHERE id = ?", (run_id,))


def summaries(store: Store, run_ids: Sequence[int] | None = None) -> list[RunSummary]:
    """Return all runs (or those of `run_ids`), the newest first. Raises StoreDamagedError if a row of one is damaged."""
    run_rows.check(store, run_ids)
    return _summaries(store, run_ids)


def listed(store: Store, run_ids: Sequence[int] | None = None) -> list[RunSummary]:
    """Return runs as `summaries` does, for a list of them: a damaged one has the state DAMAGED, and its reason says what is."""
    try:
        return summaries(store, run_ids)
    except StoreDamagedError:
        if expected_schema.differences(store):
            raise  # not of single runs
        rows = store.execute("SELECT id FROM run ORDER BY created DESC, id DESC").fetchall()
    return [_listed(store, row["id"]) for row in rows if run_ids is None or row["id"] in run_ids]


def _listed(store: Store, run_id: int) -> RunSummary:
    try:
        return summaries(store, [run_id])[0]
    except StoreDamagedError as error:
        return RunSummary(run_id, f"run {run_id}", "run", "", DAMAGED, str(error), "", 0, 0.0, None, None, (), ())


def _summaries(store: Store, run_ids: Sequence[int] | None) -> list[RunSummary]:
    where, values = run_rows.where_in("run.id", run_ids)
    rows = store.execute(
        "SELECT run.*, task_set.name AS task_set, (SELECT count(*) FROM task WHERE task_set_id = run.task_set_id) AS tasks,"
        " lease.host, lease.pid, lease.pid_started, lease.heartbeat, coalesce(lease.ends, '[]') AS ends, lease.ends_at FROM run"
        f" JOIN task_set ON task_set.id = run.task_set_id LEFT JOIN lease ON lease.run_id = run.id {where}"
        " ORDER BY run.created DESC, run.id DESC",
        values,
    ).fetchall()
    counted = run_counts.of_runs(store, run_ids)
    states = [_effective_state(row) for row in rows]
    attempts_by_run = attempts.of_runs(store, run_ids)
    return [
        RunSummary(
            id=row["id"],
            experiment=row["experiment"],
            source=row["source"],
            origin=row["origin"],
            state=state,
            reason=url_secrets.mask(row["reason"])  # an older qtui stored addresses with their passwords
            or (_why_interrupted(row["id"]) if state == "interrupted" else ""),
            task_set=row["task_set"],
            tasks=row["tasks"],
            created=row["created"],
            started=row["started"],
            ended=row["ended"],
            variants=tuple(counted.variants.get(row["id"], ())),
            judges=tuple(counted.judges.get(row["id"], ())),
            attempts=tuple(attempts_by_run.get(row["id"], ())),
            ends=json_columns.value(store, "lease", "ends", row["ends"]),
            ends_at=row["ends_at"],
            scorers=tuple(counted.scorers.get(row["id"], ())),
        )
        for row, state in zip(rows, states, strict=True)
    ]


def experiments(store: Store, run_ids: Sequence[int]) -> dict[int, str]:
    """Return the experiment's name of each of the runs that the store has. Raises StoreDamagedError if a row of one is damaged."""
    run_rows.check(store, run_ids)
    where, values = run_rows.where_in("id", run_ids)
    return {
        int(row["id"]): str(row["experiment"])
        for row in store.execute(f"SELECT id, experiment FROM run {where}", values)
    }


def states(store: Store) -> list[tuple[int, str]]:
    """Return (id, stored state) of every run, in the order of `summaries`; cheap enough to call at every change."""
    rows = store.execute("SELECT id, state FROM run ORDER BY created DESC, id DESC")
    return [(int(row["id"]), str(row["state"])) for row in rows]


def count(store: Store) -> int:
    """Return the number of runs."""
    return int(store.execute("SELECT count(*) FROM run").fetchone()[0])


def latest_of_each_experiment(store: Store, experiment: str | None = None) -> list[int]:
    """Return the newest run of every experiment (or of `experiment`): the default runs of scores and lengths."""
    rows = store.execute(
        "SELECT id, experiment FROM run WHERE ? IS NULL OR experiment = ? ORDER BY created, id",
        (experiment, experiment),
    )
    newest = {row["experiment"]: int(row["id"]) for row in rows}
    return sorted(newest.values())


def definition(store: Store, run_id: int) -> str:
    """Return the experiment's TOML as of the last call of `new_runs.add` for this run."""
    return str(store.execute("SELECT definition FROM run WHERE id = ?", (run_id,)).fetchone()["definition"])


def tasks(store: Store, run_id: int) -> list[tuple[int, Task]]:
    """Return (id, task) of the run's task set, in order."""
    rows = store.execute(
        "SELECT task.* FROM task JOIN run ON run.task_set_id = task.task_set_id WHERE run.id = ? ORDER BY position",
        (run_id,),
    )
    return [(row["id"], task_rows.task(store, row)) for row in rows]


def task_set(store: Store, run_id: int) -> TaskSet:
    """Return the tasks that the run was started with."""
    row = store.execute(
        "SELECT task_set.name, task_set.source, run.task_set_facts FROM task_set"
        " JOIN run ON run.task_set_id = task_set.id WHERE run.id = ?",
        (run_id,),
    ).fetchone()
    facts = json_columns.value(store, "run", "task_set_facts", row["task_set_facts"])
    return TaskSet(row["name"], tuple(task for _, task in tasks(store, run_id)), row["source"], facts=facts)


def conditions(store: Store, run_ids: Sequence[int] | None = None) -> list[sqlite3.Row]:
    """Return (experiment, model, variant, engine, conditions JSON, facts JSON, state, reason, left_out) of each variant.

    For the guards. `left_out` are names with commas, as in the column of answers, possibly repeated; None if there are none.
    Raises StoreDamagedError if a row of the runs is damaged, so that the JSON is of its form.
    """
    run_rows.check(store, run_ids)
    where, values = run_rows.where_in("run.id", run_ids)
    return store.execute(
        "SELECT run.experiment, variant.model, variant.name AS variant, variant.engine, variant.conditions, variant.facts,"
        " variant.state, variant.reason, (SELECT group_concat(DISTINCT answer.left_out) FROM variant_answer va"
        "  JOIN answer ON answer.id = va.answer_id WHERE va.variant_id = variant.id AND answer.left_out != '') AS left_out"
        f" FROM variant JOIN run ON run.id = variant.run_id {where}"
        " ORDER BY run.id, variant.position",
        values,
    ).fetchall()


def conditions_of(store: Store, variant_id: int) -> dict[str, Any]:
    """Return the conditions of a variant: prompt (a hash), sampling (JSON), task_set (a hash), each possibly `unknown`."""
    row = store.execute("SELECT conditions FROM variant WHERE id = ?", (variant_id,)).fetchone()
    values: dict[str, Any] = json_columns.value(store, "variant", "conditions", row["conditions"])
    return values


def _effective_state(row: sqlite3.Row) -> str:
    """Return the stored state, or `interrupted` for an active run whose lease nobody holds."""
    state = str(row["state"])
    if state in ("running", "paused"):
        is_held = row["pid"] is not None and leases.is_held(
            row["host"], row["pid"], row["pid_started"], row["heartbeat"]
        )
        return state if is_held else "interrupted"
    return state


def _why_interrupted(run_id: int) -> str:
    """Return the reason of an interrupted run. Its runner could not store one, but its log may have an error or a crash."""
    file = paths.run_log(run_id)
    if said := log_end.last_error(file, f"the runner of run {run_id} in "):
        return f"The runner stopped, and could not write why into the store: {said.rstrip('.')}. Its log: {file}"
    return f"The runner stopped unexpectedly (killed, or power lost). Its log: {file}"


def _to_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
