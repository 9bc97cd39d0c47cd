"""The texts of Compare that are not an answer: where one is, the task, both answers as one."""

from collections.abc import Sequence

from textual.content import Content

from qtui.differences import Differences, Piece
from qtui.format import signed
from qtui.records import Task
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
    found: Differences | None,
    *,
    blind: bool,
    figures_known: bool,
    raw_differs: bool,
) -> Content:
    """`Task 17 of 100 · ★ · Δ −2.00 · length ×0.43 · alike 0.21 · by score change: 3 · ✎ comment`.

    What matters most first: the end of the line is cut where it is narrow.
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
        parts.append(Content(_likeness(found, raw_differs=raw_differs)))
    parts.append(Content.styled(_walk(scope, tasks, figures_known), QUIET))
    if note.comment:
        parts.append(Content.styled(f"✎ {safe(note.comment)}".replace("\n", " "), "italic"))
    return Content(" · ").join(parts)


def task_words(task: Task, what: str) -> tuple[str, list[Mark]]:
    """The task's input, or all of it under headings; `hidden` is one line of the input."""
    if what != "all":
        return safe(task.input).strip("\n"), []
    text, marks = "", []
    for heading, part in (("Input", task.input), ("Reference", task.reference), ("Criteria", task.criteria)):
        text += "\n" if text else ""
        marks.append(Mark(len(text), len(text) + len(heading), "heading"))
        text += f"{heading}\n{safe(part).strip() or '(none)'}"
    return text, marks


def parting_words(known: MeasuredAnswer) -> Content:
    """`Parts at token 17 of 43: 「は」 p 0.41 → 0.12, instead 「が」 p 0.20 → 0.30`."""
    parting = known.parting
    if parting is None:
        return Content.styled(f"Fed the baseline's {known.tokens:,} tokens, the candidate would say the same.", QUIET)
    own, other = parting.baseline, parting.candidate
    return Content.assemble(
        (f"Parts at token {parting.token + 1} of {known.tokens:,}", "bold"),
        f": {_token(own.text)} p {own.baseline_p:.2f} → {own.candidate_p:.2f}, instead {_token(other.text)}",
        (f" p {other.baseline_p:.2f} → {other.candidate_p:.2f}", QUIET),
    )


def _token(text: str) -> str:
    return f"「{safe(text)}」".replace("\n", "⏎") if text else "its end"


def unified_words(pieces: Sequence[Piece], names: Sequence[str]) -> tuple[str, list[Mark]]:
    """One text, signs and looks saying what is whose: `[−left−]` and `{+right+}`; what is left out is counted."""
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
    """What next and previous follow."""
    index = tasks.place(scope.task)
    order = f"by {ORDER_NAMES[scope.order]}"
    if scope.order in ("delta", "similarity") and not figures_known:
        order += " (being computed)"
    elif scope.order == "delta" and all(row.figures.delta is None for row in tasks.rows):
        order += " (not graded on both sides)"
    filtered = len(tasks.rows) != tasks.total
    if index is None:
        return f"not among the {len(tasks.rows)} listed"
    if scope.order == "task" and not filtered:
        return order
    of = f" of {len(tasks.rows)} filtered" if filtered else ""
    return f"{order}: {index + 1}{of}"


def _likeness(found: Differences, *, raw_differs: bool) -> str:
    if found.divergence is None:
        return "equal but for characters that are not shown" if raw_differs else "identical answers"
    return f"alike {found.similarity:.2f}"
