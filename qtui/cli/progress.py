"""The progress of a run on stderr, read from the store: on a terminal, a bar per variant with rate and time left.

If stderr is not a terminal (a log, a pipe): a line with the time when something begins or ends, and once a minute in between.
"""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from qtui.charts.variant_words import variant_notes
from qtui.format import count, duration, left_out_notes
from qtui.run_progress import JudgeProgress, RunSummary, ScorerProgress, VariantProgress
from qtui.store import Store, leases, runs
from qtui.store.errors import StoreError
from qtui.text import safe

POLL_SECONDS = 0.3
SECONDS_BETWEEN_LINES = 60.0
WORKING = ("loading", "answering", "grading")
DEAD_AFTER_SECONDS = 1.5
"""How long a run must look interrupted until it counts as interrupted: a runner that ends gives up its lease a moment earlier."""


def watch(store: Store, run_id: int, *, from_start: bool = True) -> RunSummary:
    """Show the run's progress until it ends, and return its last summary. `from_start` is false if it was already running."""
    console = Console(stderr=True, emoji=False)  # `openai:loop: …` is not an emoji
    last = (
        _with_bars(store, run_id, console) if console.is_terminal else _with_lines(store, run_id, console, from_start)
    )
    if not store.is_in_place() and last.state != "failed":
        raise StoreError(
            f"{store.path}: the store was deleted, moved or replaced. What run {run_id} wrote is no longer there."
        )
    return last


def _states(store: Store, run_id: int) -> Iterable[RunSummary]:
    """Summaries of the run until it has ended, the last one with its final state.

    A run with a final state has ended only if nobody holds its lease: after a resume, its state is that of the attempt before until
    the new runner has begun.
    """
    quiet_since: float | None = None
    while True:
        is_held = leases.holder(store, run_id) is not None
        run = runs.summaries(store, [run_id])[0]
        has_ended = run.state in ("done", "failed", "cancelled", "stopped", "waiting")
        if not (has_ended and is_held):
            yield run
        if has_ended and not is_held:
            return
        if run.active or is_held:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > DEAD_AFTER_SECONDS:
            return
        time.sleep(POLL_SECONDS)


