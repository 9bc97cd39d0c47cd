"""Every key of the workbench, in one table: bindings, footer, help screen, palette and README read it.

An id never changes; `[keymap]` in config.toml assigns other keys to it. Choices behind the table:

- Numbers switch panes everywhere. Grading by number is a mode of Compare (`e` starts it, `e` or Esc stops it): two meanings of
  `1` in a mode that the user starts are safer than function keys, which many terminals and tmux keep for themselves.
- The same keys choose model, candidate and judge in every pane, because all panes share one scope.
- No action needs Ctrl or Alt; the palette lists every action by its label.
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
    """The action, for footer, help and palette: an imperative of one to four words."""
    footer: bool = True
    help: str = ""
    """One more sentence for the help screen, where the label is not enough."""


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
        "The variant compared with the baseline; V goes back."),
    Key("scope.previous_candidate", "V", "global", "step('candidate', -1)", "Previous candidate", False),
    Key("scope.judge", "J", "global", "step('judge', 1)", "Next judge", False, "Show other grades, or a scorer's scores."),
    Key("focus.next", "tab", "global", "app.focus_next", "Next part of the pane", False),
    Key("focus.previous", "shift+tab", "global", "app.focus_previous", "Previous part of the pane", False),
    Key("redraw", "ctrl+l", "global", "redraw", "Redraw", False, "Repair the screen after another program wrote on it."),
    Key("palette", "ctrl+p", "global", "app.command_palette", "Palette", False, "Find panes, themes, runs and actions by name."),
    Key("help", "question_mark", "global", "help", "Help"),
    Key("quit", "q", "global", "quit", "Quit", True, "Runs continue; open qtui to attach again."),

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

    Key("runs.open", "enter", "runs", "open", "Open", True, "Show only this run, in Scores."),
    Key("runs.new", "n", "runs", "new", "New run"),
    Key("runs.pause", "p", "runs", "pause", "Pause/resume"),
    Key("runs.resume", "r", "runs", "resume", "Resume", True, "Start the run again; its answers and grades are kept."),
    Key("runs.cancel", "x", "runs", "cancel", "Cancel"),
    Key("runs.delete", "d", "runs", "delete", "Delete"),
    Key("runs.all", "a", "runs", "all", "All runs", True, "Show the latest run of every experiment again."),

    Key("tasks.open", "enter", "tasks", "open", "Compare", True, "Show the answers to this task side by side."),
    Key("tasks.filter", "slash", "tasks", "filter", "Filter", True, "Show tasks whose text or answers contain a phrase."),
    Key("tasks.back", "escape", "tasks", "back", "Clear the filter", False),
    Key("tasks.order", "o", "tasks", "order", "Order", True, "Sort by number, score change, length ratio or similarity."),
    Key("tasks.flagged", "f", "tasks", "flagged", "Flagged only", True, "Show tasks with a flag (see the legend) or a star."),
    Key("tasks.worth_grading", "N", "tasks", "worth_grading", "Next to grade", False,
        "Compare the pair on which a person's grade tells most; see Words."),
    Key("tasks.star", "s", "tasks", "star", "Star"),
    Key("tasks.comment", "c", "tasks", "comment", "Comment"),

    Key("compare.next", "n", "compare", "task(1)", "Next"),
    Key("compare.previous", "p", "compare", "task(-1)", "Previous"),
    Key("compare.order", "o", "compare", "order", "Order", True,
        "Next and previous follow: number, score change, length ratio or similarity."),
    Key("compare.filter", "slash", "compare", "filter", "Filter", False),
    Key("compare.star", "s", "compare", "star", "Star"),
    Key("compare.comment", "c", "compare", "comment", "Comment"),
    Key("compare.worth_grading", "N", "compare", "worth_grading", "Next to grade", True,
        "Go to the pair on which a person's grade tells most; see Words."),
    Key("compare.grade", "e", "compare", "grade", "Grade", True,
        "1–5 grade the marked answer, 0 removes the grade, Tab marks the other answer; e or Esc stops grading."),
    Key("compare.grade_0", "0", "compare", "own_grade(0)", "Remove the grade", False),
    Key("compare.grade_1", "1", "compare", "own_grade(1)", "Grade 1", False),
    Key("compare.grade_2", "2", "compare", "own_grade(2)", "Grade 2", False),
    Key("compare.grade_3", "3", "compare", "own_grade(3)", "Grade 3", False),
    Key("compare.grade_4", "4", "compare", "own_grade(4)", "Grade 4", False),
    Key("compare.grade_5", "5", "compare", "own_grade(5)", "Grade 5", False),
    Key("compare.blind", "b", "compare", "blind", "Blind", True, "Hide which variant wrote which answer; shuffled per task."),
    Key("compare.diff", "d", "compare", "diff", "Differences", False, "Mark the differing characters, or stop marking them."),
    Key("compare.unified", "u", "compare", "unified", "Unified", False,
        "Show both answers as one text, with only the passages around differences."),
    Key("compare.sample", "S", "compare", "sample", "Next sample", False, "For tasks with several answers per variant."),
    Key("compare.reasons", "r", "compare", "reasons", "Reasons", False, "Show or hide the judge's reasons."),
    Key("compare.task", "t", "compare", "task_text", "Task", False, "Show or hide input, reference and criteria."),
    Key("compare.thoughts", "T", "compare", "thoughts", "Thoughts", False, "Show or fold what a model thought."),
    Key("compare.copy", "y", "compare", "copy", "Copy", True, "Copy the marked answer, also through tmux and SSH (OSC 52)."),
    Key("compare.back", "escape", "compare", "back", "Back", False),

    Key("scores.open", "enter", "scores", "open", "Compare", True, "Show the answers of this model side by side."),
    Key("scores.order", "o", "scores", "order", "Order"),
    Key("scores.chart", "c", "scores", "chart", "Chart"),
    Key("scores.published", "p", "scores", "published", "Published", True, "Show the 2024 study's figures beside yours."),
    Key("scores.flips", "f", "scores", "flips", "Flips", True, "List the tasks whose grade crossed the middle of the scale."),
    Key("scores.agreement", "a", "scores", "agreement", "Agreement", True,
        "Show how far judges, their takes and people agree, and on which tasks they part."),
    Key("scores.back", "escape", "scores", "back", "Back", False),

    Key("lengths.open", "enter", "lengths", "open", "Details", True,
        "Show this model's plots and figures; there, list the tasks behind the chosen bar or point in Tasks (Esc leads back)."),
    Key("lengths.plot", "p", "lengths", "plot(1)", "Plot", True, "Histogram, density, cumulative curve or paired lengths."),
    Key("lengths.previous_plot", "P", "lengths", "plot(-1)", "Previous plot", False),
    Key("lengths.left", "left", "lengths", "step(-1)", "Bar or point to the left", False),
    Key("lengths.right", "right", "lengths", "step(1)", "Bar or point to the right", False),
    Key("lengths.side", "s", "lengths", "side", "Side", True, "Choose among the bars of the other variant."),
    Key("lengths.unit", "u", "lengths", "unit", "Unit", True, "Measure in tokens, or in characters again."),
    Key("lengths.order", "o", "lengths", "order", "Order"),
    Key("lengths.chart", "c", "lengths", "chart", "Length and score", True, "Plot length change against score change per model."),
    Key("lengths.scale", "l", "lengths", "scale", "Scale", True, "Linear, square-root or logarithmic axis."),
    Key("lengths.part", "t", "lengths", "part", "Thoughts", False, "Show the lengths of thoughts, or those of answers again."),
    Key("lengths.back", "escape", "lengths", "back", "Back", False),

    Key("models.quantize", "z", "models", "quantize", "Quantize", True, "Create GGUF files of this model in other types."),
    Key("models.bench", "b", "models", "bench", "Measure", True, "Measure size, memory and speed of this model's types here."),
    Key("models.stop", "x", "models", "stop", "Cancel", True, "Cancel quantizing or measuring; finished files are kept."),
    Key("models.filter", "slash", "models", "filter", "Filter"),
    Key("models.order", "o", "models", "order", "Order"),
    Key("models.back", "escape", "models", "back", "Clear the filter", False),
)  # fmt: skip


def binding(key: Key) -> Binding:
    return Binding(key.keys, key.action, key.label, show=key.footer, id=key.id, tooltip=key.help)


def bindings_for(*where: str) -> list[Binding]:
    """Bindings of a pane, or of `global`, `table`, `text`, with ids, for the BINDINGS of a widget or screen."""
    return [binding(key) for key in KEYS if key.where in where]


def by_place(keys: Sequence[Key] = KEYS) -> dict[str, list[Key]]:
    """Return the keys of each place, in the order of the table."""
    places: dict[str, list[Key]] = {}
    for key in keys:
        places.setdefault(key.where, []).append(key)
    return places


def ids() -> tuple[str, ...]:
    return tuple(key.id for key in KEYS)
