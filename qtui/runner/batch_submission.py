"""Getting a batch to its endpoint exactly once: its state is in the store before each step, and an unknown outcome is looked up.

A runner that is killed between a step and the next row leaves a batch whose last step may have happened. The next runner, days
later or on another machine, searches the endpoint's lists for the batch's mark before it repeats the step.
"""

from collections.abc import Awaitable, Callable

from qtui.endpoints import batches as protocol
from qtui.endpoints import endpoint
from qtui.endpoints.batches import BatchEndpoint, Seen, UnknownOutcomeError
from qtui.judges.openai import OpenAIJudge
from qtui.runner.questions import question_of
from qtui.store import Store, batches
from qtui.store.batches import Planned, StoredBatch

GRACE_SECONDS = 5.0
"""After this time a batch whose creation was under way when its runner was killed is on the endpoint's list, or was not created."""


def connect(batch: StoredBatch, pause: Callable[[float], Awaitable[None]]) -> BatchEndpoint:
    """Return the endpoint that a batch belongs to, whatever address its judge has now."""
    where = f"judge {batch.judge} at {endpoint.shown(batch.base_url)}"
    return BatchEndpoint(batch.base_url, batch.api_key_env, where, pause=pause)


async def submit(
    store: Store,
    batch: StoredBatch,
    at: BatchEndpoint,
    judge: OpenAIJudge,
    pause: Callable[[float], Awaitable[None]],
) -> StoredBatch:
    """Upload and create a batch, as far as not done. Raises BatchRefusedError if the endpoint refuses: then nothing is created."""
    was_submitting = batch.state == "submitting"
    if not was_submitting:
        batch = await _upload(store, batch, at, judge)
        batch = batches.advance(store, batch, "submitting")
    elif seen := await find(batch, at, pause):
        return batches.submitted(store, batch, seen.id)
    try:
        seen = await at.submit(batch.file_id, batch.mark)
    except UnknownOutcomeError as error:
        raise _unknown(batch, error) from None
    return batches.submitted(store, batch, seen.id)


async def find(batch: StoredBatch, at: BatchEndpoint, pause: Callable[[float], Awaitable[None]]) -> Seen | None:
    """Return the batch that an earlier runner may have created; None if it did not. Raises UnknownOutcomeError if nobody knows."""
    try:
        if seen := await at.find_batch(batch.mark, batch.file_id):
            return seen
        # The request may still have been on its way when the earlier runner ended.
        await pause(GRACE_SECONDS)
        return await at.find_batch(batch.mark, batch.file_id)
    except UnknownOutcomeError as error:
        raise _unknown(batch, error) from None


def _unknown(batch: StoredBatch, error: UnknownOutcomeError) -> UnknownOutcomeError:
    run = batch.run_id if batch.run_id is not None else "RUN"
    return UnknownOutcomeError(
        f"{str(error).removesuffix('.')}. So nobody can say whether the batch of the file {batch.file_id} was created when the"
        f" connection broke or the runner was stopped, and it is not created again. `qtui cancel {run} --batch` gives it up; then"
        " start again."
    )


async def _upload(store: Store, batch: StoredBatch, at: BatchEndpoint, judge: OpenAIJudge) -> StoredBatch:
    if batch.state == "uploaded":
        return batch
    file_id = await at.find_file(batch.file_name) if batch.state == "uploading" else None
    if file_id is None:
        batch = batches.advance(store, batch, "uploading")
        lines = [question_line(judge, question) for question in batches.questions(store, batch)]
        file_id = await at.upload(batch.file_name, b"".join(lines))
    return batches.advance(store, batch, "uploaded", file_id=file_id)


def question_line(judge: OpenAIJudge, question: Planned) -> bytes:
    """Return the line of a batch's file that asks a question."""
    return protocol.request_line(question.key, judge.body(question_of(question.same[0][1])))
