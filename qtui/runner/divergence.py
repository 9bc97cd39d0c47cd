"""Measuring a candidate's divergence on the baseline's answers, token by token. Each measured answer is committed at once.

This is not part of a run, because it needs both models in memory and runs only on request. It takes no lease: two processes that
measure the same pair write the same rows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from qtui import paths
from qtui.engines.protocol.answering import Failed, Item, Loading, MissingItems
from qtui.engines.protocol.divergence import (
    BaselineAnswer,
    Comparison,
    ComparisonFinished,
    ComparisonProgress,
    ContentKeys,
    FromDivergence,
    MeasuredAnswer,
    ModelsLoaded,
    decode,
)
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, parse
from qtui.records import UNKNOWN
from qtui.run_progress import RunSummary, VariantProgress
from qtui.runner import activity, turns
from qtui.runner.worker_process import WorkerProcess
from qtui.store import Store, answers, divergences, runs

MODULE = "qtui.engines.processes.divergence"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: answers done, answers missing at the start, what the process does, tokens per second through both models."""

    done: int
    total: int
    phase: str = ""
    tokens_per_second: float | None = None


def measure(
    store: Store, run_id: int, *, model: str, baseline: str, candidate: str, report: Callable[[Step], None]
) -> None:
    """Measure the missing answers of a pair; starts no process if none is missing. An interruption loses one answer at most.

    Raises UserError if the models cannot run here, have changed since the run, or have different tokenizers.
    """
    run = runs.summaries(store, [run_id])[0]
    sides = [_variant(run, model, name) for name in (baseline, candidate)]
    pair = divergences.Pair(sides[0].id, sides[1].id)
    missing = divergences.missing(store, pair)
    if not sides[0].answered:
        raise UserError(f"{model} {baseline} has not answered anything in run {run_id} yet.")
    if missing:
        experiment = _experiment(store, run)
        measuring = _Measuring(store, run, pair, (sides[0], sides[1]), missing, report)
        asyncio.run(measuring.run(_comparison(store, run_id, experiment, (sides[0], sides[1]), missing)))


def _variant(run: RunSummary, model: str, name: str) -> VariantProgress:
    for variant in run.variants:
        if (variant.model, variant.name) == (model, name):
            return variant
    present = ", ".join(f"{v.model} {v.name}" for v in run.variants)
    raise UserError(f"run {run.id} has no {model} {name} (variants: {present})")


def _experiment(store: Store, run: RunSummary) -> Experiment:
    if run.source == "import":
        raise UserError(
            f"run {run.id} ({run.experiment}) was imported: its models are not on this machine, and divergence is measured "
            "by running them. Run the experiment here first."
        )
    return parse(runs.definition(store, run.id), Path(run.origin), stored_tasks=runs.task_set(store, run.id))


def _comparison(
    store: Store,
    run_id: int,
    experiment: Experiment,
    sides: tuple[VariantProgress, VariantProgress],
    missing: list[divergences.BaselineAnswer],
) -> Comparison:
    plan = next((each for each in experiment.models if each.name == sides[0].model), None)
    specs = {variant.name: variant for variant in plan.variants} if plan else {}
    if plan is None or any(side.name not in specs for side in sides):
        raise UserError(
            f"the experiment of run {run_id} no longer names {sides[0].model} {sides[0].name} or {sides[1].name}"
        )
    items = _items(store, run_id, experiment.sampling.samples, sides[0])
    index = {(item.task, item.sample): number for number, item in enumerate(items)}
    baseline_answers = [
        BaselineAnswer(
            item=index[each.task, each.place.sample],
            key=each.key,
            text=each.text,
            finish_reason=each.finish_reason,
            completion_tokens=each.completion_tokens,
        )
        for each in missing
    ]
    sampling = experiment.sampling_of(plan.name)
    return Comparison(
        specs[sides[0].name],
        specs[sides[1].name],
        sampling,
        plan.prompt,
        items,
        baseline_answers,
        allows_cpu=runs.allows_cpu(store, run_id),
        date=runs.date_of(store, run_id),
    )


