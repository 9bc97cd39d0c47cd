"""The builder of every test's store: a new run, its answers, its grades, its begin and its end.

Each step is a small function over the store's public functions. A few facts that no function of the store writes (times of the
past, a dead runner, a judge of an older version) are put into its rows at the end of this file, each by one statement.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from qtui.judges import fingerprint
from qtui.records import Answer, Grade, JudgeSpec, Role, Task, TaskSet, content_hash
from qtui.run_progress import JudgeState, VariantProgress
from qtui.store import Store, answers, grades, judges, leases, new_runs, runs
from qtui.store.task_answers import sides


def variants(
    task_set: TaskSet,
    names: Sequence[str],
    model: str = "m",
    *,
    baseline: str = "FP16",
    engine: str = "llama.cpp",
    roles: Mapping[str, Role] | None = None,
    conditions: dict[str, Any] | None = None,
) -> list[new_runs.NewVariant]:
    """Return variants of one model, each of which has one answer to every task to give."""
    return [
        new_runs.NewVariant(
            model=model,
            name=name,
            is_baseline=name == baseline,
            engine=engine,
            precision=name,
            weights=f"{model}:{name}",
            expected=len(task_set.tasks),
            conditions=conditions or {},
            role=(roles or {}).get(name),
        )
        for name in names
    ]


def new_run(
    store: Store,
    experiment: str,
    task_set: TaskSet,
    variants: Sequence[new_runs.NewVariant],
    *,
    judges: Sequence[new_runs.NewJudge] = (),
    source: str = "run",
    origin: str = "",
    definition: str = "",
) -> int:
    """Return the id of a run without answers. The same experiment with the same variants is the same run."""
    plan = content_hash(experiment, [(variant.model, variant.name) for variant in variants])
    return new_runs.add(
        store, new_runs.NewRun(experiment, plan, definition, source, origin, task_set, variants, judges)
    )


def answer_all(store: Store, run_id: int, answer_of: Callable[[VariantProgress, int, Task], Answer]) -> None:
    """Fill every place of a run with `answer_of(variant, task number, task)`; tasks are numbered from 1."""
    [run] = runs.summaries(store, [run_id])
    tasks = runs.tasks(store, run_id)
    answers.commit_many(
        store,
        [
            (answers.Link(variant.id, task_id, 0), answer_of(variant, number, task))
            for variant in run.variants
            for number, (task_id, task) in enumerate(tasks, start=1)
        ],
    )


def answer(
    store: Store, run_id: int, variant: str, number: int, given: Answer, *, model: str | None = None, sample: int = 0
) -> int:
    """Give a variant (of the first model, or of the one named) this answer to a task, in place of an earlier one. Its id."""
    [run] = runs.summaries(store, [run_id])
    variant_id = next(each.id for each in run.variants if each.name == variant and model in (None, each.model))
    task_id = runs.tasks(store, run_id)[number - 1][0]
    return answers.commit(store, answers.Link(variant_id, task_id, sample), given)


def grade(
    store: Store,
    run_id: int,
    values: Mapping[str, Sequence[int | None]],
    *,
    judge: str,
    fingerprint: str = "f",
    take: int = 1,
    reasons: str | Sequence[str] = "",
) -> None:
    """Grade the answers of variants: variant → a grade per task, None for *ungraded*. Tasks beyond the last grade get none.

    `reasons` is one reason for all grades or one per task.
    """
    keys = {(place.answer_id, place.task_id): key for (key, _), place in grades.places(store, run_id).items()}
    graded: list[tuple[grades.Place, Grade]] = []
    for model in runs.summaries(store, [run_id])[0].models:
        for number in range(1, max(map(len, values.values()), default=0) + 1):
            of_task = sides(store, run_id, model, number)
            assert of_task is not None, f"the run has no task {number}"
            for side in of_task.sides:
                for value in values.get(side.variant, ())[number - 1 : number]:
                    for each in side.answers:
                        place = grades.Place(each.answer_id, of_task.task_id)
                        answer_key = keys[place.answer_id, place.task_id]
                        key = grades.key(answer_key, of_task.task.hash, judge, fingerprint, take)
                        reason = reasons if isinstance(reasons, str) else reasons[number - 1]
                        graded.append((place, Grade(key, judge, take, value, reason, fingerprint)))
    grades.commit(store, graded)


def add_judge(store: Store, run_id: int, label: str, fingerprint: str = "f") -> None:
    """Give the run another judge, which is done."""
    with store.writing():
        judges.put(store, run_id, label, fingerprint, takes=1, settings={})
    set_judge(store, run_id, fingerprint, "done")


def put_judge(store: Store, run_id: int, spec: JudgeSpec) -> None:
    """Give the run another judge, which is asked, as its newest."""
    with store.writing():
        judges.ask(store, run_id, spec.label, fingerprint(spec), takes=spec.takes, settings=asdict(spec))


def set_judge(store: Store, run_id: int, fingerprint: str, state: JudgeState) -> None:
    """Set the state of the run's judge with these settings."""
    judge = next(each for each in runs.summaries(store, [run_id])[0].judges if each.fingerprint == fingerprint)
    runs.set_judge(store, judge.id, state)


def begin(store: Store, run_id: int, ends: Sequence[str] = (), ends_at: float | None = None) -> None:
    """Make this process the runner of the run, so that the run counts as running."""
    leases.take(store, run_id, ends, ends_at)
    runs.begin(store, run_id)


def finish(store: Store, run_id: int) -> None:
    """Set the run, its variants and its judges to done."""
    [run] = runs.summaries(store, [run_id])
    for variant in run.variants:
        runs.set_variant(store, variant.id, state="done")
    for judge in run.judges:
        runs.set_judge(store, judge.id, "done")
    runs.set_state(store, run_id, "done")


def date_answer(store: Store, answer_id: int, created: float) -> None:
    """Set when an answer was given: the store writes the present time alone."""
    store.execute("UPDATE answer SET created = ? WHERE id = ?", (created, answer_id))


def date_run(store: Store, run_id: int, state: str, *, started: float, ended: float | None) -> None:
    """Set state and times of a run and leave its attempts, as an older qtui, which kept none, left it."""
    store.execute("UPDATE run SET state = ?, started = ?, ended = ? WHERE id = ?", (state, started, ended, run_id))


def move_back(store: Store, seconds: float, columns: Mapping[str, Sequence[str]]) -> None:
    """Put times into the past: table → its columns. The store writes the present time alone."""
    for table, names in columns.items():
        moved = ", ".join(f"{name} = {name} - {seconds}" for name in names)
        store.execute(f"UPDATE {table} SET {moved}")


def lose_runner(store: Store, run_id: int) -> None:
    """Let the lease be that of a process which is dead: its pid belongs to another one now."""
    store.execute("UPDATE lease SET pid_started = 1 WHERE run_id = ?", (run_id,))


def age_judges(store: Store, run_id: int) -> None:
    """Let the run's judges have settings that this version of qtui would not give them."""
    store.execute("UPDATE judge SET fingerprint = 'another version' WHERE run_id = ?", (run_id,))


def forget_how_judges_are_asked(store: Store) -> None:
    """Leave the judges as an older qtui left them, which did not keep how they were asked."""
    store.execute("UPDATE judge SET facts = '{}'")
