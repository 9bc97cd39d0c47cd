"""Starting a run as a process of its own, from the command line and from the workbench.

The experiment is checked and written to the store first, so that the user sees its problems at once and the runner needs only the
store. The runner has a session of its own and writes to a log file, so it survives a closed terminal and a killed parent.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from qtui import config, paths, scorers
from qtui.engines import available
from qtui.errors import UserError
from qtui.experiment import experiment as experiments
from qtui.experiment.experiment import Experiment
from qtui.figures.costs import PlannedCost
from qtui.files import private_files
from qtui.judges import check_judge, fingerprint
from qtui.processes import child_process, log_end, termination
from qtui.processes.end import End, Subject, in_words
from qtui.processes.log import bound
from qtui.records import JudgeSpec, VariantSpec
from qtui.runner import LEASE_IS_HELD, added_judges, planned_costs, prompt_check, weights_check
from qtui.runner.answering import thinking_condition
from qtui.runner.how_to_grade import AS_USUAL, HowToGrade
from qtui.runner.keys import keys_of_run
from qtui.store import Store, leases, new_runs, open_store, runs
from qtui.store.errors import StoreError
from qtui.store.reserve import Reserve

START_SECONDS = 300.0
"""A machine that is busy with other work lets a runner wait: 30 s were too few at a load of 18 on 2 processors (measured)."""
POLL_SECONDS = 0.05


class AlreadyRunningError(UserError):
    """Another process holds the run, or held it while this one tried to start. The caller may attach to that run instead."""

    def __init__(self, run_id: int, holder: leases.Holder | None) -> None:
        self.run_id = run_id
        self.problem = (
            f"Run {run_id} is already running ({holder})" if holder else f"Run {run_id} was just run by another process"
        )
        """The first sentence of the message without its full stop."""
        advice = (
            f"Attach with `qtui`, or stop it with `qtui cancel {run_id}`."
            if holder
            else "`qtui runs` shows how it ended."
        )
        super().__init__(f"{self.problem}. {advice}")


class CpuNotAllowedError(UserError):
    """The run would compute on the CPU while a GPU is idle. The caller may ask the user and start again with `allows_cpu`."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(f"{'; '.join(reasons)}. To run on the CPU anyway, start with --cpu.")


def _nothing(note: str) -> None:
    """What becomes of the notes of an experiment where nobody reads them."""


OnCosts = Callable[[Sequence[PlannedCost]], None]
"""Gets what the judges of a run, and its variants behind endpoints, will cost, before anything is asked."""


def _no_costs(costs: Sequence[PlannedCost]) -> None:
    """What becomes of costs where nobody reads them."""


def start(
    path: Path,
    store_path: Path,
    *,
    allows_cpu: bool = False,
    how: HowToGrade = AS_USUAL,
    on_note: Callable[[str], None] = _nothing,
    on_costs: OnCosts = _no_costs,
) -> int:
    """Check the experiment in `path`, start a runner for it and return the run's id. A run of the same plan is resumed.

    `how` is what the command chose for its judges. `on_note` gets each sentence on how the experiment's files were read
    (`Experiment.notes`), and on settings that its prompts ignore.

    Takes up to seconds (imports, task files): never call it on the event loop. Raises UserError with every problem of the
    experiment, or if the runner did not start; AlreadyRunningError if another runner has the run; CpuNotAllowedError if a GPU
    would be idle.
    """
    experiment = experiments.load(path, needs_judge_keys=False)
    _check_until(experiment.judges, how)
    for note in experiment.notes:
        on_note(note)
    store = open_store(store_path)
    try:
        is_new = not runs.exists(store, experiment.name, experiment.plan)
        if is_new and experiment.unset_keys:
            raise UserError(experiment.unset_keys)
        run_id = add(store, experiment)
        try:
            _check_weights(store, run_id, experiment, on_note)
            _check_cpu(store, run_id, experiment, allows_cpu)
            costs = planned_costs.of_run(store, run_id, experiment, config.load().prices, again=how.asks_again)
            how = how.checked(costs)
        except UserError:
            if is_new:
                runs.delete(store, run_id)
            raise
        on_costs(costs)
        _launch(store, run_id, how)
    finally:
        store.close()
    return run_id


