"""Texts of Tasks and Compare other than answers: the position, the task, the divergence, both answers as one text."""

from collections.abc import Sequence

from textual.content import Content

from qtui.differences import Likeness, Piece
from qtui.format import signed
from qtui.records import Task, Turn
from qtui.store.divergences import MeasuredAnswer
from qtui.store.notes import Note
from qtui.text import safe
from qtui.ui.data.scope import Scope
from qtui.ui.data.task_list import ORDER_NAMES, TaskList
from qtui.ui.widgets.text_view import Mark

QUIET = "$foreground 75%"


def position_words(
    scope: Scope,
    tasks: TaskList,
    note: Note,
    found: Likeness | None,
    *,
    blind: bool,
    figures_known: bool,
    differs_on_screen: bool,
) -> Content:
    """`Task 17 of 100 · ★ · Δ −2.00 · length ×0.43 · alike 0.21 · by score change: 3 · ✎ comment`.

    The most important first: a narrow screen cuts the end of the line.
    """
    parts = [Content.styled(f"Task {scope.task} of {tasks.total}", "bold")]
    if blind:
        parts.append(Content.styled("BLIND", "bold reverse"))
    if note.starred:
        parts.append(Content.styled("★", "$warning"))
    row = tasks.row(scope.task)
    if row and not blind:
        if row.figures.delta is not None:
            parts.append(Content(f"Δ {signed(row.figures.delta)}"))
        if row.figures.ratio is not None:
            parts.append(Content(f"length ×{row.figures.ratio:.2f}"))
    if found is not None:
        parts.append(Content(_likeness(found, differs_on_screen=differs_on_screen)))
    parts.append(Content.styled(_walk(scope, tasks, figures_known), QUIET))
    if note.comment:
        parts.append(Content.styled(f"✎ {safe(note.comment)}".replace("\n", " "), "italic"))
    return Content(" · ").join(parts)


Earlier = Sequence[tuple[str, tuple[Turn, ...]]]
"""The name of each side and the turns before its answer."""


def task_words(task: Task, parts: str, earlier: Earlier = ()) -> tuple[str, list[Mark]]:
    """Return the task's input, or with `all` input, reference and criteria under headings; and the marks of the headings.

    After the input of a later turn are the turns before it, with the answers of each side: a small screen shows the input.
    """
    before = _earlier_sections(earlier)
    if parts != "all" and not before:
        return safe(task.input).strip("\n"), []
    sections = [(f"Turn {len(earlier[0][1]) + 1}" if before else "Input", task.input), *before]
    if parts == "all":
        sections += [("Reference", task.reference), ("Criteria", task.criteria)]
    text, marks = "", []
    for heading, part in sections:
        text += "\n" if text else ""
        marks.append(Mark(len(text), len(text) + len(heading), "heading"))
        text += f"{heading}\n{safe(part).strip() or '(none)'}"
    return text, marks


def _earlier_sections(earlier: Earlier) -> list[tuple[str, str]]:
    """Return (heading, text) of the turns before. An answer that both sides gave is there once."""
    sections: list[tuple[str, str]] = []
    for number, at_once in enumerate(zip(*(turns for _, turns in earlier), strict=False), start=1):
        sections.append((f"Turn {number}", at_once[0].input))
        if len(at_once) > 1 and len({turn.answer for turn in at_once}) == 1:
            sections.append(("Both answered", at_once[0].answer))
        else:
            names = (name for name, _ in earlier)
            sections += [(f"{safe(name)} answered", turn.answer) for name, turn in zip(names, at_once, strict=True)]
    return sections


def divergence_words(measured: MeasuredAnswer) -> Content:
    """`Diverges at token 17/43: 「は」 p 0.41 → 0.12, candidate 「が」 p 0.20 → 0.30`."""
    first_difference = measured.first_difference
    if first_difference is None:
        return Content.styled(f"The candidate predicts all {measured.tokens:,} tokens of the baseline's answer.", QUIET)
    baseline, candidate = first_difference.baseline, first_difference.candidate
    return Content.assemble(
        (f"Diverges at token {first_difference.token + 1}/{measured.tokens:,}", "bold"),
        f": {_token(baseline.text)} p {baseline.baseline_p:.2f} → {baseline.candidate_p:.2f}, candidate {_token(candidate.text)}",
        (f" p {candidate.baseline_p:.2f} → {candidate.candidate_p:.2f}", QUIET),
    )


def _token(text: str) -> str:
    return f"「{safe(text)}」".replace("\n", "⏎") if text else "(end)"


def unified_words(pieces: Sequence[Piece], names: Sequence[str]) -> tuple[str, list[Mark]]:
    """Return both answers as one text with its marks: `[−only left−]`, `{+only right+}`, and the number of characters left out."""
    legend = f"[−only {names[0]}−] {{+only {names[1]}+}}"
    text, marks = f"{legend}\n\n", [Mark(0, len(legend), "note")]
    for piece in pieces:
        shown, look = _piece(piece)
        if look:
            marks.append(Mark(len(text), len(text) + len(shown), look))
        text += shown
    if all(piece.kind in ("equal", "skipped") for piece in pieces):
        text += "\n(no differences)"
    return text, marks


def _piece(piece: Piece) -> tuple[str, str]:
    if piece.kind == "left":
        return f"[−{piece.text}−]", "left"
    if piece.kind == "right":
        return f"{{+{piece.text}+}}", "right"
    if piece.kind == "skipped":
        return f" ⟨{len(piece.text)} equal characters⟩ ", "note"
    return piece.text, ""


def _walk(scope: Scope, tasks: TaskList, figures_known: bool) -> str:
    """Return the order that next and previous follow, with the position in it."""
    index = tasks.place(scope.task)
    order = f"by {ORDER_NAMES[scope.order]}"
    if scope.order in ("delta", "similarity") and not figures_known:
        order += " (computing)"
    elif scope.order == "delta" and all(row.figures.delta is None for row in tasks.rows):
        order += " (not graded on both sides)"
    filtered = len(tasks.rows) != tasks.total
    if index is None:
        return f"not in the list of {len(tasks.rows)}"
    if scope.order == "task" and not filtered:
        return order
    filtered_count = f" of {len(tasks.rows)} filtered" if filtered else ""
    return f"{order}: {index + 1}{filtered_count}"


def _likeness(found: Likeness, *, differs_on_screen: bool) -> str:
    if found.divergence is None:
        return "identical answers"
    alike = f"alike {found.similarity:.2f}"
    return alike if differs_on_screen else f"equal except for invisible characters, {alike}"
