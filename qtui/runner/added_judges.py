"""Judges that a person added to a run afterwards, beside those of its experiment. Imported answers have no others.

An added judge is asked until it has graded everything, but not for ever: one that failed before it gave a single grade (a mistyped
model, a server that is not there) is asked again only when a person names it again. It can be taken from the run, too.
"""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import msgspec

from qtui.errors import UserError
from qtui.experiment import experiment
from qtui.judges import fingerprint
from qtui.records import JudgeSpec
from qtui.store import Store, judges, leases, runs
from qtui.store.judges import StoredJudge

WHERE_ASKED = ("base_url", "api_key_env")


@dataclass(frozen=True, slots=True)
class Removed:
    """A judge that was taken from a run."""

    run_id: int
    grades: int
    """How many of its grades the run no longer shows."""
    is_in_experiment: bool
    """Whether a judge of the same label stays, because the run's experiment names it."""


def add(store: Store, run_id: int, spec: JudgeSpec) -> None:
    """Have the judge asked by the next runner. Raises UserError where the experiment's own judge would be asked elsewhere."""
    judge_hash = fingerprint(spec)
    settings = asdict(spec) | {judges.ADDED: True}
    with store.writing():
        experiment_judge = _experiment_judge(store, run_id, spec.label)
        if experiment_judge is not None and experiment_judge.fingerprint == judge_hash:
            _check_same_place(store, run_id, spec)
            settings = experiment_judge.settings
        judges.ask(store, run_id, spec.label, judge_hash, takes=spec.takes, settings=settings)


def judges_of(store: Store, run_id: int) -> list[JudgeSpec]:
    """The added judges that are to be asked."""
    return [
        msgspec.convert({key: value for key, value in judge.settings.items() if key != judges.ADDED}, JudgeSpec)
        for judge in judges.of_run(store, run_id)
        if judge.settings.get(judges.ADDED) and not (judge.state == "failed" and not judges.has_graded(store, judge))
    ]


def removal_command(label: str) -> str:
    return f"`qtui judge remove {shlex.quote(label)}`"


def remove(store: Store, run_ids: Sequence[int], label: str) -> list[Removed]:
    """Take a judge from those of the runs that have it; its grades stay in the store.

    Raises UserError, and removes nothing, where no run has it, where one that has it is running, or where every run that has it
    has it from its experiment.
    """
    with store.writing():
        having = [run_id for run_id in run_ids if label in _labels(store, run_id)]
        if not having:
            raise UserError(_unknown(store, run_ids, label))
        for run_id in having:
            if holder := leases.holder(store, run_id):
                raise UserError(
                    f"Run {run_id} is running ({holder}). Wait for its end or cancel it (`qtui cancel {run_id}`), then remove the"
                    " judge."
                )
        removed = [each for each in (_remove(store, run_id, label) for run_id in having) if each is not None]
        if not removed:
            raise UserError(_of_experiment(store, having[0], label))
        return removed


def _check_same_place(store: Store, run_id: int, spec: JudgeSpec) -> None:
    """The experiment says where its own judge is asked: asking it elsewhere once would be lost at the next start."""
    named = next(judge for judge in _named_judges(store, run_id) if judge.label == spec.label)
    if any(getattr(named, name) != getattr(spec, name) for name in WHERE_ASKED):
        raise UserError(
            f"run {run_id}: the judge {spec.label} is part of its experiment, which says where it is asked (base_url, api_key_env)."
            f" Change that in {_origin(store, run_id)} and start it again."
        )


def _remove(store: Store, run_id: int, label: str) -> Removed | None:
    """None where the run has nothing but the experiment's own judge."""
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
    """The judge of that label that the run's experiment names: the newest that no person added."""
    if label not in {judge.label for judge in _named_judges(store, run_id)}:
        return None
    rows = [
        judge for judge in judges.of_run(store, run_id) if judge.label == label and not judge.settings.get(judges.ADDED)
    ]
    return rows[-1] if rows else None


def _named_judges(store: Store, run_id: int) -> tuple[JudgeSpec, ...]:
    if runs.summaries(store, [run_id])[0].source != "run":
        return ()
    return experiment.named_judges(runs.definition(store, run_id))


def _origin(store: Store, run_id: int) -> str:
    return runs.summaries(store, [run_id])[0].origin


def _unknown(store: Store, run_ids: Sequence[int], label: str) -> str:
    known = sorted({each for run_id in run_ids for each in _labels(store, run_id)})
    which = f"run {run_ids[0]} has" if len(run_ids) == 1 else f"runs {', '.join(map(str, run_ids))} have"
    return f'{which} no judge "{label}" ' + (f"(judges: {', '.join(known)})" if known else "(no judges at all)")


def _labels(store: Store, run_id: int) -> list[str]:
    return [judge.label for judge in judges.of_run(store, run_id)]


def _of_experiment(store: Store, run_id: int, label: str) -> str:
    file = shlex.quote(_origin(store, run_id))
    return (
        f"run {run_id}: the judge {label} is named by its experiment and stays with it. To remove it, take its [[judges]] table out"
        f" of {file}, start `qtui run {file}` once more, and then repeat this command."
    )