def resume(
    run_id: int,
    store_path: Path,
    *,
    allows_cpu: bool = False,
    how: HowToGrade = AS_USUAL,
    on_costs: OnCosts = _no_costs,
) -> int:
    """Start a runner for the missing answers and grades of a stored run. Raises UserError as `start` does."""
    store = open_store(store_path, create=False)
    try:
        summaries = runs.summaries(store, [run_id])
        if not summaries:
            raise UserError(f"{store_path}: has no run {run_id}. `qtui runs` lists the runs.")
        experiment = _stored_experiment(store, run_id)
        if experiment is not None:
            _check_until(experiment.judges, how)
            _check_weights(store, run_id, experiment)
            _check_cpu(store, run_id, experiment, allows_cpu)
        costs = planned_costs.of_run(store, run_id, experiment, config.load().prices, again=how.asks_again)
        how = how.checked(costs)
        on_costs(costs)
        _launch(store, run_id, how)
    finally:
        store.close()
    return run_id


def judge(
    run_ids: Sequence[int],
    spec: JudgeSpec,
    store_path: Path,
    *,
    how: HowToGrade = AS_USUAL,
    on_costs: OnCosts = _no_costs,
) -> None:
    """Start a runner for each run that grades its existing answers (run or imported) by another judge.

    Raises UserError as `start` does, and if the judge cannot work here (for instance, its key is not set). If one of the runs is
    running, the judge is added to none of them.
    """
    check_judge(spec)
    _check_until([spec], how)
    store = open_store(store_path, create=False)
    try:
        for run_id in run_ids:
            _refuse_running(store, run_id)
        prices = config.load().prices
        costs = [
            cost
            for run_id in run_ids
            for cost in planned_costs.of_judge(store, run_id, spec, prices, again=how.asks_again)
        ]
        how = _checked_for_judge(store, run_ids, how, costs)
        on_costs(costs)
        for run_id in run_ids:
            added_judges.add(store, run_id, spec)
            _launch(store, run_id, how)
    finally:
        store.close()


def _checked_for_judge(
    store: Store, run_ids: Sequence[int], how: HowToGrade, costs: Sequence[PlannedCost]
) -> HowToGrade:
    """How a new judge is asked, with the currency of its budget. The runner asks what else is missing in the run, too."""
    if how.budget is None:
        return how
    if len(run_ids) > 1:
        names = ", ".join(map(str, run_ids))
        raise UserError(f"--budget is for one run, and these would be graded: {names}. Choose one with --run.")
    others = [
        cost
        for run_id in run_ids
        for cost in planned_costs.of_run(
            store, run_id, _stored_experiment(store, run_id), config.load().prices, again=how.asks_again
        )
    ]
    return how.checked([*costs, *others])


def _stored_experiment(store: Store, run_id: int) -> Experiment | None:
    """The experiment of a run, with the tasks that it was started with; None if its answers were imported."""
    run = runs.summaries(store, [run_id])[0]
    if run.source != "run":
        return None
    return experiments.parse(
        runs.definition(store, run_id), Path(run.origin), stored_tasks=runs.task_set(store, run_id)
    )


def add(store: Store, experiment: Experiment) -> int:
    """Write an experiment to the store as a run, unless a run of the same plan exists. Returns the run's id."""
    per_variant = len(experiment.task_set.tasks) * experiment.sampling.samples
    variants = [
        new_runs.NewVariant(
            v.model,
            v.name,
            v.is_baseline,
            v.engine,
            v.precision,
            v.weights,
            per_variant,
            _conditions(experiment, v),
            v.role,
        )
        for v in experiment.variants
    ]
    judges = [new_runs.NewJudge(j.label, j.takes, fingerprint(j), asdict(j)) for j in experiment.judges]
    return new_runs.add(
        store,
        new_runs.NewRun(
            experiment=experiment.name,
            plan=experiment.plan,
            definition=experiment.text,
            source="run",
            origin=str(experiment.origin),
            task_set=experiment.task_set,
            variants=variants,
            judges=judges,
            date=experiment.date,
            scorers=[(scorer, scorers.fingerprint(scorer)) for scorer in experiment.scorers],
        ),
    )


def _check_until(judges: Sequence[JudgeSpec], how: HowToGrade) -> None:
    """Raises UserError if judges would have to stop when the verdict is reached, and cannot: a batch is asked whole."""
    if how.until_decided and (labels := [judge.label for judge in judges if judge.batch or judge.pairwise]):
        raise UserError(
            "--until decided needs judges that grade single answers and are asked directly; "
            f"{', '.join(labels)} asks in batches or compares."
        )


