"""Answers one variant: a worker plans the job, answers that the store has are linked, and the worker generates the others.

Each answer is committed as soon as it is complete.
"""

import asyncio
import contextlib
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
from qtui.records import Answer, PromptSource, VariantSpec, content_hash
from qtui.runner import activity, shared_answers, turns
from qtui.runner.control import Control, first_of
from qtui.runner.keys import keys_of_worker
from qtui.runner.progress_watch import Patience, patience_of_user
from qtui.runner.worker_process import WorkerProcess
from qtui.store import Store, answers, claims, open_thoughts, runs
from qtui.store.errors import NoSpaceError
from qtui.variant_facts import VariantFacts

PROGRESS_SECONDS = 0.5
SHOWN_REASONS = 3
WORKERS_PER_TURN = 2


@dataclass(slots=True)
class VariantRun:
    """One variant in progress, with the state that the worker has reported so far."""

    store: Store
    run_id: int
    variant_id: int
    spec: VariantSpec
    prompt: PromptSource
    experiment: Experiment
    items: list[Item] = field(default_factory=list)
    """The items of the turn in progress. Tasks of one turn have no other."""
    keys: list[str] = field(default_factory=list)
    """The keys of these items."""
    unanswered: dict[turns.Place, str] = field(default_factory=dict)
    outcome: str | None = None
    """`done`, or the reason of a failure; None until the worker has reported one of them."""
    answered: int = 0
    """Number of answers in the store, those of earlier runs included."""
    known: int = 0
    """Number of these that the store had when their turn was planned."""
    hung: str = ""
    """What showed that the worker hangs; empty if it did not."""
    elsewhere: dict[str, int] = field(default_factory=dict)
    """Answers of the turn that another run computes now: key → its run."""
    at_once: int | None = None
    """How many answers the worker generates at once."""
    progress_written: float = 0.0
    before: VariantFacts = field(default_factory=VariantFacts)
    """What was measured in the turns before."""
    prompt_hashes: list[str] = field(default_factory=list)
    """Of the jobs with first turns so far: one, or two if only some tasks have their choices scored."""

    @property
    def places(self) -> list[answers.Link]:
        """The variant, task and sample that each answer of the job is linked to, in the order of the job's items."""
        ids = [task_id for task_id, _ in runs.tasks(self.store, self.run_id)]
        return [answers.Link(self.variant_id, ids[item.task - 1], item.sample) for item in self.items]

    @property
    def expected(self) -> int:
        """The number of answers of all turns."""
        return len(self.experiment.task_set.tasks) * self.experiment.sampling.samples


async def answer_variant(variant: VariantRun, control: Control, answered: asyncio.Event) -> str:
    """Compute the missing answers of a variant. Returns why it failed, or an empty text. Sets `answered` after every new row."""
    _update_variant(variant, state="preparing", phase="", reason="")
    tasks = variant.experiment.task_set.tasks
    reason = ""
    every_turn = turns.turns(tasks)
    for number, positions in enumerate(every_turn, start=1):
        texts = {} if number == 1 else answers.texts(variant.store, variant.variant_id)
        turn = turns.items(
            tasks, positions, variant.experiment.sampling.samples, texts, variant.experiment.scored_choices
        )
        variant.unanswered |= dict.fromkeys(turn.unanswerable, turns.NO_EARLIER_ANSWER)
        for items in turns.by_sort(turn.items) if turn.items or number == 1 else ():
            variant.items, variant.keys, variant.outcome = items, [], None
            reason = reason or await _answer_turn(variant, control, answered)
        if control.cancelled.is_set() and number < len(every_turn):
            reason = reason or control.reason
        if reason:
            break
    reason = reason or _describe_unanswered(variant)
    if control.cancelled.is_set() and reason:
        _update_variant(variant, state="cancelled", phase="")
        return ""
    _update_variant(variant, state="failed" if reason else "done", phase="", reason=reason)
    return reason


