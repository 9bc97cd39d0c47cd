"""One run from taking its lease to its final state: variants one after another, judges at the same time.

Variants run one at a time because each uses the whole machine; the GPU is free for the next one when the worker has ended.

A full disk ends a run, because no more rows could be written. A reserve leaves room to write the final state.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from qtui import paths, session_end
from qtui.endpoints import allowance, budget, endpoint
from qtui.errors import NO_SPACE
from qtui.experiment.experiment import Experiment, parse
from qtui.format import count
from qtui.judges import fingerprint
from qtui.processes import events, log, termination
from qtui.records import JudgeSpec, VariantSpec
from qtui.run_progress import RunState
from qtui.runner import added_judges
from qtui.runner.answering import VariantRun, answer_variant
from qtui.runner.batch_grading import grade_in_batches
from qtui.runner.control import Control
from qtui.runner.grading import grade_run
from qtui.runner.how_to_grade import AS_USUAL, HowToGrade
from qtui.runner.how_to_wait import HowToWait
from qtui.runner.lost_store import save_if_lost
from qtui.runner.scoring import score_run
from qtui.runner.worker_process import BOUND_SECONDS
from qtui.secrets import redaction
from qtui.store import Store, claims, leases, runs
from qtui.store.errors import NoSpaceError
from qtui.store.reserve import Reserve

REQUEST_POLL_SECONDS = 0.4
CLOCK_STEP_SECONDS = 1.0
"""A larger step of the clock was set by somebody: what keeps clocks right moves them slowly."""


async def execute(store: Store, run_id: int, how: HowToGrade = AS_USUAL) -> str:
    """Compute the missing answers and grades of a run, or the grades alone if the answers were imported.

    Returns the final state: done, failed, cancelled, stopped at a limit of `how`, or waiting for batches that are left.
    Raises UserError if another runner has the run, its experiment can no longer be read, or the disk is full at the start.
    """
    run = runs.summaries(store, [run_id])[0]
    experiment = None
    if run.source == "run":
        experiment = parse(runs.definition(store, run_id), Path(run.origin), stored_tasks=runs.task_set(store, run_id))
    with Reserve(store.path) as reserve:
        _take_lease(store, run_id)
        try:
            return await _run(store, run_id, experiment, how)
        except (NoSpaceError, OSError) as error:
            reserve.give_back()
            runs.set_state(store, run_id, "failed", str(_full_disk(error)))
            return "failed"
        finally:
            with contextlib.suppress(NoSpaceError):
                leases.release(store, run_id)


def _take_lease(store: Store, run_id: int) -> None:
    """Take the lease and write into it when a job or logout will end this process: a reader on another machine cannot see that."""
    notices = session_end.find_notices(os.environ, session_end.ROOT)
    ends_at = min((notice.ends_at for notice in notices if notice.ends_at is not None), default=None)
    leases.take(store, run_id, [notice.when for notice in notices], ends_at)
    claims.give_up(store, run_id)  # those of a runner before this one


async def _run(store: Store, run_id: int, experiment: Experiment | None, how: HowToGrade) -> str:
    runs.begin(store, run_id)
    _describe(store, run_id)
    control = Control()
    with allowance.spending(how.allowance()):
        async with _watching(store, run_id, control):
            failed, left = await _work(store, run_id, experiment, control, how)
        stopped = _why_stopped(store, run_id, how)
    state = _end(store, run_id, control, failed, left, stopped=stopped)
    return "failed" if save_if_lost(store, run_id) else state


def _why_stopped(store: Store, run_id: int, how: HowToGrade) -> str:
    """Why judges ask no more although grades are missing, with how many; empty if nothing stopped them."""
    limit, purse = allowance.current(), budget.current()
    why = [str(limit.spent())] if limit is not None and limit.is_spent else []
    why += [purse.in_words] if purse is not None and purse.is_spent else []
    stopped = [judge for judge in runs.summaries(store, [run_id])[0].judges if judge.state in ("stopped", "waiting")]
    if not why or not stopped:
        return ""
    missing = sum(max(0, judge.expected - judge.graded - judge.ungraded) for judge in stopped)
    ungraded = sum(judge.ungraded for judge in stopped) if how.asks_again else 0
    again = f", {ungraded} ungraded" if ungraded else ""
    return f"{'; '.join(why)}; {count(missing, 'grade')} missing{again}; the same command goes on"


def _describe(store: Store, run_id: int) -> None:
    """Write into the log what the run is, so that the numbers in its later lines can be understood."""
    [run] = runs.summaries(store, [run_id])
    events.info(f"run {run_id}: {run.answered} of {run.expected} answers are there, {run.tasks} tasks")
    for variant in run.variants:
        events.info(f"variant {variant.id} is {variant.model} {variant.name} ({variant.engine})")
    for judge in run.judges:
        events.info(f"judge {judge.id} is {judge.label}")


def _full_disk(error: NoSpaceError | OSError) -> NoSpaceError:
    """The error as a NoSpaceError, of the store or of another file (a log). Raises any other error again."""
    if isinstance(error, NoSpaceError):
        return error
    if error.errno in NO_SPACE and error.filename:
        return NoSpaceError(Path(error.filename))
    raise error


async def _work(
    store: Store, run_id: int, experiment: Experiment | None, control: Control, how: HowToGrade
) -> tuple[list[str], tuple[str, ...]]:
    """Answer, grade and score. Returns a text per variant, judge and scorer that failed, and one per judge that left batches."""
    answered, unscored, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()
    judges = _distinct([*(experiment.judges if experiment else ()), *added_judges.judges_of(store, run_id)])
    _announce_secrets([*(experiment.variants if experiment else ()), *judges])
    direct = [judge for judge in judges if not judge.batch]
    grading = asyncio.gather(
        grade_run(
            store,
            run_id,
            direct,
            control,
            answered=answered,
            finished=finished,
            again=how.asks_again,
            until_margin=how.until_margin(),
        ),
        grade_in_batches(
            store,
            run_id,
            judges,
            control,
            finished=finished,
            how=HowToWait(leaves=how.leaves_batches, again=how.asks_again),
        ),
    )
    scoring = asyncio.create_task(score_run(store, run_id, control, answered=unscored, finished=finished))
    arrivals = _Arrivals(answered, unscored)
    try:
        failed = await _answer(store, run_id, experiment, control, arrivals) if experiment else []
    except BaseException:
        grading.cancel()
        scoring.cancel()
        await asyncio.gather(grading, scoring, return_exceptions=True)
        raise
    finished.set()
    arrivals.set()
    (of_judges, of_batches), unscored_ones = await asyncio.gather(grading, scoring)
    return [*failed, *of_judges, *of_batches.failed, *unscored_ones], of_batches.left


class _Arrivals(asyncio.Event):
    """The event that an answer has arrived, for several readers: each has an event of its own, which it clears itself."""

    def __init__(self, *readers: asyncio.Event) -> None:
        super().__init__()
        self._readers = readers

    def set(self) -> None:
        for reader in self._readers:
            reader.set()


def _announce_secrets(specs: Sequence[VariantSpec | JudgeSpec]) -> None:
    """Announce the secrets of all endpoints of the run to this process and to every worker: endpoints may share one server."""
    for spec in specs:
        redaction.announce(endpoint.secret_variables(spec.base_url))
        if spec.api_key_env:
            endpoint.announce_key(spec.api_key_env)


def _distinct(judges: Sequence[JudgeSpec]) -> list[JudgeSpec]:
    """The judges without duplicates: of an experiment's judge and an equal added one, the experiment's."""
    return list({(judge.label, fingerprint(judge)): judge for judge in reversed(judges)}.values())[::-1]


async def _answer(
    store: Store, run_id: int, experiment: Experiment, control: Control, answered: asyncio.Event
) -> list[str]:
    failed: list[str] = []
    ids = {(v.model, v.name): v.id for v in runs.summaries(store, [run_id])[0].variants}
    for model in experiment.models:
        for spec in model.variants:
            if control.cancelled.is_set():
                break
            variant = VariantRun(store, run_id, ids[spec.model, spec.name], spec, model.prompt, experiment)
            if reason := await answer_variant(variant, control, answered):
                failed.append(f"{spec.model} {spec.name}: {reason}")
    return failed


def _end(store: Store, run_id: int, control: Control, failed: list[str], left: Sequence[str], *, stopped: str) -> str:
    reasons = [stopped] if stopped else []
    state: RunState
    if control.cancelled.is_set():
        state, reason = "cancelled", control.reason
    elif failed:
        state, reason = "failed", "; ".join([*failed, *reasons])
    elif stopped and not left:
        state, reason = "stopped", f"{stopped}."
    elif left:
        state, reason = "waiting", f"{'; '.join([*reasons, *left])}. `qtui resume {run_id}` fetches the grades."
    else:
        state, reason = "done", ""
    runs.set_state(store, run_id, state, reason)
    return state


@contextlib.asynccontextmanager
async def _watching(store: Store, run_id: int, control: Control) -> AsyncIterator[None]:
    """Send heartbeats and obey requests while the block runs; SIGTERM and SIGINT cancel the run."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, control.cancel, f"the runner was stopped ({number.name})")
    termination.take()
    tasks = [
        asyncio.create_task(_beat(store, run_id, control)),
        asyncio.create_task(_follow_requests(store, run_id, control)),
        asyncio.create_task(_bound_log(run_id)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _bound_log(run_id: int) -> None:
    """Keep the runner's own log to its size; those of the workers are kept by whoever started them."""
    while True:
        await asyncio.sleep(BOUND_SECONDS)
        await asyncio.to_thread(log.bound, paths.run_log(run_id))


async def _beat(store: Store, run_id: int, control: Control) -> None:
    offset = _clock_offset()
    while True:
        # On a full disk the next answer or grade that cannot be written ends the run, not this heartbeat.
        with contextlib.suppress(NoSpaceError):
            step = _clock_offset() - offset
            if abs(step) > CLOCK_STEP_SECONDS:
                runs.move_clock(store, run_id, step)
                offset += step
            if not leases.beat(store, run_id):
                control.cancel("another runner took the run over")
        if not store.is_in_place() and not control.cancelled.is_set():
            control.cancel("its store was deleted, moved or replaced")
        await asyncio.sleep(leases.HEARTBEAT_SECONDS)


def _clock_offset() -> float:
    """Seconds between the clock and one that is never set, and that stands still while the machine sleeps."""
    return time.time() - time.monotonic()


async def _follow_requests(store: Store, run_id: int, control: Control) -> None:
    paused = False
    while True:
        request = runs.requested(store, run_id)
        if request == "cancel" and not control.cancelled.is_set():
            control.cancel("cancelled by the user")
        elif (request == "pause") != paused and not control.cancelled.is_set():
            paused = not paused
            (control.pause if paused else control.resume)()
            with contextlib.suppress(NoSpaceError):
                runs.set_state(store, run_id, "paused" if paused else "running")
        await asyncio.sleep(REQUEST_POLL_SECONDS)
