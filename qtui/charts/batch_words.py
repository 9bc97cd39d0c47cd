"""Batches of judges in words: how far they are, what becomes of them after a cancel, and what is known of them before a run."""

from collections.abc import Iterator, Sequence

from qtui.endpoints import endpoint
from qtui.endpoints.batches import Limits
from qtui.endpoints.thinking import is_openai_server
from qtui.format import count, rough_duration
from qtui.records import JudgeSpec
from qtui.run_progress import BatchProgress, JudgeProgress, RunSummary

MOST_CLOSED = 2
"""Batches that are over and shown, the newest."""


def batch_lines(judge: JudgeProgress, now: float) -> list[str]:
    """Return a sentence for every batch that is under way, and for the newest that are over. The caller makes them safe."""
    under_way = [batch for batch in judge.batches if batch.is_open]
    over = [batch for batch in judge.batches if not batch.is_open]
    return [_line(batch, now) for batch in (*over[-MOST_CLOSED:], *under_way)]


def _line(batch: BatchProgress, now: float) -> str:
    name = f"batch {batch.batch_id}" if batch.batch_id else "a batch"
    if batch.state == "returned":
        return f"{name} was not worked on: {batch.reason}"
    if not batch.batch_id:
        return f"{name} of {count(batch.requests, 'question')} is not submitted yet"
    done = batch.completed + batch.failed
    refused = f", {batch.failed} of them refused" if batch.failed else ""
    seen = f"last seen {rough_duration(max(0.0, now - batch.seen))} ago" if batch.seen else "not looked at yet"
    why = f" ({batch.reason})" if batch.reason else ""
    status = batch.status.replace("_", " ") or "submitted"
    return f"{name}: {status}, {done} of {batch.requests} questions replied to{refused}; {seen}{why}"


def after_cancel(run: RunSummary) -> Iterator[str]:
    """Yield what becomes of the batches of a run whose runner is cancelled."""
    for judge in run.judges:
        for batch in judge.batches:
            if batch.is_open and batch.batch_id:
                yield (
                    f"Batch {batch.batch_id} of judge {judge.label} goes on at its endpoint, and what it does is paid. `qtui resume"
                    f" {run.id}` fetches it; `qtui cancel {run.id} --batch` cancels it there, too."
                )


def notes(judges: Sequence[JudgeSpec], answers: int, pairs: int) -> Iterator[str]:
    """Yield what is known before a run of the batches that judges of these answers, or of pairs of them, will ask in."""
    for judge in judges:
        if not judge.batch:
            continue
        requests = judge.takes * (2 * pairs if judge.pairwise else answers)
        batches = -(-requests // Limits().requests)
        price = "OpenAI charges half the price of direct requests for these."
        if not is_openai_server(judge.base_url):
            price = (
                f"What {endpoint.shown(judge.base_url)} charges for these is not known; OpenAI charges half the price."
            )
        yield (
            f"judge {judge.label} asks in batches when all answers are there: at most {count(requests, 'request')} in"
            f" {count(batches, 'batch').replace('batchs', 'batches')}, replied to within a day. {price}"
        )
