"""The words of one side of Compare: variant, time, grades and their reasons; in blind mode none of these."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from qtui.records import Thoughts
from qtui.store.grades import HUMAN
from qtui.store.preferences import PreferenceLine
from qtui.store.task_answers import GradeLine, ScoreLine, Side, SideAnswer
from qtui.text import safe
from qtui.ui.panes.compare import preference_lines
from qtui.ui.widgets.text_view import Mark

EMPTY = "(empty answer)"
CUT_OFF = "⋯ cut off at the token limit"
UNFINISHED = "⋯ ended inside a thought, without an answer (T shows the thought)"
YOURS = "yours"


@dataclass(frozen=True, slots=True)
class SideWords:
    """One side in words. `facts` and `grades` are single lines of safe text; `note` is shown under the answer, or instead of it."""

    title: str
    facts: tuple[str, ...]
    warnings: tuple[str, ...]
    """Problems of the answer: empty, truncated."""
    grades: tuple[tuple[str, str], ...]
    """(judge, grade); of several takes the mean and each grade."""
    user_grade: int | None
    """The grade that the user gave."""
    reasons: str
    reason_marks: tuple[Mark, ...]
    note: str


def side_words(
    side: Side, answer: SideAnswer | None, role: str, judge: str | None, preferences: Sequence[PreferenceLine] = ()
) -> SideWords:
    """Return a side in words. `role`, e.g. `Baseline`, precedes its name. Reasons: those of `judge`, or of all if it has none.

    `preferences` are what judges that compare say of the two answers shown.
    """
    title = safe(f"{role} {side.variant}".strip())
    if answer is None:
        return SideWords(title, (safe(side.engine),), (), (), None, "", (), _missing(side))
    empty, truncated = not answer.text.strip(), answer.finish_reason == "length"
    unfinished = answer.thoughts is not None and answer.thoughts.is_unfinished
    warnings = ("UNFINISHED THOUGHT",) if unfinished else ("EMPTY",) * empty + ("TRUNCATED",) * truncated
    chosen = [line for line in answer.grades if line.judge == judge]
    scored = sorted(answer.scores, key=lambda line: line.scorer != judge)  # the chosen scorer first
    is_scorer = bool(scored) and scored[0].scorer == judge
    compared = [line for line in preferences if line.judge == judge]
    is_grade = not (is_scorer or compared)
    reasons, marks = _reasons(
        (chosen or answer.grades) if is_grade else (),
        () if chosen or compared else scored,
        preference_lines.reasons(compared or ([] if chosen or is_scorer else preferences)),
    )
    return SideWords(
        title,
        _facts(side, answer),
        warnings,
        _results(answer, judge, preference_lines.outcomes(preferences, side.variant)),
        _user_grade(answer),
        reasons,
        marks,
        UNFINISHED if unfinished else EMPTY if empty else CUT_OFF if truncated else "",
    )


def blind_words(letter: str, answer: SideAnswer | None) -> SideWords:
    """Return a side without its identity: no name, length, time or judge, and no note that hints at the engine."""
    user_grade = _user_grade(answer) if answer else None
    note = EMPTY if answer and not answer.text.strip() else "" if answer else "(no answer)"
    return SideWords(f"Answer {letter}", (), (), (), user_grade, "", (), note)


def _facts(side: Side, answer: SideAnswer) -> tuple[str, ...]:
    """Return the facts, the most important first: a narrow screen cuts the end of the line."""
    facts = [f"{len(answer.text.strip()):,} chars"]
    if answer.thoughts is not None:
        facts.append(_thought_words(answer.thoughts))
    if answer.completion_tokens is not None:
        facts.append(f"{answer.completion_tokens:,} tokens")
    if answer.seconds is not None:
        facts.append(f"{answer.seconds:.1f} s")
    facts.append(safe(side.engine))
    if answer.finish_reason == "stop":
        facts.append("stop")
    return tuple(facts)


def _thought_words(thoughts: Thoughts) -> str:
    tokens = "" if thoughts.tokens is None else f"{thoughts.tokens:,} tokens"
    characters = f"{len(thoughts.text):,} chars" if thoughts.text else ""
    return f"thought {', '.join(part for part in (characters, tokens) if part) or 'nothing'}"


def _missing(side: Side) -> str:
    if side.state == "failed":
        return safe(f"(no answer: the variant failed: {side.reason})")
    if side.state in ("done", "cancelled"):
        return f"(no answer: the variant is {side.state})"
    return f"(not answered yet: the variant is {safe(side.state)})"


def _by_judge(lines: Sequence[GradeLine]) -> "groupby[str, GradeLine]":
    return groupby(lines, key=lambda line: line.judge)


def _grade_text(lines: list[GradeLine]) -> str:
    grades = [line.grade for line in lines if line.grade is not None]
    if not grades:
        return "ungraded"
    if len(lines) == 1:
        return str(grades[0])
    each = " ".join("–" if line.grade is None else str(line.grade) for line in lines)
    return f"{sum(grades) / len(grades):.2f} ({each})"


def _results(
    answer: SideAnswer, chosen: str | None, compared: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return (judge or scorer, what it says), the chosen one first: a narrow screen cuts the end of the line.

    What a scorer took from the answer stands beside the score of the chosen scorer, or of the only one.
    """
    found = [(name, _grade_text(list(lines))) for name, lines in _by_judge(answer.grades) if name != HUMAN]
    for line in answer.scores:
        taken = f" {line.reason}" if line.scorer == chosen or len(answer.scores) == 1 else ""
        found.append((line.scorer, f"{_score_text(line)}{taken}".rstrip()))
    ordered = sorted((*found, *compared), key=lambda each: each[0] != chosen)
    return tuple((safe(name), safe(words)) for name, words in ordered)


def _score_text(line: ScoreLine) -> str:
    return "unscored" if line.score is None else f"{100 * line.score:.0f}"


def _user_grade(answer: SideAnswer) -> int | None:
    return next((line.grade for line in answer.grades if line.judge == HUMAN), None)


def _reasons(
    lines: Sequence[GradeLine], scored: Sequence[ScoreLine], compared: Sequence[tuple[str, str]]
) -> tuple[str, tuple[Mark, ...]]:
    """Return the reasons, each under a heading with judge, take and grade, or with scorer and score, or with a preference."""
    several = {name for name, group in _by_judge(lines) if len(list(group)) > 1}
    text, marks = "", []
    for line in lines:
        if line.judge == HUMAN and not line.reason:
            continue
        take = f", take {line.take}" if line.judge in several else ""
        grade = "ungraded" if line.grade is None else str(line.grade)
        heading = safe(f"{line.judge}{take}: {grade}")
        text += "\n" if text else ""
        marks.append(Mark(len(text), len(text) + len(heading), "heading"))
        text += f"{heading}\n{safe(line.reason).strip() or '(no reason)'}"
    for name, reason in (*((f"{score.scorer}: {_score_text(score)}", score.reason) for score in scored), *compared):
        heading = safe(name)
        text += "\n" if text else ""
        marks.append(Mark(len(text), len(text) + len(heading), "heading"))
        text += f"{heading}\n{safe(reason).strip()}"
    return text, tuple(marks)
