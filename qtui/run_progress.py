"""A run as the store knows it: how far its variants and judges are, and when it was worked on. What the Runs pane shows."""

from dataclasses import dataclass, field
from typing import Literal

from qtui.variant_facts import VariantFacts

NOTHING_TO_DO = "nothing to do"
"""Outcome of a later attempt without new answers or grades, because everything was done."""

# What the store may hold: a state that is none of these is damage. Whoever writes one has it from here.
RunState = Literal["waiting", "running", "paused", "done", "failed", "cancelled", "stopped"]
VariantState = Literal["waiting", "preparing", "loading", "answering", "done", "failed", "cancelled"]
JudgeState = Literal["waiting", "grading", "done", "failed", "cancelled", "stopped"]
ScorerState = Literal["waiting", "scoring", "done", "failed", "cancelled"]
BatchState = Literal["planned", "uploading", "uploaded", "submitting", "submitted", "fetched", "returned"]
DAMAGED = "damaged"
"""State of a run in a list whose rows in the store are damaged; its reason says which, and nothing else is known of it."""


@dataclass(frozen=True, slots=True)
class VariantProgress:
    """One variant of a run as stored, with counts of its answers."""

    id: int
    run_id: int
    position: int
    model: str
    name: str
    is_baseline: bool
    engine: str
    precision: str
    weights: str
    state: str
    """waiting, preparing, loading, answering, done, failed or cancelled."""
    phase: str
    """The current activity of the worker in one line, e.g. `quantizing`; empty if none."""
    reason: str
    """Why the variant failed; empty otherwise."""
    expected: int
    answered: int
    empty: int
    truncated: int
    role: str = "candidate"
    """One of `Role`."""
    facts: VariantFacts = field(default_factory=VariantFacts)
    """Facts that the worker read from its files and measured."""
    last_answered: float | None = None
    """When the last answer was stored (seconds since the epoch)."""
    broke_off: float | None = None
    """When the last answer before an interruption was stored, if the variant was then loaded again; else None.

    For runs of an older qtui, which stored no attempts.
    """
    left_out: tuple[str, ...] = ()
    """Settings of the sampling that the endpoint refused for any of its answers."""
    thought: int = 0
    """Number of answers with thoughts."""
    thinking: str = ""
    """`VariantSpec.thinking_conditions`: how the variant is to think; empty if its experiment does not say."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """A batch of a judge's questions at its endpoint. Times are seconds since the epoch."""

    batch_id: str
    """The endpoint's id; empty before it is submitted."""
    state: str
    """planned, uploading, uploaded, submitting, submitted, fetched, or returned: not worked on, see `reason`."""
    status: str
    """The endpoint's own word for its state, when it was last seen."""
    reason: str
    requests: int
    completed: int
    failed: int
    submitted: float | None
    seen: float | None
    """When the endpoint last said how the batch is."""

    @property
    def is_open(self) -> bool:
        return self.state not in ("fetched", "returned")


@dataclass(frozen=True, slots=True)
class JudgeProgress:
    id: int
    run_id: int
    label: str
    takes: int
    state: str
    """waiting, grading, done, failed, cancelled or stopped."""
    reason: str
    expected: int
    graded: int
    ungraded: int
    last_graded: float | None = None
    """When the last grade was stored (seconds since the epoch)."""
    fingerprint: str = ""
    """Hash of the judge's settings, as in its grades."""
    graded_variants: tuple[int, ...] = ()
    """Ids of the variants that have a grade of the judge; *ungraded* is none."""
    left_out: tuple[str, ...] = ()
    """Settings of the judge that its endpoint refused, so that its own were in force."""
    batches: tuple[BatchProgress, ...] = ()
    """The oldest first."""
    is_pairwise: bool = False
    """Whether it compares answers: counts are then preferences, two orders for each pair, and *ungraded* is *unjudged*."""

    @property
    def ungraded_words(self) -> str:
        """How many replies could not be read, e.g. `3 ungraded`; empty if all could."""
        return f"{self.ungraded} {'unjudged' if self.is_pairwise else 'ungraded'}" if self.ungraded else ""


@dataclass(frozen=True, slots=True)
class ScorerProgress:
    run_id: int
    label: str
    kind: str
    state: str
    """waiting, scoring, done, failed or cancelled."""
    reason: str
    expected: int
    scored: int
    unscored: int
    scored_variants: tuple[int, ...] = ()
    """Ids of the variants that have a score; *unscored* is none."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A period in which a runner worked on a run. Times are seconds since the epoch."""

    host: str
    pid: int
    started: float
    seen: float
    """The runner's last heartbeat."""
    ended: float | None
    """None while the runner works, and after it was killed until the run is resumed."""
    outcome: str
    """done, failed, cancelled, waiting, interrupted or NOTHING_TO_DO; empty before the end."""
    paused_seconds: float
    """Total length of the pauses that have ended."""
    paused_since: float | None

    def active_seconds(self, now: float | None = None) -> float:
        """Return the seconds without pauses, until `now` if that is given, else until the end or the last heartbeat."""
        until = now if now is not None else self.seen if self.ended is None else self.ended
        pause = until - self.paused_since if self.paused_since is not None else 0.0
        return max(0.0, until - self.started - self.paused_seconds - max(0.0, pause))


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run with everything that the Runs pane shows. Times are seconds since the epoch."""

    id: int
    experiment: str
    source: Literal["run", "import"]
    origin: str
    """The experiment's file, or the folder that was imported."""
    state: str
    """running, paused, done, failed, cancelled, stopped (at a limit of requests), or interrupted.

    interrupted is a run that was started, has not ended, and has no living runner. In a list also DAMAGED.
    waiting before its first runner, and while batches of its judges are under way without a runner.
    """
    reason: str
    task_set: str
    tasks: int
    created: float
    started: float | None
    ended: float | None
    variants: tuple[VariantProgress, ...]
    judges: tuple[JudgeProgress, ...]
    attempts: tuple[Attempt, ...] = ()
    """The oldest first."""
    ends: tuple[str, ...] = ()
    """Events that will end the runner, as words after "ends": `with Slurm job 4711`. Kept after they have ended it."""
    ends_at: float | None = None
    """The latest time of that; None if unknown."""
    scorers: tuple[ScorerProgress, ...] = ()

    @property
    def active(self) -> bool:
        return self.state in ("running", "paused")

    def active_seconds(self, now: float) -> float | None:
        """Return the active time: excludes pauses and the gap between an interruption and the resume.

        An attempt with nothing to do does not count. None if an older qtui worked on the run: it stored no attempts.
        """
        if self.started is None or not self.attempts or self.attempts[0].started > self.started:
            return None
        last = self.attempts[-1]
        return sum(
            attempt.active_seconds(now if self.active and attempt is last else None)
            for attempt in self.attempts
            if attempt.outcome != NOTHING_TO_DO
        )

    @property
    def expected(self) -> int:
        return sum(v.expected for v in self.variants)

    @property
    def answered(self) -> int:
        return sum(v.answered for v in self.variants)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v.model for v in self.variants))
