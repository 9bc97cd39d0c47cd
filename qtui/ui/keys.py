"""Every key of the workbench, in one table: bindings, footer, help screen, palette and README read it.

An id names an action for good; `[keymap]` in config.toml gives it other keys. Choices behind the table:

- Numbers switch panes everywhere. Grading by number is a mode of Compare (`e`, ended by `e` or Esc): two meanings of `1` that
  depend on a mode the user asked for are safer than function keys, which many terminals and tmux keep for themselves.
- What is compared (model, candidate, judge) is chosen by the same keys in every pane, because all panes look at one scope.
- No key needs Ctrl or Alt but the palette's; every action is also in the palette by its label.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.binding import Binding

PANES = ("runs", "tasks", "compare", "scores", "lengths", "models")
TITLES = {"global": "Everywhere", "table": "In a list", "text": "In a text"} | {
    name: name.capitalize() for name in PANES
}


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    keys: str
    """Textual's names, separated by commas."""
    where: str
    """A pane's id, `global` (everywhere), `table` (every list) or `text` (every text that scrolls)."""
    action: str
    label: str
    """What it does, for footer, help and palette: an imperative of one to four words."""
    footer: bool = True
    help: str = ""
    """A sentence more, for the help screen, where the label does not say it all."""


KEYS: tuple[Key, ...] = (
    Key("pane.runs", "1", "global", "pane('runs')", "Runs", False),
    Key("pane.tasks", "2", "global", "pane('tasks')", "Tasks", False),
    Key("pane.compare", "3", "global", "pane('compare')", "Compare", False),
    Key("pane.scores", "4", "global", "pane('scores')", "Scores", False),
    Key("pane.lengths", "5", "global", "pane('lengths')", "Lengths", False),
    Key("pane.models", "6", "global", "pane('models')", "Models", False),
    Key("scope.previous_model", "left_square_bracket", "global", "step('model', -1)", "Previous model", False),
    Key("scope.next_model", "right_square_bracket", "global", "step('model', 1)", "Next model", False),
    Key("scope.candidate", "v", "global", "step('candidate', 1)", "Next candidate", False,
        "The variant that is compared with the baseline; V goes back."),
    Key("scope.previous_candidate", "V", "global", "step('candidate', -1)", "Previous candidate", False),
    Key("scope.judge", "J", "global", "step('judge', 1)", "Next judge", False, "Whose grades are shown."),
    Key("focus.next", "tab", "global", "app.focus_next", "Next part of the pane", False),
    Key("focus.previous", "shift+tab", "global", "app.focus_previous", "Previous part of the pane", False),
    Key("redraw", "ctrl+l", "global", "redraw", "Redraw", False, "After another program wrote over the screen."),
    Key("palette", "ctrl+p", "global", "app.command_palette", "Palette", False, "Every pane, theme, run and key by name."),
    Key("help", "question_mark", "global", "help", "Help"),
    Key("quit", "q", "global", "quit", "Quit", True, "Runs go on: open qtui again to see them."),

    Key("table.up", "up,k", "table", "cursor(-1)", "Up", False),
    Key("table.down", "down,j", "table", "cursor(1)", "Down", False),
    Key("table.page_up", "pageup,ctrl+b", "table", "page(-1)", "Page up", False),
    Key("table.page_down", "pagedown,ctrl+f", "table", "page(1)", "Page down", False),
    Key("table.home", "home,g", "table", "first", "First row", False),
    Key("table.end", "end,G", "table", "last", "Last row", False),
    Key("table.open", "enter", "table", "open", "Open", False),

    Key("text.up", "up,k", "text", "scroll_up", "Up", False),
    Key("text.down", "down,j", "text", "scroll_down", "Down", False),
    Key("text.page_up", "pageup,ctrl+b", "text", "page_up", "Page up", False),
    Key("text.page_down", "pagedown,ctrl+f,space", "text", "page_down", "Page down", False),
    Key("text.home", "home,g", "text", "scroll_home", "Top", False),
    Key("text.end", "end,G", "text", "scroll_end", "Bottom", False),

    Key("runs.open", "enter", "runs", "open", "Open", True, "Look at this run alone, in Scores."),
    Key("runs.new", "n", "runs", "new", "New run"),
    Key("runs.pause", "p", "runs", "pause", "Pause/go on"),
    Key("runs.resume", "r", "runs", "resume", "Resume", True, "Start it again; what is answered and graded already is kept."),
    Key("runs.cancel", "x", "runs", "cancel", "Cancel"),
    Key("runs.delete", "d", "runs", "delete", "Delete"),
    Key("runs.all", "a", "runs", "all", "All runs", True, "Look at the latest run of every experiment again."),

    Key("tasks.open", "enter", "tasks", "open", "Compare", True, "The answers to this task, side by side."),
    Key("tasks.filter", "slash", "tasks", "filter", "Filter", True, "Rows whose task or answers contain the text."),
    Key("tasks.back", "escape", "tasks", "back", "End the filter", False),
    Key("tasks.order", "o", "tasks", "order", "Order", True, "By number, by score change, by length ratio, by similarity."),
    Key("tasks.flagged", "f", "tasks", "flagged", "Flagged only", True, "Empty, truncated, looping, starred."),
    Key("tasks.star", "s", "tasks", "star", "Star"),
    Key("tasks.comment", "c", "tasks", "comment", "Comment"),

    Key("compare.next", "n", "compare", "task(1)", "Next"),
    Key("compare.previous", "p", "compare", "task(-1)", "Previous"),
    Key("compare.order", "o", "compare", "order", "Order", True,
        "What next and previous follow: number, score change, length ratio, similarity."),
    Key("compare.filter", "slash", "compare", "filter", "Filter", False),
    Key("compare.star", "s", "compare", "star", "Star"),
    Key("compare.comment", "c", "compare", "comment", "Comment"),
    Key("compare.grade", "e", "compare", "grade", "Grade", True,
        "Then 1–5 grade the marked answer, 0 takes it back, Tab marks the other one; e or Esc ends it."),
    Key("compare.grade_0", "0", "compare", "own_grade(0)", "No grade", False),
    Key("compare.grade_1", "1", "compare", "own_grade(1)", "Grade 1", False),
    Key("compare.grade_2", "2", "compare", "own_grade(2)", "Grade 2", False),
    Key("compare.grade_3", "3", "compare", "own_grade(3)", "Grade 3", False),
    Key("compare.grade_4", "4", "compare", "own_grade(4)", "Grade 4", False),
    Key("compare.grade_5", "5", "compare", "own_grade(5)", "Grade 5", False),
    Key("compare.blind", "b", "compare", "blind", "Blind", True, "Hide which answer is whose, in an order drawn per task."),
    Key("compare.diff", "d", "compare", "diff", "Differences", False, "Mark the characters that differ, or do not."),
    Key("compare.unified", "u", "compare", "unified", "Unified", False,
        "One text, only around the differences: what the baseline alone has, what the candidate alone has."),
    Key("compare.sample", "S", "compare", "sample", "Next sample", False, "Where a task was answered more than once."),
    Key("compare.reasons", "r", "compare", "reasons", "Reasons", False, "Show or hide what the judge said."),
    Key("compare.task", "t", "compare", "task_text", "Task", False, "Show or hide input, reference and criteria."),
    Key("compare.copy", "y", "compare", "copy", "Copy", True, "The marked answer, through tmux and SSH (OSC 52)."),
    Key("compare.back", "escape", "compare", "back", "Back", False),

    Key("scores.open", "enter", "scores", "open", "Compare", True, "The answers of this model, side by side."),
    Key("scores.order", "o", "scores", "order", "Order"),
    Key("scores.chart", "c", "scores", "chart", "Chart"),
    Key("scores.published", "p", "scores", "published", "Published", True, "The study's figures beside your own."),
    Key("scores.flips", "f", "scores", "flips", "Flips", True, "Tasks that crossed a grade of 3."),
    Key("scores.back", "escape", "scores", "back", "Back", False),

    Key("lengths.open", "enter", "lengths", "open", "Details", True, "Histogram and paired scatter of this model."),
    Key("lengths.order", "o", "lengths", "order", "Order"),
    Key("lengths.chart", "c", "lengths", "chart", "Length and score", True, "Length change against score change over models."),
    Key("lengths.scale", "l", "lengths", "scale", "Scale"),
    Key("lengths.back", "escape", "lengths", "back", "Back", False),

    Key("models.quantize", "z", "models", "quantize", "Quantize", True, "Make GGUF files of other types of this model."),
    Key("models.bench", "b", "models", "bench", "Measure", True, "Size, memory and speed of this model's types on this machine."),
    Key("models.stop", "x", "models", "stop", "Stop", True, "End quantizing or measuring this model; files that are whole stay."),
    Key("models.filter", "slash", "models", "filter", "Filter"),
    Key("models.order", "o", "models", "order", "Order"),
    Key("models.back", "escape", "models", "back", "End the filter", False),
)  # fmt: skip


def binding(key: Key) -> Binding:
    return Binding(key.keys, key.action, key.label, show=key.footer, id=key.id, tooltip=key.help)


def bindings_for(*where: str) -> list[Binding]:
    """Bindings of a pane, or of `global`, `table`, `text`, with ids, for the BINDINGS of a widget or screen."""
    return [binding(key) for key in KEYS if key.where in where]


def by_place(keys: Sequence[Key] = KEYS) -> dict[str, list[Key]]:
    """Keys by where they hold, in the order of the table."""
    places: dict[str, list[Key]] = {}
    for key in keys:
        places.setdefault(key.where, []).append(key)
    return places


def ids() -> tuple[str, ...]:
    return tuple(key.id for key in KEYS)
