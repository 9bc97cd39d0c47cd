"""Which types to make of a model, or to measure: a list to choose from, and the weights that they are made of."""

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

Kind = Literal["quantize", "bench"]

CHOSEN_FIRST = {"quantize": ("Q4_K_M",), "bench": ("F16", "Q8_0", "Q4_K_M", "Q2_K")}
_WORDS = {
    "quantize": ("Make GGUF files of", "Space chooses a type, ^s makes the chosen ones; they are made while you do other things."),
    "bench": ("Measure types of", "Space chooses a type, ^s measures the chosen ones; files that are missing are made first."),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    source: str
    types: tuple[str, ...]
    imatrix: str


class MakeTypesScreen(Dialog[Choice | None]):
    """Returns what was chosen, None if nothing is to be done. The types come from the command line, which asks the library."""

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
        self._known: dict[str, dict[str, Any]] = {}
        self.chosen: set[str] = set()

    def compose(self) -> ComposeResult:
        title, hint = _WORDS[self._kind]
        with Vertical(id="make-types"):
            yield Static(f"{title} {safe(self._model)}", id="make-title", markup=False)
            with Horizontal(classes="field"):
                yield Label("From")
                yield Input(self._source, id="source", placeholder="demo, a folder, a .gguf, owner/name", compact=True)
            with Horizontal(classes="field"):
                yield Label("Importance")
                yield Input(
                    "", id="imatrix", placeholder="a matrix of llama-imatrix, for types that need one", compact=True
                )
            yield OptionList(id="types", markup=False, compact=True)
            yield Static("", id="problem", markup=False)
            yield Static(f"{hint} Tab next field · Esc leave", id="make-keys", markup=False)

    def on_mount(self) -> None:
        self.run_worker(self._ask_for_types())

    async def _ask_for_types(self) -> None:
        try:
            found = await launch.types()
        except UserError as problem:
            if self.is_open:
                self._complain(str(problem))
            return
        if not self.is_open:
            return
        self._known = {each["name"]: each for each in found}
        self.chosen = {name for name in CHOSEN_FIRST[self._kind] if name in self._known}
        self.types.add_options(Option(self._label(name), id=name) for name in self._known)
        self.types.highlighted = min((list(self._known).index(name) for name in self.chosen), default=0)

    def action_choose(self) -> None:
        option = self.types.highlighted_option
        if option is not None and option.id is not None:
            self.chosen ^= {option.id}
            self.types.replace_option_prompt(option.id, self._label(option.id))
            self._complain("")

    def action_next(self) -> None:
        self.types.action_cursor_down()

    def action_previous(self) -> None:
        self.types.action_cursor_up()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_start(self) -> None:
        chosen = [name for name in self._known if name in self.chosen]
        problem = self._what_is_wrong(chosen)
        if problem:
            self._complain(problem)
        else:
            self.dismiss(Choice(self.source.value.strip(), tuple(chosen), self.imatrix.value.strip()))

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()

    def _what_is_wrong(self, chosen: Sequence[str]) -> str:
        if not self.source.value.strip():
            return "From what? Name a folder, a .gguf file or a hub id."
        if not chosen:
            return "Choose a type with Space."
        needing = [name for name in chosen if self._known[name]["needs_imatrix"]]
        if needing and not self.imatrix.value.strip():
            return f"{', '.join(needing)}: name an importance matrix, or leave them out."
        return ""

    def _complain(self, problem: str) -> None:
        self.problem.update(safe(problem))

    def _label(self, name: str) -> Text:
        """Chosen or not is a sign, not a colour."""
        each = self._known[name]
        bits = f"{each['bits']:>5.2f} bits" if each["bits"] else " " * 10
        sign = "■" if name in self.chosen else "·"
        return Text(f"{sign} {name:<10} {bits}  {each['needs']}".rstrip(), no_wrap=True, overflow="ellipsis")