async def _answer_turn(variant: VariantRun, control: Control, answered: asyncio.Event) -> str:
    """Answer one turn. Returns why no further turn can be answered, or an empty text.

    First what no other run computes; then the other run's answers are linked as they arrive. What it leaves is computed here.
    """
    before = (variant.answered, variant.known, list(variant.prompt_hashes))
    while True:
        variant.answered, variant.known, variant.prompt_hashes = before[0], before[1], list(before[2])
        reason = await _answer_missing(variant, control, answered)
        if reason or not variant.elsewhere:
            return reason
        await _link_from_elsewhere(variant, control, answered)
        if control.cancelled.is_set() or not variant.elsewhere:
            return control.reason


async def _answer_missing(variant: VariantRun, control: Control, answered: asyncio.Event) -> str:
    """Compute the missing answers of one turn that no other run computes. Returns as `_answer_turn` does.

    A worker that hangs is killed, and another one does the rest; if that hangs, too, the variant fails.
    """
    before = (variant.answered, variant.known, list(variant.prompt_hashes))
    reason = ""
    for _ in range(WORKERS_PER_TURN):
        variant.answered, variant.known, variant.prompt_hashes = before[0], before[1], list(before[2])
        variant.outcome, variant.hung = None, ""
        reason = await _answer_with_worker(variant, control, answered)
        if not variant.hung or control.cancelled.is_set():
            return reason
    return f"{reason} Another worker before it hung, too."


async def _link_from_elsewhere(variant: VariantRun, control: Control, answered: asyncio.Event) -> None:
    """Link the answers that another run computes, until there are no more, or until it leaves some."""
    places: dict[str, list[answers.Link]] = {}
    for place, key in zip(variant.places, variant.keys, strict=True):
        if key in variant.elsewhere:
            places.setdefault(key, []).append(place)
    _update_variant(variant, state="preparing", phase=shared_answers.in_words(variant.elsewhere))
    async for stored in shared_answers.link_as_they_arrive(variant.store, variant.run_id, places, control):
        variant.answered += sum(len(places[key]) for key in stored)
        variant.known += sum(len(places[key]) for key in stored)
        for key in stored:
            del variant.elsewhere[key]
        phase = shared_answers.in_words(variant.elsewhere) if variant.elsewhere else ""
        _update_variant(variant, phase=phase, facts=VariantFacts(known=variant.known))
        answered.set()


async def _answer_with_worker(variant: VariantRun, control: Control, answered: asyncio.Event) -> str:
    """Compute the missing answers of one turn with one worker. Returns as `_answer_turn` does."""
    log = paths.logs() / f"run-{variant.run_id}-{variant.variant_id}.log"
    title = f"run {variant.run_id}, variant {variant.variant_id} in {variant.store.path}"
    keys, patience = keys_of_worker(variant.spec), _patience(variant)
    async with WorkerProcess(log, title=title, keys=keys, patience=patience, control=control) as worker:
        listening = asyncio.create_task(_handle_messages(variant, worker, answered))
        watching = asyncio.create_task(_follow_requests(worker, control))
        await worker.send(_job(variant))
        try:
            await listening
        except msgspec.DecodeError as error:
            variant.outcome = f"The worker sent a message that cannot be read ({error}). Its log: {log}"
        finally:
            watching.cancel()
            # On a full disk the claims end with the lease.
            with contextlib.suppress(NoSpaceError):
                claims.give_up(variant.store, variant.run_id)
        return await _failure_reason(variant, worker, control)


def _job(variant: VariantRun) -> Job:
    experiment = variant.experiment
    title = f"run {variant.run_id}, variant {variant.variant_id}"
    return Job(
        variant.spec,
        experiment.sampling_for(variant.spec),
        variant.prompt,
        variant.items,
        title=title,
        has_conversations=any(task.follows is not None for task in experiment.task_set.tasks),
        allows_cpu=runs.allows_cpu(variant.store, variant.run_id),
        date=runs.date_of(variant.store, variant.run_id),
    )


