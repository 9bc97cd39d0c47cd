"""The help screen: every key, those of the current pane first, and the meaning of words and signs on the screen."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, cast

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from qtui.text import width, wrap
from qtui.ui import keys, stylesheet
from qtui.ui.data.workbench import Workbench
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.widgets.lines import Lines

WORDS = (
    ("variant", "One way to run a model: engine, weights, precision, e.g. FP16 or Q4_K_M."),
    ("baseline", "The variant that the candidate, the one under test, is compared with."),
    ("take", "One of several gradings of the same answer by the same judge."),
    (
        "next to grade",
        "Pairs that no person has graded on both sides: first those that decide the verdict (it would be another if you found both "
        "answers equal), then by how far judges and takes part, and by the size of the difference. Equal answers are left out.",
    ),
    (
        "agreement",
        "How far two graders give the same grades: quadratic κ and Krippendorff's α are 1 if always, 0 as by chance.",
    ),
    ("ungraded", "The judge's reply has no readable grade: counted separately, never as a low grade."),
    ("cut", "Answers cut off at the token limit."),
    ("margin", "The largest loss that you accept, e.g. ±0.2 grades. Set it in config.toml."),
    ("reference", "The offline judge: character overlap with the reference answer (chrF). Overlap is not quality."),
)
COLUMN_CELLS = 58


class HelpScreen(Dialog[None]):
    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Close")]

    def __init__(self, pane_id: str) -> None:
        super().__init__()
        self._pane_id = pane_id

    def compose(self) -> ComposeResult:
        yield Lines(id="help")

    def on_mount(self) -> None:
        lines = self.query_one("#help", Lines)
        lines.border_title = "Keys"
        lines.border_subtitle = "Esc closes · change keys: \\[keymap] in config.toml"
        lines.show(self._lines)

    def _lines(self, cells: int, styles: Mapping[str, Style]) -> list[Text]:
        columns = max(1, min(3, cells // COLUMN_CELLS))
        wide = cells // columns - 2
        places = keys.by_place()
        order = dict.fromkeys([self._pane_id, "global", "table", "text", *keys.PANES])
        blocks = [self._block(keys.TITLES[name], places[name], wide, styles) for name in order if name in places]
        blocks.append(_words(wide, styles))
        return _in_columns(blocks, columns, wide + 2)

    def _block(self, title: str, place_keys: list[keys.Key], wide: int, styles: Mapping[str, Style]) -> list[Text]:
        keymap = cast(Workbench, self.app).config.keymap
        lines = [Text.assemble((title, styles["strong"]))]
        for key in place_keys:
            text = f"{key.label}. {key.help}" if key.help else key.label
            lines += _entry(self._shown(keymap.get(key.id, key.keys)), text, 13, wide, styles)
        return [*lines, Text()]

    def _shown(self, names: str) -> str:
        """Return Textual's key names as printed on the keys: `slash` is `/`."""
        return " ".join(self.app.get_key_display(Binding(name.strip(), "")) for name in names.split(","))


def _words(wide: int, styles: Mapping[str, Style]) -> list[Text]:
    lines = [Text.assemble(("Words", styles["strong"]))]
    for word, meaning in WORDS:
        lines += _entry(word, meaning, 13, wide, styles)
    return [*lines, Text()]


def _entry(left: str, right: str, indent: int, wide: int, styles: Mapping[str, Style]) -> Iterator[Text]:
    for number, part in enumerate(wrap(right, max(10, wide - indent))):
        head = left if number == 0 else ""
        yield Text.assemble((f" {head}" + " " * max(1, indent - 1 - width(head)), styles["active"]), part)


def _in_columns(blocks: list[list[Text]], columns: int, wide: int) -> list[Text]:
    """Stack the blocks in columns of about the same height, to be read downwards."""
    total = sum(len(block) for block in blocks)
    stacks: list[list[Text]] = [[] for _ in range(columns)]
    current = 0
    for block in blocks:
        if stacks[current] and len(stacks[current]) + len(block) / 2 > total / columns and current < columns - 1:
            current += 1
        stacks[current] += block
    lines = []
    for row in range(max(len(stack) for stack in stacks)):
        line = Text()
        for number, stack in enumerate(stacks):
            part = stack[row] if row < len(stack) else Text()
            line.append(" " * max(0, number * wide - line.cell_len))
            line.append_text(part)
        lines.append(line)
    return lines
