"""One side of a comparison: two lines about the answer, the answer, and on demand what the judge said of it."""

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from qtui.ui import stylesheet
from qtui.ui.panes.compare.answer_view import AnswerView
from qtui.ui.panes.compare.side_words import OWN, SideWords
from qtui.ui.widgets.text_view import TextView

MARKED = "▌"


class ReasonsView(TextView):
    """Takes the keyboard only where there is more to see than fits."""

    def allow_focus(self) -> bool:
        return super().allow_focus() and self.max_scroll_y > 0


class SidePanel(Vertical):
    """`marked` is the side that copying and grading are about."""

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
        """Show the lines above the answer and the reasons; `more` is said before the facts."""
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
    """While grading, what the keys do comes first: the end of the line is cut where it is narrow."""
    parts = []
    if words.own is not None or grading:
        own = "–" if words.own is None else str(words.own)
        parts.append(Content.assemble((f"{OWN} ", "$foreground 75%"), (own, "bold $accent")))
    if grading:
        parts.append(Content.styled("1–5 grade this one, 0 takes it back, Tab the other, e ends", "$accent"))
    parts += [Content.assemble((f"{judge} ", "$foreground 75%"), (given, "bold")) for judge, given in words.grades]
    return Content(" · ").join(parts or [Content.styled("not graded", "$foreground 60%")])