def _patience(variant: VariantRun) -> Patience:
    """How long the worker may be silent. Requests to an endpoint have limits of their own, and may wait for hours."""
    return Patience.of_seconds(0) if variant.spec.engine == "openai" else patience_of_user()


async def _handle_messages(variant: VariantRun, worker: WorkerProcess, answered: asyncio.Event) -> None:
    """Handle the worker's messages until it closes its output."""
    places = variant.places
    async for message in worker.messages():
        if isinstance(message, Planned):
            worker.heard(weights_bytes=message.facts.file_bytes)
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
    """Link the answers that the store has already. Returns the indices of the missing ones, without those of other runners."""
    variant.keys = planned.keys
    links = {i: (places[i], key) for i, key in enumerate(planned.keys)}
    linked, variant.elsewhere = answers.link_or_claim(variant.store, variant.run_id, links)
    variant.answered += len(linked)
    is_first_turn = not any(item.earlier for item in variant.items)
    if is_first_turn:
        variant.prompt_hashes.append(planned.prompt_hash)
    hashes = variant.prompt_hashes
    prompt = hashes[0] if len(hashes) == 1 else content_hash("prompts", hashes)
    conditions = {
        **({"prompt": prompt} if is_first_turn else {}),
        "sampling": variant.experiment.sampling_for(variant.spec).conditions(),
        "task_set": variant.experiment.task_set.hash,
        **thinking_condition(variant.spec),
    }
    variant.known += len(linked)
    facts = replace(planned.facts, known=variant.known)
    runs.set_variant(variant.store, variant.variant_id, facts=facts, conditions=conditions)
    # Two items may share a key (the same prompt twice): one answer is generated and linked to both.
    first_by_key = {key: i for i, key in reversed(list(enumerate(planned.keys)))}
    return sorted(i for key, i in first_by_key.items() if i not in linked and key not in variant.elsewhere)


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
        choice_scores=message.choice_scores,
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
        return activity.answering(variant.answered, variant.expected, variant.at_once)
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
        item = variant.items[message.index]
        variant.unanswered[item.task, item.sample] = message.reason
    elif isinstance(message, Finished):
        variant.outcome = "done"
        variant.before = _in_all_turns(variant.before, message.facts)
        _update_variant(variant, facts=variant.before)
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
        variant.hung = worker.hung
        return await worker.describe_end()
    if variant.outcome != "done":
        return variant.outcome
    _link_same_keys(variant)
    if variant.spec.engine == "openai" and variant.spec.api == "chat":
        open_thoughts.mark_unfinished(variant.store, variant.variant_id)
    return ""


def _in_all_turns(before: VariantFacts, now: VariantFacts) -> VariantFacts:
    """Return what was measured in a turn with the sums of the turns before, for figures that count."""
    if before.is_empty or now.is_empty:
        return before if now.is_empty else now
    seconds = (before.seconds or 0.0) + (now.seconds or 0.0)
    completion = (before.completion_tokens or 0) + (now.completion_tokens or 0)
    return replace(
        now,
        seconds=seconds,
        completion_tokens=completion,
        prompt_tokens=(before.prompt_tokens or 0) + (now.prompt_tokens or 0),
        tokens_per_second=round(completion / seconds, 2) if seconds else now.tokens_per_second,
    )


def _link_same_keys(variant: VariantRun) -> None:
    """Link each answer to all items with its key: only the first of them was generated (see `_link_stored`)."""
    answers.link_known(variant.store, {i: (place, variant.keys[i]) for i, place in enumerate(variant.places)})


def _describe_unanswered(variant: VariantRun) -> str:
    if not variant.unanswered:
        return ""
    shown = [f"task {task}: {reason}" for (task, _), reason in sorted(variant.unanswered.items())[:SHOWN_REASONS]]
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
