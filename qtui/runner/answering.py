"""Answers one variant: a worker plans the job, answers that the store has are linked, and the worker generates the others.

Each answer is committed as soon as it is complete.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from qtui import paths
from qtui.engines.protocol.answering import (
    Answered,
    Failed,
    Finished,
    FromWorker,
    Item,
    Job,
    Loaded,
    Loading,
    MissingItems,
    Planned,
    Progress,
    Unanswered,
)
from qtui.experiment.experiment import Experiment
from qtui.records import Answer, PromptSource, VariantSpec
from qtui.runner import activity
from qtui.runner.control import Control, first_of
from qtui.runner.worker_process import WorkerProcess
from qtui.store import Store, answers, open_thoughts, runs
from qtui.variant_facts import VariantFacts

PROGRESS_SECONDS = 0.5
SHOWN_REASONS = 3


@dataclass(slots=True)
class VariantRun:
    """One variant in progress, with the state that the worker has reported so far."""

    store: Store
    run_id: int
    variant_id: int
    spec: VariantSpec
    prompt: PromptSource
    experiment: Experiment
    keys: list[str] = field(default_factory=list)
    unanswered: dict[int, str] = field(default_factory=dict)
    outcome: str | None = None
    """`done`, or the reason of a failure; None until the worker has reported one of them."""
    answered: int = 0
    """Number of answers in the store, those of earlier runs included."""
    at_once: int | None = None
    """How many answers the worker generates at once."""
    progress_written: float = 0.0

    @property
    def places(self) -> list[answers.Link]:
        """The variant, task and sample that each answer of the job is linked to, in the order of the job's items."""
        tasks = runs.tasks(self.store, self.run_id)
        samples = range(self.experiment.sampling.samples)
        return [answers.Link(self.variant_id, task_id, sample) for task_id, _ in tasks for sample in samples]


async def answer_variant(variant: VariantRun, control: Control, answered: asyncio.Event) -> str:
    """Compute the missing answers of a variant. Returns why it failed, or an empty text. Sets `answered` after every new row."""
    _update_variant(variant, state="preparing", phase="", reason="")
    log = paths.logs() / f"run-{variant.run_id}-{variant.variant_id}.log"
    async with WorkerProcess(log) as worker:
        listening = asyncio.create_task(_handle_messages(variant, worker, answered))
        watching = asyncio.create_task(_follow_requests(worker, control))
        await worker.send(_job(variant))
        try:
            await listening
        except msgspec.DecodeError as error:
            variant.outcome = f"The worker sent a message that cannot be read ({error}). Its log: {log}"
        finally:
            watching.cancel()
        reason = await _failure_reason(variant, worker, control)
    if control.cancelled.is_set() and reason:
        _update_variant(variant, state="cancelled", phase="")
        return ""
    _update_variant(variant, state="failed" if reason else "done", phase="", reason=reason)
    return reason


def _job(variant: VariantRun) -> Job:
    experiment = variant.experiment
    items = [
        Item(position, sample, task.input)
        for position, task in enumerate(experiment.task_set.tasks, start=1)
        for sample in range(experiment.sampling.samples)
    ]
    title = f"run {variant.run_id}, variant {variant.variant_id}"
    return Job(
        variant.spec,
        experiment.sampling_for(variant.spec),
        variant.prompt,
        items,
        title=title,
        allows_cpu=runs.allows_cpu(variant.store, variant.run_id),
        date=runs.date_of(variant.store, variant.run_id),
    )


async def _handle_messages(variant: VariantRun, worker: WorkerProcess, answered: asyncio.Event) -> None:
    """Handle the worker's messages until it closes its output."""
    places = variant.places
    async for message in worker.messages():
        if isinstance(message, Planned):
            await worker.send(MissingItems(_link_stored(variant, places, message)))
            answered.set()
        elif isinstance(message, Answered):
            answers.commit(variant.store, places[message.index], _to_answer(variant, message))
            variant.answered += 1
            answered.set()
        else:
            _record_message(variant, message)
        worker.activity = _activity(variant, message) or worker.activity


def _link_stored(variant: VariantRun, places: list[answers.Link], planned: Planned) -> list[int]:
    """Link the answers that the store has already. Returns the indices of the missing ones."""
    variant.keys = planned.keys
    linked = answers.link_known(variant.store, {i: (places[i], key) for i, key in enumerate(planned.keys)})
    variant.answered = len(linked)
    conditions = {
        "prompt": planned.prompt_hash,
        "sampling": variant.experiment.sampling_for(variant.spec).conditions(),
        "task_set": variant.experiment.task_set.hash,
        **thinking_condition(variant.spec),
    }
    facts = replace(planned.facts, known=len(linked))
    runs.set_variant(variant.store, variant.variant_id, facts=facts, conditions=conditions)
    # Two items may share a key (the same prompt twice): one answer is generated and linked to both.
    first_by_key = {key: i for i, key in reversed(list(enumerate(planned.keys)))}
    return sorted(i for i in first_by_key.values() if i not in linked)