def _with_bars(store: Store, run_id: int, console: Console) -> RunSummary:
    columns = [
        TextColumn("{task.fields[label]}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _StateColumn(),
    ]
    with Progress(*columns, console=console, expand=True) as progress:
        bars = _Bars(progress)
        last = None
        for last in _states(store, run_id):
            for variant in last.variants:
                bars.show(_variant_label(last, variant), variant.answered, variant.expected, variant_status(variant))
            for judge in last.judges:
                processed = judge.graded + judge.ungraded
                bars.show(f"judge {judge.label}", processed, judge.expected, _judge_status(judge))
            for scorer in last.scorers:
                bars.show(
                    f"scorer {scorer.label}", scorer.scored + scorer.unscored, scorer.expected, _scorer_status(scorer)
                )
    assert last is not None
    _print_end(console, last)
    return last


class _Bars:
    """One bar per label, created when it is first shown."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def show(self, label: str, done: int, total: int, state: str) -> None:
        if label not in self._bars:
            self._bars[label] = self._progress.add_task("", total=total, label=safe(label), state="")
        self._progress.update(self._bars[label], completed=done, total=total, state=safe(state))


class _StateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(str(task.fields["state"]), no_wrap=True, overflow="ellipsis")


def _with_lines(store: Store, run_id: int, console: Console, from_start: bool) -> RunSummary:
    lines = Lines(from_start=from_start)
    last = None
    for last in _states(store, run_id):
        clock = time.strftime("%H:%M:%S")
        for line in lines.due_lines(last, time.monotonic()):
            console.print(safe(f"{clock} {line}"), markup=False, highlight=False, soft_wrap=True)
    assert last is not None
    _print_end(console, last)
    return last


@dataclass(slots=True)
class _LastLine:
    """The last line of a variant or judge: (state, phase), when it was printed, and when the work began. Times in seconds."""

    state: tuple[str, str] = ("waiting", "")
    printed: float = 0.0
    began: float | None = None
    """Without the pauses before it; None if unknown."""


class Lines:
    """The lines of a log about a run: what begins, what ends, and once a minute the progress in between.

    `from_start` is false if the run was already running: when the work under way began is then unknown.
    """

    def __init__(self, *, from_start: bool = True) -> None:
        self._last_lines: dict[str, _LastLine] = {}
        self._from_start = from_start
        self._paused_at: float | None = None
        self._paused_seconds = 0.0

    def due_lines(self, run: RunSummary, now: float) -> Iterator[str]:
        """The lines that are due at `now` (seconds of any clock)."""
        self._count_pause(run, now)
        for variant in run.variants:
            is_getting_ready = variant.state in ("preparing", "loading")
            label, phase = _variant_label(run, variant), variant.phase if is_getting_ready else ""
            line = _variant_line(variant)
            yield from self._due(label, (variant.state, phase), line, variant.answered, variant.expected, now)
        for judge in run.judges:
            label, processed = f"judge {judge.label}", judge.graded + judge.ungraded
            yield from self._due(label, (judge.state, ""), _judge_status(judge), processed, judge.expected, now)
        for scorer in run.scorers:
            label, processed = f"scorer {scorer.label}", scorer.scored + scorer.unscored
            yield from self._due(label, (scorer.state, ""), _scorer_status(scorer), processed, scorer.expected, now)

    def _due(
        self, label: str, state: tuple[str, str], line: str, done: int, expected: int, now: float
    ) -> Iterator[str]:
        """The line about one variant or judge if it is due. `state` is (state, phase of loading or empty)."""
        is_first_look = label not in self._last_lines
        last = self._last_lines.setdefault(label, _LastLine(printed=now))
        # Preparing takes a moment, or reports a phase of its own.
        if state[0] in ("waiting", "preparing"):
            return
        active_time = now - self._paused_seconds
        if last.state[0] == "waiting" and (self._from_start or not is_first_look):
            last.began = active_time
        begins = state != last.state
        if not begins and (state[0] not in WORKING or now - last.printed < SECONDS_BETWEEN_LINES):
            return
        counted = f" ({done} of {expected})" if state[0] not in ("loading", "failed") and (done or not begins) else ""
        seconds = 0.0 if last.began is None else active_time - last.began
        took = f" in {duration(seconds)}" if state[0] == "done" and seconds >= 1 else ""
        last.state, last.printed = state, now
        yield f"{label}: {state[1] if begins and state[1] else line}{counted}{took}"

    def _count_pause(self, run: RunSummary, now: float) -> None:
        if self._paused_at is not None:
            self._paused_seconds += now - self._paused_at
        self._paused_at = now if run.state == "paused" else None


def _variant_line(variant: VariantProgress) -> str:
    """The status as in a bar, preceded by `answering` where it would be a rate alone."""
    words = variant_status(variant)
    return f"answering · {words}" if variant.state == "answering" and words != "answering" else words


def _variant_label(run: RunSummary, variant: VariantProgress) -> str:
    return variant.name if len(run.models) == 1 else f"{variant.model} {variant.name}"


def variant_status(variant: VariantProgress) -> str:
    """The state of a variant in a few words; while it answers, its rate and the time left."""
    if variant.state == "answering":
        speed = variant.facts.tokens_per_second
        left = seconds_left(variant)
        parts = [f"{speed:.0f} tok/s" if speed else "answering", f"{duration(left)} left" if left is not None else ""]
        return " · ".join(part for part in parts if part)
    if variant.state == "loading":
        fraction = variant.facts.loading_fraction
        return (variant.phase or "loading") + (f" {fraction:.0%}" if fraction else "")
    if variant.state == "failed":
        return f"failed: {variant.reason}"
    if variant.state == "preparing":
        return variant.phase or variant.state
    return variant.state


def seconds_left(variant: VariantProgress) -> float | None:
    """Estimated by the rate of the answers since the weights were loaded; None before the first answer."""
    began, reused = variant.facts.answering_started, variant.facts.known or 0
    done = variant.answered - reused
    if not began or done <= 0 or time.time() <= began:  # a clock that was set back a moment ago
        return None
    return float((time.time() - began) / done * (variant.expected - variant.answered))


def _judge_status(judge: JudgeProgress) -> str:
    ungraded = f" · {judge.ungraded_words}" if judge.ungraded else ""
    under_way = [batch for batch in judge.batches if batch.is_open]
    state = "waiting for " + count(len(under_way), "batch").replace("batchs", "batches") if under_way else judge.state
    return (f"{state}: {judge.reason}" if judge.reason else state) + ungraded


def _scorer_status(scorer: ScorerProgress) -> str:
    unscored = f" · {scorer.unscored} unscored" if scorer.unscored else ""
    return (f"failed: {scorer.reason}" if scorer.state == "failed" else scorer.state) + unscored


def _print_end(console: Console, run: RunSummary) -> None:
    """Print how the run ended, why, notes on its variants, and how to resume it."""
    state = "failed" if run.state == "failed" else f"is {run.state}"
    text = f"run {run.id} {state}: {run.answered} of {run.expected} answers"
    if run.reason:
        text += f"\n{run.reason}"
    of_files = {note: variant.name for variant in run.variants for note in variant.facts.notes}
    notes = [(name, note) for note, name in of_files.items()]
    notes += [(v.name, note) for v in run.variants for note in variant_notes(v) if note not in of_files]
    notes += [(f"judge {judge.label}", note) for judge in run.judges for note in left_out_notes(judge.left_out)]
    text += "".join(f"\nnote on {name}: {note}" for name, note in notes)
    if run.state == "interrupted":
        text += f"\nNothing is lost; run the same command again to resume (or `qtui resume {run.id}`)."
    console.print(safe(text), markup=False, highlight=False, soft_wrap=True)
