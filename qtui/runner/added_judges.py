"""Judges that a user added to a run after its start, beside those of its experiment. A run of imported answers has only these.

Every runner of the run asks an added judge until all answers are graded. A judge that failed before its first grade (a mistyped
model, an unreachable server) is asked again only if the user adds it again. An added judge can be removed from the run.
"""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgspec

from qtui.errors import UserError
from qtui.experiment import judges as experiment_judges
from qtui.judges import fingerprint
from qtui.records import JudgeSpec
from qtui.store import Store, batches, judges, leases, runs
from qtui.store.judges import StoredJudge

ADDRESS_FIELDS = ("base_url", "api_key_env")
"""The fields of a judge that decide where it is asked."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A judge that was removed from a run."""

    run_id: int
    grades: int
    """How many of its grades the run no longer shows."""
    is_in_experiment: bool
    """Whether a judge of the same label stays, because the run's experiment names it."""


def add(store: Store, run_id: int, spec: JudgeSpec) -> None:
    """Add a judge, which the next runner asks. Raises UserError if it is the experiment's judge at another address."""
    judge_hash = fingerprint(spec)
    settings = asdict(spec) | {judges.ADDED: True}
    with store.writing():
        experiment_judge = _experiment_judge(store, run_id, spec.label)
        if experiment_judge is not None and experiment_judge.fingerprint == judge_hash:
            _check_same_address(store, run_id, spec)
            settings = experiment_judge.settings
        judges.ask(store, run_id, spec.label, judge_hash, takes=spec.takes, settings=settings)


def judges_of(store: Store, run_id: int) -> list[JudgeSpec]:
    """The added judges that the next runner asks, or whose batches it fetches."""
    return [
        msgspec.convert({key: value for key, value in judge.settings.items() if key != judges.ADDED}, JudgeSpec)
        for judge in judges.of_run(store, run_id)
        if judge.settings.get(judges.ADDED) and (judge.state != "failed" or _is_asked_again(store, judge))
    ]


def _is_asked_again(store: Store, judge: StoredJudge) -> bool:
    """Return whether a judge that failed is asked again without being added again."""
    return judges.has_graded(store, judge) or bool(batches.open_of_judge(store, judge.label, judge.fingerprint))


def with_advice(judge: StoredJudge, reason: str, *, has_graded: bool) -> str:
    """Return why a judge failed, with what to do if a user added it."""
    if not judge.settings.get(judges.ADDED):
        return reason
    advice = f"{removal_command(judge.label)} removes it from the run."
    if not has_graded:
        advice = f"It is not asked again unless you add it again with `qtui judge`; {advice}"
    return f"{reason.removesuffix('.')}. {advice}"


def removal_command(label: str) -> str:
    return f"`qtui judge remove {shlex.quote(label)}`"


def remove(store: Store, run_ids: Sequence[int], label: str) -> list[Removed]:
    """Remove a judge from the runs that have it; its grades stay in the store.

    Raises UserError, and removes nothing, if no run has the judge, if a run that has it is running, or if all of them have it from
    their experiments.
    """
    with store.writing():
        with_judge = [run_id for run_id in run_ids if label in _labels(store, run_id)]
        if not with_judge:
            raise UserError(_unknown_judge_problem(store, run_ids, label))
        for run_id in with_judge:
            if holder := leases.holder(store, run_id):
                raise UserError(
                    f"Run {run_id} is running ({holder}). Wait until it ends or cancel it (`qtui cancel {run_id}`), then remove the"
                    " judge."
                )
        removed = [each for each in (_remove(store, run_id, label) for run_id in with_judge) if each is not None]
        if not removed:
            raise UserError(_experiment_judge_problem(store, with_judge[0], label))
        return removed


def _check_same_address(store: Store, run_id: int, spec: JudgeSpec) -> None:
    """Raises UserError if the address differs from the experiment's, which the next start would use again."""
    named = next(judge for judge in _named_judges(store, run_id) if judge.label == spec.label)
    if any(getattr(named, name) != getattr(spec, name) for name in ADDRESS_FIELDS):
        raise UserError(
            f"run {run_id}: the judge {spec.label} belongs to its experiment, which sets its address (base_url, api_key_env)."
            f" Change the address in {_origin(store, run_id)} and start the run again."
        )


def _remove(store: Store, run_id: int, label: str) -> Removed | None:
    """Remove the added judges of that label. Returns None if the run has only the experiment's judge."""
    experiment_judge = _experiment_judge(store, run_id, label)
    labelled = [judge for judge in judges.of_run(store, run_id) if judge.label == label]
    removable = [judge for judge in labelled if experiment_judge is None or judge.settings.get(judges.ADDED)]
    if not removable:
        return None
    count = sum(judges.count_grades(store, judge) for judge in removable)
    judges.remove(store, removable)
    for judge in removable:
        runs.forget_failure(store, run_id, f"{judge.label}: {judge.reason}")
    return Removed(run_id, count, is_in_experiment=experiment_judge is not None)


def _experiment_judge(store: Store, run_id: int, label: str) -> StoredJudge | None:
    """The judge of that label that the run's experiment names: the newest one without the mark of an added judge."""
    if label not in {judge.label for judge in _named_judges(store, run_id)}:
        return None
    rows = [
        judge for judge in judges.of_run(store, run_id) if judge.label == label and not judge.settings.get(judges.ADDED)
    ]
    return rows[-1] if rows else None


def _named_judges(store: Store, run_id: int) -> tuple[JudgeSpec, ...]:
    if runs.summaries(store, [run_id])[0].source != "run":
        return ()
    return experiment_judges.named(runs.definition(store, run_id))


def _origin(store: Store, run_id: int) -> str:
    return runs.summaries(store, [run_id])[0].origin


def _unknown_judge_problem(store: Store, run_ids: Sequence[int], label: str) -> str:
    present = sorted({each for run_id in run_ids for each in _labels(store, run_id)})
    which = f"run {run_ids[0]} has" if len(run_ids) == 1 else f"runs {', '.join(map(str, run_ids))} have"
    return f'{which} no judge "{label}" ' + (f"(judges: {', '.join(present)})" if present else "(no judges at all)")


def _labels(store: Store, run_id: int) -> list[str]:
    return [judge.label for judge in judges.of_run(store, run_id)]


def _experiment_judge_problem(store: Store, run_id: int, label: str) -> str:
    file = shlex.quote(_origin(store, run_id))
    return (
        f"run {run_id}: the judge {label} belongs to its experiment. To remove it, delete its [[judges]] table from"
        f" {file}, start `qtui run {file}` again, and then repeat this command."
    )