def thinking_condition(spec: VariantSpec) -> dict[str, str]:
    """Return the condition that says how a variant is to think; empty if its experiment does not say."""
    return {"thinking": spec.thinking_conditions} if spec.thinking_conditions else {}


def _to_answer(variant: VariantRun, message: Answered) -> Answer:
    return Answer(
        key=variant.keys[message.index],
        text=message.text,
        finish_reason=message.finish_reason,
        prompt_tokens=message.prompt_tokens,
        completion_tokens=message.completion_tokens,
        seconds=message.seconds,
        prompt_ids_hash=message.prompt_ids_hash,
        thoughts=message.thoughts,
        left_out=message.left_out,
    )


def _activity(variant: VariantRun, message: FromWorker) -> str:
    """Return what the worker does after sending this message; empty if the message does not show it."""
    if isinstance(message, Planned):
        return "starting the engine"
    if isinstance(message, Loading):
        return activity.loading(message)
    if isinstance(message, Loaded):
        variant.at_once = message.facts.slots
    if isinstance(message, Loaded | Answered | Progress):
        return activity.answering(variant.answered, len(variant.keys), variant.at_once)
    return ""


def _record_message(variant: VariantRun, message: FromWorker) -> None:
    """Record a message that is neither the plan nor an answer."""
    if isinstance(message, Loading):
        facts = VariantFacts(loading_fraction=message.fraction)
        _update_variant(variant, state="loading", phase=message.phase, facts=facts, cleared=["loading_fraction"])
    elif isinstance(message, Loaded):
        facts = replace(message.facts, answering_started=time.time())
        _update_variant(variant, state="answering", phase="", facts=facts, cleared=["loading_fraction"])
    elif isinstance(message, Progress):
        _record_progress(variant, message)
    elif isinstance(message, Unanswered):
        variant.unanswered[message.index] = message.reason
    elif isinstance(message, Finished):
        variant.outcome = "done"
        _update_variant(variant, facts=message.facts)
    elif isinstance(message, Failed):
        variant.outcome = message.reason


def _record_progress(variant: VariantRun, progress: Progress) -> None:
    """Write the newest figures, unless they were written less than `PROGRESS_SECONDS` ago."""
    now = time.monotonic()
    if now - variant.progress_written < PROGRESS_SECONDS:
        return
    variant.progress_written = now
    speed = progress.completion_tokens / progress.seconds if progress.seconds > 0 else 0.0
    facts = VariantFacts(
        prompt_tokens=progress.prompt_tokens,
        completion_tokens=progress.completion_tokens,
        tokens_per_second=round(speed, 2),
        active=progress.active,
        rss_bytes=progress.rss_bytes,
        gpu_bytes=progress.gpu_bytes,
    )
    _update_variant(variant, facts=facts, cleared=["gpu_bytes"])


async def _failure_reason(variant: VariantRun, worker: WorkerProcess, control: Control) -> str:
    """Return why answers of the variant are missing; empty if it is complete."""
    if control.cancelled.is_set() and variant.outcome is None:
        return control.reason
    if variant.outcome is None:
        return await worker.describe_end()
    if variant.outcome != "done":
        return variant.outcome
    _link_same_keys(variant)
    if variant.spec.engine == "openai" and variant.spec.api == "chat":
        open_thoughts.mark_unfinished(variant.store, variant.variant_id)
    return _describe_unanswered(variant)


def _link_same_keys(variant: VariantRun) -> None:
    """Link each answer to all items with its key: only the first of them was generated (see `_link_stored`)."""
    answers.link_known(variant.store, {i: (place, variant.keys[i]) for i, place in enumerate(variant.places)})


def _describe_unanswered(variant: VariantRun) -> str:
    if not variant.unanswered:
        return ""
    per_task = variant.experiment.sampling.samples
    shown = [f"task {i // per_task + 1}: {reason}" for i, reason in sorted(variant.unanswered.items())[:SHOWN_REASONS]]
    more = len(variant.unanswered) - len(shown)
    return (
        f"{len(variant.unanswered)} answers could not be generated: "
        + "; ".join(shown)
        + (f"; and {more} more" if more else "")
    )


async def _follow_requests(worker: WorkerProcess, control: Control) -> None:
    """Pause, resume and stop the worker as the user requests. A paused worker keeps its memory and its unfinished answers."""
    while not control.cancelled.is_set():
        await first_of(control.cancelled, control.paused)
        if control.paused.is_set():
            worker.pause()
            await control.running.wait()
            worker.resume()
    await worker.stop()


def _update_variant(variant: VariantRun, **changes: Any) -> None:
    runs.set_variant(variant.store, variant.variant_id, **changes)