def _items(store: Store, run_id: int, samples: int, baseline: VariantProgress) -> list[Item]:
    """The items of all tasks. Both sides get later turns with the baseline's answers before them; those without are left out."""
    tasks = [task for _, task in runs.tasks(store, run_id)]
    has_turns = any(task.follows is not None for task in tasks)
    texts = answers.texts(store, baseline.id) if has_turns else {}
    return turns.items(tasks, range(1, len(tasks) + 1), samples, texts).items


@dataclass(slots=True)
class _Measuring:
    """One process that measures one pair."""

    store: Store
    summary: RunSummary
    pair: divergences.Pair
    sides: tuple[VariantProgress, VariantProgress]
    missing: list[divergences.BaselineAnswer]
    report: Callable[[Step], None]
    weights: divergences.Weights | None = None
    done: int = 0
    pace: float | None = None
    outcome: str | None = None
    """`done`, or the reason of a failure; None until the process has reported one of them."""

    async def run(self, comparison: Comparison) -> None:
        log = paths.logs() / f"divergence-{self.summary.id}-{self.pair.baseline_id}-{self.pair.candidate_id}.log"
        async with WorkerProcess(log, MODULE) as process:
            await process.send(comparison)
            try:
                async for line in process.lines():
                    await self._receive(decode(line), process)
            except msgspec.DecodeError as error:
                raise UserError(f"the process sent a message that cannot be read ({error}). Its log: {log}") from None
            if self.outcome is None:
                self.outcome = await process.describe_end()
        if self.outcome != "done":
            raise UserError(f"{self._names()}: {self.outcome}")

    async def _receive(self, message: FromDivergence, process: WorkerProcess) -> None:
        if isinstance(message, ContentKeys):
            self._check_unchanged(message)
            process.activity = "starting the engines"
            await process.send(MissingItems(self._link_stored(message)))
        elif isinstance(message, MeasuredAnswer):
            assert self.weights is not None
            divergences.commit(self.store, self.pair, self.missing[message.index], self.weights, message.divergence)
            self.done += 1
            process.activity = activity.comparing(self.done, len(self.missing))
            self._report()
        elif isinstance(message, ComparisonProgress):
            self.pace = message.tokens / message.seconds if message.seconds > 0 else None
            self._report()
        elif isinstance(message, ModelsLoaded):
            process.activity = activity.comparing(self.done, len(self.missing))
        elif isinstance(message, Loading):
            process.heard(message.weights_bytes)
            process.activity = activity.loading(message)
            self._report(message.phase + (f" {message.fraction:.0%}" if message.fraction else ""))
        elif isinstance(message, ComparisonFinished):
            self.outcome = "done"
        elif isinstance(message, Failed):
            self.outcome = message.reason

    def _report(self, phase: str = "") -> None:
        self.report(Step(self.done, len(self.missing), phase, self.pace))

    def _check_unchanged(self, keyed: ContentKeys) -> None:
        """Raises UserError if the weights or prompts differ from those that the run recorded for its answers."""
        for side, fingerprint in zip(
            self.sides, (keyed.baseline_fingerprint, keyed.candidate_fingerprint), strict=True
        ):
            if (side.facts.weights_fingerprint or fingerprint) != fingerprint:
                raise UserError(
                    f"{side.model} {side.name}: the weights at {side.weights} have changed since they answered in run "
                    f"{self.summary.id}. Answer again with `qtui resume {self.summary.id}`, then repeat this command."
                )
        prompt_hash = runs.conditions_of(self.store, self.pair.baseline_id).get("prompt", UNKNOWN)
        if prompt_hash not in (UNKNOWN, keyed.prompt_hash):
            raise UserError(
                f"{self.sides[0].model}: the prompts have changed since run {self.summary.id} answered (from the model's files or "
                f"the experiment). Answer again with `qtui resume {self.summary.id}`, then repeat this command."
            )
        self.weights = divergences.Weights(keyed.baseline_fingerprint, keyed.candidate_fingerprint)

    def _link_stored(self, keyed: ContentKeys) -> list[int]:
        """Link answers that another run has measured. Returns the indices of those that are still missing."""
        keys = {answer.place: key for answer, key in zip(self.missing, keyed.keys, strict=True)}
        linked = divergences.link_known(self.store, self.pair, keys)
        self.done = len(linked)
        return [index for index, answer in enumerate(self.missing) if answer.place not in linked]

    def _names(self) -> str:
        return f"{self.sides[0].model}, {self.sides[0].name} and {self.sides[1].name}"
