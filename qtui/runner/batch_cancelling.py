"""Cancelling the batches of a run at their endpoints, because the user asks for it."""

import asyncio

from qtui.endpoints.batches import BatchEndpoint, BatchRefusedError, Seen, UnknownOutcomeError
from qtui.errors import UserError
from qtui.runner import batch_submission
from qtui.store import Store, batches
from qtui.store.batches import StoredBatch


def cancel_batches(store: Store, run_id: int) -> list[str]:
    """Cancel the batches that a run has under way; return a sentence for each. What they replied by then can still be fetched.

    Raises UserError if an endpoint cannot be reached, or its key is not set.
    """
    return asyncio.run(_cancel_all(store, run_id))


async def _cancel_all(store: Store, run_id: int) -> list[str]:
    return [await _cancel(store, batch) for batch in batches.open_of_run(store, run_id)]


async def _cancel(store: Store, batch: StoredBatch) -> str:
    batches.set_cancelled(store, batch)
    if not batch.batch_id and batch.state != "submitting":
        batches.discard(store, batch, "cancelled before it was submitted")
        return f"a batch of {batch.requests} questions is not submitted any more"
    at = batch_submission.connect(batch, asyncio.sleep)
    try:
        batch_id = batch.batch_id
        if not batch_id:
            found = await batch_submission.find(batch, at, asyncio.sleep)
            if found is None:
                batches.discard(store, batch, "cancelled before it was submitted")
                return f"a batch of {batch.requests} questions is not submitted any more"
            batch_id = batches.submitted(store, batch, found.id).batch_id
        return _said(store, batch, await at.cancel(batch_id))
    except (BatchRefusedError, UnknownOutcomeError) as error:
        return await _given_up(store, batch, at, error)
    finally:
        await at.close()


def _said(store: Store, batch: StoredBatch, seen: Seen) -> str:
    batches.set_seen(store, batch, seen.status, seen.completed, seen.failed)
    return (
        f"batch {seen.id}: {seen.status}, {seen.completed} of {batch.requests} questions replied to;"
        f" `qtui resume {batch.run_id}` fetches these and asks the others again"
    )


async def _given_up(store: Store, batch: StoredBatch, at: BatchEndpoint, error: UserError) -> str:
    """Close a batch that its endpoint does not know, or whose files are gone; say why another refusal did not cancel it."""
    if isinstance(error, UnknownOutcomeError) or _is_gone(error) or await _are_files_gone(batch, at):
        batches.discard(store, batch, f"given up: {error}")
        return f"{error} The batch is given up; its questions can be asked again."
    return f"{error} If the batch is over, it cannot be cancelled any more; `qtui resume {batch.run_id}` fetches what it did."


def _is_gone(error: UserError) -> bool:
    return isinstance(error, BatchRefusedError) and error.failure.status in (404, 410)


async def _are_files_gone(batch: StoredBatch, at: BatchEndpoint) -> bool:
    """Return whether a batch is over and its endpoint has deleted what it replied, as OpenAI does after 30 days."""
    try:
        seen = await at.look(batch.batch_id)
        for file_id in (seen.output_file, seen.error_file):
            if file_id:
                await at.content(file_id)
    except UserError as error:
        return _is_gone(error)
    return False
