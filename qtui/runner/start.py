"""Starting a run as a process of its own, from the command line and from the workbench alike.

The experiment is checked and written to the store first, so what is wrong with it is said at once, and the runner needs nothing
but the store. The child has a session of its own and a log file for its output: neither a closed terminal nor a killed parent
reaches it.
"""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from qtui import paths
from qtui.engines import available
from qtui.errors import UserError
from qtui.experiment import experiment as experiments
from qtui.experiment.experiment import Experiment
from qtui.files import private_files
from qtui.judges import check, fingerprint
from qtui.processes import child_process, log_end
from qtui.processes.end import End, Subject, in_words
from qtui.records import JudgeSpec, VariantSpec
from qtui.runner import LEASE_IS_HELD, added_judges
from qtui.store import Store, leases, open_store, runs
from qtui.store.reserve import Reserve

START_SECONDS = 30.0
POLL_SECONDS = 0.05


class AlreadyRunningError(UserError):
    """Another process runs the run, or did so while this one tried to. The caller may follow that run instead."""

    def __init__(self, run_id: int, holder: leases.Holder | None) -> None:
        self.run_id = run_id
        self.what = f"Run {run_id} is already running ({holder})" if holder else f"Run {run_id} just ran elsewhere"
        """The sentence without its full stop and without what to do."""
        advice = (
            f"Attach with `qtui`, or stop it with `qtui cancel {run_id}`."
            if holder
            else "`qtui runs` says how it ended."
        )
        super().__init__(f"{self.what}. {advice}")


class CpuNotAllowedError(UserError):
    """A GPU would stand idle while the run computes on the CPU. The caller may ask the user, and start with `allows_cpu`."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(f"{'; '.join(reasons)}. To run on the CPU all the same, start with --cpu.")


def start(path: Path, store_path: Path, *, allows_cpu: bool = False) -> int:
    """Check the experiment in `path` and start a runner for it. Returns the run's id; a run of the same plan goes on.

    Takes up to seconds (imports, task files): never on the event loop. Raises UserError with every problem of the experiment, or
    if the runner did not come up; AlreadyRunningError if another runner has the run; CpuNotAllowedError if a GPU would stand idle.
    """
    experiment = experiments.load(path)
    store = open_store(store_path)
    try:
        run_id = add(store, experiment)
        _check_cpu(store, run_id, experiment, allows_cpu)
        _launch(store, run_id)
    finally:
        store.close()
    return run_id


def resume(run_id: int, store_path: Path, *, allows_cpu: bool = False) -> int:
    """Start a runner for what is missing of a run that the store has. Raises UserError as `start` does."""
    store = open_store(store_path, create=False)
    try:
        known = runs.summaries(store, [run_id])
        if not known:
            raise UserError(f"{store_path}: has no run {run_id}. `qtui runs` lists them.")
        if known[0].source == "run":
            definition = runs.definition(store, run_id)
            experiment = experiments.parse(definition, Path(known[0].origin), is_stored=True)
            _check_cpu(store, run_id, experiment, allows_cpu)
        _launch(store, run_id)
    finally:
        store.close()
    return run_id


def judge(run_ids: Sequence[int], spec: JudgeSpec, store_path: Path) -> None:
    """Have answers that are there (run or imported) graded by another judge: a runner for each run.

    Raises UserError as `start` does, and if the judge cannot work here (its key is not set, say). Where one of the runs is running,
    none of them gets the judge.
    """
    check(spec)
    store = open_store(store_path, create=False)
    try:
        for run_id in run_ids:
            _refuse_running(store, run_id)
        for run_id in run_ids:
            added_judges.add(store, run_id, spec)
            _launch(store, run_id)
    finally:
        store.close()


def add(store: Store, experiment: Experiment) -> int:
    """Write an experiment to the store as a run, or find the run that it is."""
    per_variant = len(experiment.task_set.tasks) * experiment.sampling.samples
    variants = [
        runs.NewVariant(
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
    judges = [runs.NewJudge(j.label, j.takes, fingerprint(j), asdict(j)) for j in experiment.judges]
    return runs.add(
        store,
        runs.NewRun(
            experiment=experiment.name,
            plan=experiment.plan,
            definition=experiment.text,
            source="run",
            origin=str(experiment.origin),
            task_set=experiment.task_set,
            variants=variants,
            judges=judges,
        ),
    )


def idle_gpus(experiment: Experiment) -> list[str]:
    """What keeps a GPU of this machine from being used by an engine of the experiment, a sentence for each engine."""
    engines = dict.fromkeys(variant.engine for variant in experiment.variants)
    return [reason for engine in engines if (reason := available.idle_gpu(engine))]


def _check_cpu(store: Store, run_id: int, experiment: Experiment, allows_cpu: bool) -> None:
    """Raises CpuNotAllowedError where answers are missing, a GPU would stand idle, and nobody said that this is right."""
    if allows_cpu:
        runs.allow_cpu(store, run_id)
    run = runs.summaries(store, [run_id])[0]
    if run.answered >= run.expected or runs.allows_cpu(store, run_id):
        return
    reasons = idle_gpus(experiment)
    if reasons:
        raise CpuNotAllowedError(reasons)


def _conditions(experiment: Experiment, variant: VariantSpec) -> dict[str, str]:
    """What is known of how a variant will be asked before any worker has rendered its prompts."""
    return {
        "sampling": experiment.sampling_for(variant).conditions(),
        "task_set": experiment.task_set.hash,
        "prompt": "unknown",
    }


def log_file(run_id: int) -> Path:
    return paths.run_log(run_id)


def _launch(store: Store, run_id: int) -> None:
    _refuse_running(store, run_id)
    with Reserve(store.path):
        pass  # the runner wants as much: that it is missing is better said here, at once
    log = log_file(run_id)
    with private_files.open_private_log(log) as output:
        child = subprocess.Popen(
            child_process.command("qtui.runner", "--store", str(store.path), "--run", str(run_id)),
            env=child_process.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    _await_lease(store, run_id, child, log)


def _refuse_running(store: Store, run_id: int) -> None:
    if holder := leases.holder(store, run_id):
        raise AlreadyRunningError(run_id, holder)


def _await_lease(store: Store, run_id: int, child: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the runner holds the lease or has ended: a short run may do both between two looks.

    Raises AlreadyRunningError if another runner took the lease first.
    """
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        holder = leases.holder(store, run_id)
        if (holder and holder.pid == child.pid) or child.poll() == 0:
            return
        if child.poll() == LEASE_IS_HELD:
            raise AlreadyRunningError(run_id, holder)
        if child.poll() is not None:
            if runs.summaries(store, [run_id])[0].state in ("failed", "cancelled"):
                return
            raise UserError(f"the runner of run {run_id} did not start: {_why(child, log).rstrip('.')}. Log: {log}")
        time.sleep(POLL_SECONDS)
    raise UserError(f"the runner of run {run_id} did not start within {START_SECONDS:.0f} s. Log: {log}")


def _why(child: "subprocess.Popen[bytes]", log: Path) -> str:
    """By the signal that ended it, else by the last message in its log."""
    written = log_end.written_since(log, 0)
    if child.returncode < 0:
        return in_words(Subject("its process"), End(child.returncode, written=written))
    return log_end.last_line(written).removeprefix("error: ") or "its log has no message"
