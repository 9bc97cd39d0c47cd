"""One side of a comparison: two lines about the answer, the answer, and on demand the judge's reasons."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from qtui.ui import stylesheet
from qtui.ui.panes.compare.answer_view import AnswerView
from qtui.ui.panes.compare.side_words import YOURS, SideWords
from qtui.ui.widgets.text_view import TextView

MARKED = "▌"


class ReasonsView(TextView):
    """The judge's reasons; focusable only if they are longer than their room."""

    def allow_focus(self) -> bool:
        return super().allow_focus() and self.max_scroll_y > 0


class SidePanel(Vertical):
    """One side; the marked side is the one that is copied and graded."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS: ClassVar[bool] = False

    answer = getters.query_one(AnswerView)
    reasons = getters.query_one(ReasonsView)
    facts = getters.query_one(".facts", Static)
    grades = getters.query_one(".grades", Static)

    def compose(self) -> ComposeResult:
        yield Static(classes="facts", markup=False)
        yield Static(classes="grades", markup=False)
        yield AnswerView()
        yield ReasonsView()

    def describe(self, words: SideWords, *, marked: bool, grading: bool, more: str = "") -> None:
        """Show the lines above the answer and the reasons; `more` comes before the facts."""
        self.set_class(marked, "-marked")
        sign = Content.styled(MARKED if marked else " ", "$accent")
        self.facts.update(sign + _facts(words, more))
        self.grades.update(sign + _grades(words, grading=grading and marked))
        self.reasons.show(words.reasons, words.reason_marks)
        self.set_class(not words.reasons, "-no-reasons")


def _facts(words: SideWords, more: str) -> Content:
    parts = [Content.styled(words.title, "bold")]
    parts += [Content.styled(warning, "bold reverse $text-warning") for warning in words.warnings]
    parts += [Content.styled(fact, "$foreground 75%") for fact in (more, *words.facts) if fact]
    return Content(" · ").join(parts)


def _grades(words: SideWords, *, grading: bool) -> Content:
    """Return the grades; while grading, the key hints come first, because a narrow screen cuts the end of the line."""
    parts = []
    if words.user_grade is not None or grading:
        user_grade = "–" if words.user_grade is None else str(words.user_grade)
        parts.append(Content.assemble((f"{YOURS} ", "$foreground 75%"), (user_grade, "bold $accent")))
    if grading:
        parts.append(Content.styled("1–5 grade, 0 remove, Tab other answer, e stop", "$accent"))
    parts += [Content.assemble((f"{judge} ", "$foreground 75%"), (grade, "bold")) for judge, grade in words.grades]
    return Content(" · ").join(parts or [Content.styled("not graded", "$foreground 60%")])
