"""The dialog before quantizing or measuring a model: which types, from which weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from qtui.errors import UserError
from qtui.text import safe
from qtui.ui import launch, stylesheet
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.widgets.text_input import TextInput

Kind = Literal["quantize", "bench"]

CHOSEN_FIRST = {"quantize": ("Q4_K_M",), "bench": ("F16", "Q8_0", "Q4_K_M", "Q2_K")}
_WORDS = {
    "quantize": ("Quantize", "Space selects a type, ^s quantizes the selected types in the background."),
    "bench": ("Measure", "Space selects a type, ^s measures the selected types; missing files are created first."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    source: str
    types: tuple[str, ...]
    imatrix: str


class ChooseTypesScreen(Dialog[Choice | None]):
    """Returns the choice, None on cancel. The types come from `qtui quantize --list`, which asks llama.cpp."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("escape", "cancel", "Cancel"),
        Binding("space", "choose", "Choose", show=False),
        Binding("j", "next", "Down", show=False),
        Binding("k", "previous", "Up", show=False),
    ]
    AUTO_FOCUS = "#types"

    types = getters.query_one("#types", OptionList)
    source = getters.query_one("#source", Input)
    imatrix = getters.query_one("#imatrix", Input)
    problem = getters.query_one("#problem", Static)

    def __init__(self, kind: Kind, model: str, source: str) -> None:
        super().__init__()
        self._kind, self._model, self._source = kind, model, source
        self._types_by_name: dict[str, dict[str, Any]] = {}
        self.chosen: set[str] = set()

    def compose(self) -> ComposeResult:
        title, hint = _WORDS[self._kind]
        with Vertical(id="make-types"):
            yield Static(f"{title} {safe(self._model)}", id="make-title", markup=False)
            with Horizontal(classes="field"):
                yield Label("Weights")
                yield TextInput(
                    self._source, id="source", placeholder="demo, a folder, a .gguf, owner/name", compact=True
                )
            with Horizontal(classes="field"):
                yield Label("Importance")
                yield TextInput(
                    "", id="imatrix", placeholder="a file from llama-imatrix, for types that need one", compact=True
                )
            yield OptionList(id="types", markup=False, compact=True)
            yield Static("", id="problem", markup=False)
            yield Static(f"{hint} Tab next field · Esc cancel", id="make-keys", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._load_types())

    async def _load_types(self) -> None:
        try:
            types = await launch.types()
        except UserError as problem:
            if self.is_open:
                self._show_problem(str(problem))
            return
        if not self.is_open:
            return
        self._types_by_name = {each["name"]: each for each in types}
        self.chosen = {name for name in CHOSEN_FIRST[self._kind] if name in self._types_by_name}
        self.types.add_options(Option(self._label(name), id=name) for name in self._types_by_name)
        self.types.highlighted = min((list(self._types_by_name).index(name) for name in self.chosen), default=0)

    def action_choose(self) -> None:
        option = self.types.highlighted_option
        if option is not None and option.id is not None:
            self.chosen ^= {option.id}
            self.types.replace_option_prompt(option.id, self._label(option.id))
            self._show_problem("")

    def action_next(self) -> None:
        self.types.action_cursor_down()

    def action_previous(self) -> None:
        self.types.action_cursor_up()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_start(self) -> None:
        chosen = [name for name in self._types_by_name if name in self.chosen]
        problem = self._problem_of(chosen)
        if problem:
            self._show_problem(problem)
        else:
            self.dismiss(Choice(self.source.value.strip(), tuple(chosen), self.imatrix.value.strip()))

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()

    def _problem_of(self, chosen: Sequence[str]) -> str:
        if not self.source.value.strip():
            return "Weights are missing: name a folder, a .gguf file or a hub id."
        if not chosen:
            return "No type is selected: select one with Space."
        needing = [name for name in chosen if self._types_by_name[name]["needs_imatrix"]]
        if needing and not self.imatrix.value.strip():
            return f"{', '.join(needing)}: name an importance matrix file, or deselect."
        return ""

    def _show_problem(self, problem: str) -> None:
        self.problem.update(safe(problem))

    def _label(self, name: str) -> Text:
        """A sign, not a colour alone, marks a selected type."""
        each = self._types_by_name[name]
        bits = f"{each['bits']:>5.2f} bits" if each["bits"] else " " * 10
        sign = "■" if name in self.chosen else "·"
        return Text(f"{sign} {name:<10} {bits}  {each['needs']}".rstrip(), no_wrap=True, overflow="ellipsis")
