"""Holding a candidate against the baseline's answers, token by token: what is missing is measured and committed answer by answer.

Not part of a run: it needs both models at once, and is asked for when somebody wants to know. No lease either: two at the same work
write the same rows.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from qtui import paths
from qtui.engines.protocol.answering import Failed, Finished, Item, Loaded, Loading, Wanted
from qtui.engines.protocol.divergence import Comparison, FromDivergence, Given, Keyed, Measured, Pace, decode
from qtui.errors import UserError
from qtui.experiment.experiment import Experiment, parse
from qtui.records import UNKNOWN, RunSummary, VariantProgress
from qtui.runner import activity
from qtui.runner.worker_process import WorkerProcess
from qtui.store import Store, divergences, runs

MODULE = "qtui.engines.processes.divergence"


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is: answers done of those that were missing, what the process does, tokens per second through both models."""

    done: int
    of: int
    phase: str = ""
    tokens_per_second: float | None = None


def measure(
    store: Store, run_id: int, *, model: str, baseline: str, candidate: str, tell: Callable[[Step], None]
) -> None:
    """Measure what is missing of a pair; nothing is started where nothing is. Ending it at any moment loses one answer at most.

    Raises UserError where the models cannot be run here, have changed since the run, or do not share a tokenizer.
    """
    run = runs.summaries(store, [run_id])[0]
    sides = [_variant(run, model, name) for name in (baseline, candidate)]
    pair = divergences.Pair(sides[0].id, sides[1].id)
    missing = divergences.missing(store, pair)
    if not sides[0].answered:
        raise UserError(f"{model} {baseline} has not answered anything in run {run_id} yet.")
    if missing:
        experiment = _experiment(store, run)
        measuring = _Measuring(store, run, pair, (sides[0], sides[1]), missing, tell)
        asyncio.run(measuring.run(_comparison(store, run_id, experiment, (sides[0], sides[1]), missing)))


def _variant(run: RunSummary, model: str, name: str) -> VariantProgress:
    for variant in run.variants:
        if (variant.model, variant.name) == (model, name):
            return variant
    known = ", ".join(f"{v.model} {v.name}" for v in run.variants)
    raise UserError(f"run {run.id} has no {model} {name} (variants: {known})")


def _experiment(store: Store, run: RunSummary) -> Experiment:
    if run.source == "import":
        raise UserError(
            f"run {run.id} ({run.experiment}) was imported: the models that answered are not on this machine, and divergence "
            "is computed by running them. Run the experiment here for it."
        )
    return parse(runs.definition(store, run.id), Path(run.origin), is_stored=True)


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
    samples = experiment.sampling.samples
    items = [
        Item(position, sample, task.input)
        for position, (_, task) in enumerate(runs.tasks(store, run_id), start=1)
        for sample in range(samples)
    ]
    given = [
        Given(
            item=(each.task - 1) * samples + each.place.sample,
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
        given,
        allows_cpu=runs.allows_cpu(store, run_id),
    )


@dataclass(slots=True)
class _Measuring:
    """One process at work for one pair."""

    store: Store
    summary: RunSummary
    pair: divergences.Pair
    sides: tuple[VariantProgress, VariantProgress]
    missing: list[divergences.BaselineAnswer]
    tell: Callable[[Step], None]
    weights: divergences.Weights | None = None
    done: int = 0
    pace: float | None = None
    ended: str | None = None
    """`done`, or the reason of a failure, once the process said so."""

    async def run(self, comparison: Comparison) -> None:
        log = paths.logs() / f"divergence-{self.summary.id}-{self.pair.baseline_id}-{self.pair.candidate_id}.log"
        async with WorkerProcess(log, MODULE) as process:
            await process.send(comparison)
            try:
                async for line in process.lines():
                    await self._hear(decode(line), process)
            except msgspec.DecodeError as error:
                raise UserError(f"the process sent a message that cannot be read ({error}). Its log: {log}") from None
            if self.ended is None:
                self.ended = await process.how_it_ended()
        if self.ended != "done":
            raise UserError(f"{self._names()}: {self.ended}")

    async def _hear(self, message: FromDivergence, process: WorkerProcess) -> None:
        if isinstance(message, Keyed):
            self._check(message)
            process.doing = "starting the engines"
            await process.send(Wanted(self._link_known(message)))
        elif isinstance(message, Measured):
            assert self.weights is not None
            divergences.commit(self.store, self.pair, self.missing[message.index], self.weights, message.divergence)
            self.done += 1
            process.doing = activity.comparing(self.done, len(self.missing))
            self._tell()
        elif isinstance(message, Pace):
            self.pace = message.tokens / message.seconds if message.seconds > 0 else None
            self._tell()
        elif isinstance(message, Loaded):
            process.doing = activity.comparing(self.done, len(self.missing))
        elif isinstance(message, Loading):
            process.doing = activity.loading(message)
            self._tell(message.phase + (f" {message.fraction:.0%}" if message.fraction else ""))
        elif isinstance(message, Finished):
            self.ended = "done"
        elif isinstance(message, Failed):
            self.ended = message.reason

    def _tell(self, phase: str = "") -> None:
        self.tell(Step(self.done, len(self.missing), phase, self.pace))

    def _check(self, keyed: Keyed) -> None:
        """The answers were made by these weights to these prompts, as far as the run knows."""
        for side, fingerprint in zip(
            self.sides, (keyed.baseline_fingerprint, keyed.candidate_fingerprint), strict=True
        ):
            if side.facts.get("weights_fingerprint", fingerprint) != fingerprint:
                raise UserError(
                    f"{side.model} {side.name}: the weights at {side.weights} have changed since run {self.summary.id} answered "
                    f"with them. `qtui resume {self.summary.id}` answers anew; then ask again."
                )
        asked = runs.conditions_of(self.store, self.pair.baseline_id).get("prompt", UNKNOWN)
        if asked not in (UNKNOWN, keyed.prompt_hash):
            raise UserError(
                f"{self.sides[0].model}: run {self.summary.id} asked with other prompts than the model's files and the experiment "
                f"give now. `qtui resume {self.summary.id}` answers anew; then ask again."
            )
        self.weights = divergences.Weights(keyed.baseline_fingerprint, keyed.candidate_fingerprint)

    def _link_known(self, keyed: Keyed) -> list[int]:
        """Link what another run has measured already; the indices that are still missing."""
        keys = {answer.place: key for answer, key in zip(self.missing, keyed.keys, strict=True)}
        known = divergences.link_known(self.store, self.pair, keys)
        self.done = len(known)
        return [index for index, answer in enumerate(self.missing) if answer.place not in known]

    def _names(self) -> str:
        return f"{self.sides[0].model}, {self.sides[0].name} and {self.sides[1].name}"