def idle_gpus(experiment: Experiment) -> list[str]:
    """Reasons why engines of the experiment cannot use a GPU of this machine, one sentence per engine."""
    engines = dict.fromkeys(variant.engine for variant in experiment.variants)
    return [reason for engine in engines if (reason := available.idle_gpu(engine))]


def _check_weights(
    store: Store, run_id: int, experiment: Experiment, on_note: Callable[[str], None] = _nothing
) -> None:
    """Check weights and prompts if answers are missing. Raises UserError if weights on this disk cannot be used."""
    run = runs.summaries(store, [run_id])[0]
    if run.answered < run.expected:
        weights_check.check_weights(experiment)
        for note in prompt_check.prompt_notes(experiment):
            on_note(note)


def _check_cpu(store: Store, run_id: int, experiment: Experiment, allows_cpu: bool) -> None:
    """Raises CpuNotAllowedError if answers are missing, a GPU would be idle, and the user has not allowed the CPU."""
    if allows_cpu:
        runs.allow_cpu(store, run_id)
    run = runs.summaries(store, [run_id])[0]
    if run.answered >= run.expected or runs.allows_cpu(store, run_id):
        return
    reasons = idle_gpus(experiment)
    if reasons:
        raise CpuNotAllowedError(reasons)


def _conditions(experiment: Experiment, variant: VariantSpec) -> dict[str, str]:
    """The conditions of a variant that are known before a worker has rendered its prompts."""
    return {
        "sampling": experiment.sampling_for(variant).conditions(),
        "task_set": experiment.task_set.hash,
        "prompt": "unknown",
        **thinking_condition(variant),
    }


def log_file(run_id: int) -> Path:
    return paths.run_log(run_id)


def _launch(store: Store, run_id: int, how: HowToGrade) -> None:
    _refuse_running(store, run_id)
    with Reserve(store.path):
        pass  # the runner reserves the same room; report a full disk here, before it starts
    log = log_file(run_id)
    bound(log)
    before = _outcome(store, run_id)
    with private_files.open_private_log(log) as output, termination.held_back():
        child = subprocess.Popen(
            child_process.command(
                "qtui.runner",
                *("--store", str(store.path), "--run", str(run_id)),
                *how.arguments(),
            ),
            env=child_process.environment(keys=keys_of_run(store, run_id)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _await_lease(store, run_id, child, log, before)


def _refuse_running(store: Store, run_id: int) -> None:
    if holder := leases.holder(store, run_id):
        raise AlreadyRunningError(run_id, holder)


_Outcome = tuple[str, float | None, int]


def _outcome(store: Store, run_id: int) -> _Outcome:
    """The state of a run, when it ended, and its number of attempts: what every runner that comes so far changes."""
    [run] = runs.summaries(store, [run_id])
    return run.state, run.ended, len(run.attempts)


def _await_lease(store: Store, run_id: int, child: "subprocess.Popen[bytes]", log: Path, before: _Outcome) -> None:
    """Wait until the runner holds the lease or has ended; a short run may do both between two polls.

    `before` is the run's outcome before this runner. Raises AlreadyRunningError if another runner took the lease first.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        holder = leases.holder(store, run_id)
        if (holder and holder.pid == child.pid) or child.poll() == 0:
            return
        if child.poll() == LEASE_IS_HELD:
            raise AlreadyRunningError(run_id, holder)
        if child.poll() is not None:
            state, *_ = now = _outcome(store, run_id)
            if now != before and state in ("failed", "cancelled", "stopped"):
                return
            problem = f"the runner of run {run_id} did not start: {_exit_reason(child, log).rstrip('.')}. Log: {log}"
            _keep_problem(store, run_id, problem)
            raise UserError(problem)
        time.sleep(POLL_SECONDS)
    raise UserError(f"the runner of run {run_id} did not start within {START_SECONDS:.0f} s. Log: {log}")


def _keep_problem(store: Store, run_id: int, problem: str) -> None:
    """Write into the store why a run has not started, for `qtui runs`. What an earlier attempt left there is kept."""
    if runs.summaries(store, [run_id])[0].started is None:
        with contextlib.suppress(StoreError):
            runs.set_state(store, run_id, "failed", f"{problem[:1].upper()}{problem[1:]}")


def _exit_reason(child: "subprocess.Popen[bytes]", log: Path) -> str:
    """Why the runner ended: the signal that ended it, else the last message in its log."""
    written = log_end.written_since(log, 0)
    if child.returncode < 0:
        return in_words(Subject("its process"), End(child.returncode, written=written))
    return log_end.last_line(written).removeprefix("error: ") or "its log has no message"
