"""A run as lines of text: a heading, a line per variant and per judge, and every error in full.

Pure: a record and a width in, lines out. Columns without any value (an imported run has no speed) are left out.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.style import Style
from rich.text import Text

from qtui import session_end
from qtui.charts.batch_words import batch_lines
from qtui.charts.role_words import followed
from qtui.charts.variant_words import variant_notes
from qtui.format import day, duration, left_out_notes, rough_duration, size
from qtui.run_progress import NOTHING_TO_DO, JudgeProgress, RunSummary, ScorerProgress, VariantProgress
from qtui.text import cut, safe, width, wrap
from qtui.ui.widgets.columns import GAP, Column, layout

SIGNS = {
    "running": "▶", "paused": "‖", "done": "✓", "failed": "✗", "cancelled": "■", "stopped": "■", "interrupted": "!",
    "damaged": "!", "waiting": "·", "imported": "✓", "preparing": "▶", "loading": "▶", "answering": "▶", "grading": "▶",
}  # fmt: skip
ROLES = {
    "done": "good", "imported": "good", "failed": "bad", "interrupted": "bad", "damaged": "bad", "cancelled": "quiet",
    "waiting": "quiet", "paused": "notice", "stopped": "notice",
}  # fmt: skip
"""Colour role of each state; a state without one is in progress."""

NAME = Column("", flex=1, least=8)
STATE = Column("", width=11)
BAR = Column("", flex=2, least=6, drop=5)
FIGURES = (
    Column("answers", align="right"),
    Column("tok/s", align="right", drop=3),
    Column("left", align="right", drop=2),
    Column("memory", align="right", drop=6),
    Column("empty", align="right", drop=1),
    Column("cut", align="right", drop=1),
)
TABLE_MOST = 96
"""Cells; wider, the figures would be too far from their names."""


@dataclass(frozen=True, slots=True)
class Line:
    """The columns of one variant or judge; `bar` is the share that is done, 0 to 1."""

    name: str
    state: str
    bar: float
    cells: tuple[str, ...]
    """The columns of FIGURES: answers, speed, time left, memory, empty answers, answers cut off at the token limit."""
    phase: str
    reason: str
    batches: tuple[str, ...] = ()
    """How the batches of a judge are."""
    notes: tuple[str, ...] = ()
    """Problems that do not stop the run, each with its remedy."""


def state_text(state: str) -> str:
    return f"{SIGNS.get(state, '?')} {state}"


def role(state: str) -> str:
    return ROLES.get(state, "active")


def run_lines(
    run: RunSummary,
    cells: int,
    styles: Mapping[str, Style],
    *,
    now: float | None = None,
    note: str = "",
    costs: Sequence[str] = (),
) -> list[Text]:
    """Return lines of at most `cells` cells, with `note` beside the run's state. `costs` are sentences on what it used.

    `styles`: strong, quiet, good, bad, notice, active, bar, rest.
    """
    now = time.time() if now is None else now
    lines = list(_heading(run, cells, styles, now, note))
    if run.variants:
        lines += [
            Text(),
            *_table(
                "answers",
                [_variant(v, _state(run, v), _stands_at(run, now)) for v in run.variants],
                [v.model for v in run.variants],
                cells,
                styles,
            ),
        ]
    if run.judges:
        lines += [
            Text(),
            *_table(
                "grades",
                [_judge(j, _state(run, j), now) for j in run.judges],
                ["Judges"] * len(run.judges),
                cells,
                styles,
            ),
        ]
    if run.scorers:
        scored = [_scorer(scorer, scorer.state) for scorer in run.scorers]
        lines += [Text(), *_table("scores", scored, ["Scorers"] * len(scored), cells, styles)]
    if costs:
        lines += [Text(), _styled("Costs", styles["strong"])]
        lines += [
            _styled("  " + line, styles["quiet"]) for each in costs for line in wrap(safe(each), max(10, cells - 3))
        ]
    return lines


def _scorer(scorer: ScorerProgress, state: str) -> Line:
    return Line(
        name=scorer.label,
        state=state,
        bar=(scorer.scored + scorer.unscored) / scorer.expected if scorer.expected else 0.0,
        cells=(f"{scorer.scored}/{scorer.expected}", *[""] * (len(FIGURES) - 1)),
        phase=f"{scorer.unscored} unscored" if scorer.unscored else "",
        reason=scorer.reason,
    )


def _heading(run: RunSummary, cells: int, styles: Mapping[str, Style], now: float, note: str) -> Iterator[Text]:
    title = _styled(cut(safe(run.experiment), cells - 16), styles["strong"])
    title.append(f"  {state_text(run.state)}", styles[role(run.state)])
    if note and title.cell_len + 2 + width(note) <= cells:
        title.append("  " + note, styles["notice"])
    yield title
    description = f"{run.tasks} tasks of {safe(run.task_set)}"
    if run.source == "import":
        description += f" · imported {rough_duration(now - run.created)} ago from {safe(_short(run.origin))}"
    elif run.started is None:
        description += " · not started yet"
    else:
        description += f" · started {day(run.started)}, {_worked(run, run.started, now)}"
        description += f" · {safe(_short(run.origin))}"
    yield from (_styled(line, styles["quiet"]) for line in wrap(description, cells))
    if run.ends and run.active:
        words = session_end.in_words(run.ends, run.ends_at, now)
        yield from (_styled(line, styles["notice"]) for line in wrap(safe(f"{words[0].upper()}{words[1:]}."), cells))
    if run.reason:
        style = styles["notice" if run.state in ("waiting", "stopped") else "bad"]
        yield from (_styled(line, style) for line in wrap(safe(run.reason), cells))
    if run.state == "interrupted":
        yield from (_styled(line, styles["notice"]) for line in wrap("Nothing is lost; press r to resume.", cells))
        if run.ends:
            cause = f"It was expected to end {' or '.join(run.ends)}."
            yield from (_styled(line, styles["notice"]) for line in wrap(safe(cause), cells))


def _worked(run: RunSummary, started: float, now: float) -> str:
    """Return the active time in words: it excludes pauses and the gap between an interruption and the resume."""
    seconds = run.active_seconds(now)
    if seconds is None:
        seconds, left_out = _estimate(run, started, now)
    else:
        left_out = _left_out(run)
    worked, note = duration(seconds), f" ({left_out} excluded)" if left_out else ""
    if run.ended:
        return f"took {worked}{note}"
    return f"{worked} until the interruption{note}" if run.state == "interrupted" else f"{worked} so far{note}"


def _stands_at(run: RunSummary, now: float) -> float:
    """Return now, or the start of the current pause: the time left does not grow during a pause."""
    since = run.attempts[-1].paused_since if run.attempts else None
    return now if since is None else since


def _left_out(run: RunSummary) -> str:
    is_resumed = sum(attempt.outcome != NOTHING_TO_DO for attempt in run.attempts) > 1
    was_paused = any(attempt.paused_seconds or attempt.paused_since for attempt in run.attempts)
    if is_resumed:
        return "resumed; pauses and gaps" if was_paused else "resumed; gaps"
    return "pauses" if was_paused else ""


def _estimate(run: RunSummary, started: float, now: float) -> tuple[float, str]:
    """Return active seconds and what they exclude, for a run of an older qtui: estimated from the times of its answers."""
    idle = [_idle(variant) for variant in run.variants]
    # A complete run that is resumed ends again without any work.
    still = run.state in ("interrupted", "done")
    ended = _last_sign(run, started) if still else run.ended or now
    return ended - started - sum(idle), "resumed; gaps" if any(idle) else ""


def _idle(variant: VariantProgress) -> float:
    """Return the seconds between the last answer before an interruption and the next load."""
    again = variant.facts.answering_started
    if variant.broke_off is None or again is None:
        return 0.0
    return max(0.0, again - (variant.facts.load_seconds or 0.0) - variant.broke_off)


def _last_sign(run: RunSummary, started: float) -> float:
    signs = (*(v.last_answered for v in run.variants), *(j.last_graded for j in run.judges))
    return max([started, *(moment for moment in signs if moment is not None)])


def _variant(variant: VariantProgress, state: str, now: float) -> Line:
    facts = variant.facts
    share = variant.answered / variant.expected if variant.expected else 0.0
    loading = facts.loading_fraction
    phase = variant.phase
    if variant.state == "loading" and loading is not None:
        share, phase = loading, f"{phase or 'loading'} {loading:.0%}"
    at_work = variant.state in ("loading", "answering")
    memory = (facts.rss_bytes or facts.peak_rss_bytes, "")
    gpu = (facts.gpu_bytes or facts.peak_gpu_bytes, " GPU")
    speed, left = facts.tokens_per_second, _seconds_left(variant, now)
    return Line(
        name=followed(variant.name, variant.role),
        state=state,
        bar=share,
        cells=(
            f"{variant.answered}/{variant.expected}",
            "" if speed is None else f"{speed:.0f}" if speed >= 100 else f"{speed:.1f}",
            duration(left) if left is not None and at_work else "",
            " + ".join(size(number, 0) + where for number, where in (memory, gpu) if number),
            str(variant.empty) if variant.empty else "",
            str(variant.truncated) if variant.truncated else "",
        ),
        phase=phase if variant.state not in ("done", "failed", "cancelled") else "",
        reason=variant.reason,
        notes=variant_notes(variant),
    )


def _state(run: RunSummary, part: VariantProgress | JudgeProgress) -> str:
    """Return the state to show: parts of an imported run are imported, not waiting, but for a judge that has grades to give."""
    is_asked = isinstance(part, JudgeProgress) and part.graded + part.ungraded < part.expected
    return "imported" if run.source == "import" and part.state == "waiting" and not is_asked else part.state


def _seconds_left(variant: VariantProgress, now: float) -> float | None:
    """Estimate from the answers since loading; answers that were in the store before took no time."""
    began = variant.facts.answering_started
    new_answers = variant.answered - (variant.facts.known or 0)
    if began is None or new_answers <= 0 or now <= began:  # a clock that was set back a moment ago
        return None
    return (variant.expected - variant.answered) * (now - began) / new_answers


def _judge(judge: JudgeProgress, state: str, now: float) -> Line:
    takes = f" ({judge.takes} takes)" if judge.takes > 1 else ""
    return Line(
        name=judge.label + takes,
        state=state,
        bar=judge.graded / judge.expected if judge.expected else 0.0,
        cells=(f"{judge.graded}/{judge.expected}", *[""] * (len(FIGURES) - 1)),
        phase=" · ".join(filter(None, (judge.ungraded_words, "" if judge.state == "failed" else judge.reason))),
        reason=judge.reason if judge.state == "failed" else "",
        batches=tuple(batch_lines(judge, now)),
        notes=left_out_notes(judge.left_out),
    )


def _places(lines: Sequence[Line], cells: int) -> list[tuple[Column, int, int]]:
    """Return (column, index into FIGURES or -1, cells) of each shown column; columns without any value are left out."""
    columns, needed, figures = [NAME, STATE, BAR], [0, 0, 0], [-1, -1, -1]
    columns[0] = Column("", width=min(36, 2 + max(width(safe(line.name)) for line in lines)))
    for i, column in enumerate(FIGURES):
        most = max(width(line.cells[i]) for line in lines)
        if most:
            columns.append(column)
            needed.append(max(most, width(column.label)))
            figures.append(i)
    return [(columns[i], figures[i], wide) for i, wide in layout(columns, needed, min(cells - 1, TABLE_MOST))]


def _table(
    unit: str, lines: Sequence[Line], groups: Sequence[str], cells: int, styles: Mapping[str, Style]
) -> Iterator[Text]:
    """Yield the column titles, then each line under the heading of its group; `unit` heads the first figure."""
    places = _places(lines, cells)
    titles = [(unit if column is FIGURES[0] else column.label).rjust(wide) for column, _, wide in places]
    yield _styled(" " + (" " * GAP).join(titles), styles["quiet"])
    for i, line in enumerate(lines):
        if not i or groups[i] != groups[i - 1]:
            yield _styled(cut(safe(groups[i]), cells), styles["strong"])
        yield from _drawn(line, places, cells, styles)


def _drawn(
    line: Line, places: Sequence[tuple[Column, int, int]], cells: int, styles: Mapping[str, Style]
) -> Iterator[Text]:
    text = Text(" ")
    for number, (column, figure, wide) in enumerate(places):
        text.append(" " * GAP if number else "")
        if figure >= 0:
            text.append(cut(line.cells[figure], wide).rjust(wide))
        elif column is STATE:
            text.append(cut(state_text(line.state), wide).ljust(wide), styles[role(line.state)])
        elif column is BAR:
            _append_bar(text, line.bar, wide, styles)
        else:
            name = cut(safe("  " + line.name), wide)
            text.append(name + " " * (wide - width(name)))
    yield text
    notes = [(f"Note: {note}", "notice") for note in line.notes]
    batches = [(batch, "quiet") for batch in line.batches]
    for message, style in ((line.phase, "quiet"), *batches, (line.reason, "bad"), *notes):
        if message:
            yield from (_styled("     " + part, styles[style]) for part in wrap(safe(message), max(10, cells - 6)))


def _append_bar(text: Text, share: float, cells: int, styles: Mapping[str, Style]) -> None:
    # A bar is full only at 100 %, and empty only at 0.
    full = cells if share >= 1 else min(cells - 1, max(round(share * cells), 1 if share > 0 else 0))
    text.append("━" * full, styles["bar"])
    text.append("╌" * (cells - full), styles["rest"])


def _styled(text: str, style: Style) -> Text:
    return Text.assemble((text, style))


def _short(path: str) -> str:
    home = f"{Path.home()}/"
    return f"~/{path.removeprefix(home)}" if path.startswith(home) else path
