"""A new run: an experiment's file as it is, or one built from a few fields. What will run is on the screen as TOML all the time.

The experiment is checked in a process of its own while one types, by the same check that the runner makes; starting is the
command line's `qtui run --detach`.
"""

import asyncio
import os
import re
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Input, Label, Static, TextArea

from qtui import catalog, paths
from qtui.errors import UserError
from qtui.experiment.draft import Draft, to_toml
from qtui.files import input_file, private_files
from qtui.records import CONTROL_ARM, NOISE_FLOOR
from qtui.text import safe
from qtui.ui import launch, stylesheet
from qtui.ui.dialogs.confirm import ConfirmScreen
from qtui.ui.dialogs.dialog import Dialog

CHECK_AFTER_SECONDS = 0.8
FILE_HINT = "a .toml, or fill in below"
FIELDS = (
    ("name", "Name", "what the run is called"),
    ("tasks", "Tasks", "demo, a .jsonl/.csv/.parquet file, hf:owner/name"),
    ("model", "Model", "a name of the catalog, or your own"),
    ("weights", "Weights", "demo, a folder, a .gguf, owner/name (empty: the model's)"),
    ("variants", "Variants", "baseline first, e.g. FP16, Q4_K_M, Q8_0=my.gguf, control arm, noise floor"),
    ("judge", "Judge", "reference, none, or MODEL@URL of an endpoint"),
    ("max_tokens", "Tokens", "longest answer"),
)


class NewRunScreen(Dialog[int | None]):
    """Returns the id of the run that was started, None if none was."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    SCOPED_CSS = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "start", "Start", priority=True),
        Binding("ctrl+o", "next_file", "Next file", priority=True),
        Binding("escape", "cancel", "Cancel"),
        Binding("enter,down", "app.focus_next", "Next field", show=False),
        Binding("up", "app.focus_previous", "Previous field", show=False),
    ]
    AUTO_FOCUS = "#file"

    file = getters.query_one("#file", Input)
    toml = getters.query_one("#toml", TextArea)
    verdict = getters.query_one("#verdict", Static)

    def __init__(self, store_path: Path) -> None:
        super().__init__()
        self._store_path = store_path
        self._folder = Path.cwd()
        self._files = [str(path) for path in experiment_files(self._folder)]
        self._made = ""
        """The TOML that the fields or the file gave; what differs from it was typed by hand."""
        self._check: asyncio.Task[None] | None = None
        self._starting = False

    def compose(self) -> ComposeResult:
        default = Draft(name="try", model="demo-ja", weights="demo")
        with Vertical(id="new-run"):
            yield Static("New run", id="new-run-title")
            with Horizontal(id="new-run-body"):
                with VerticalScroll(id="new-run-fields", can_focus=False):
                    yield _field("file", "File", "", FILE_HINT, self._files)
                    for name, label, hint in FIELDS:
                        yield _field(name, label, getattr(default, name), hint, _known(name))
                yield TextArea(id="toml", show_line_numbers=False, tab_behavior="focus", compact=True)
            with VerticalScroll(id="verdict-scroll", can_focus=False):
                yield Static("", id="verdict", markup=False)
            yield Static(
                "^s start · ^o next file · → takes the suggestion · Tab next field · Esc leave", id="new-run-keys"
            )

    def on_mount(self) -> None:
        self._make()

    @on(Input.Changed)
    def _field_changed(self, changed: Input.Changed) -> None:
        changed.stop()
        self._make()

    @on(TextArea.Changed)
    def _text_changed(self, changed: TextArea.Changed) -> None:
        changed.stop()
        self._check_soon()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_next_file(self) -> None:
        """Through the files that were found, and back to none."""
        choices = ["", *self._files]
        current = choices.index(self.file.value) if self.file.value in choices else 0
        self.file.value = choices[(current + 1) % len(choices)]

    def action_start(self) -> None:
        if not self._starting:
            self._starting = True
            self._say("Starting …")
            self.run_worker(self._start(), group="start")

    def on_unmount(self) -> None:
        if self._check is not None:
            self._check.cancel()

    def _make(self) -> None:
        """The TOML anew, from the file if one is named, else from the fields."""
        path = self._named_file()
        for name, _, _ in FIELDS:
            self.query_one(f"#{name}", Input).disabled = path is not None
        self.toml.read_only = path is not None
        if path is None:
            self._made = to_toml(self._draft(), self._folder)
        else:
            self._made = _read(path)
        if self.toml.text != self._made:
            self.toml.load_text(self._made)
        self._check_soon()

    def _draft(self) -> Draft:
        return Draft(**{name: self.query_one(f"#{name}", Input).value.strip() for name, _, _ in FIELDS})

    def _named_file(self) -> Path | None:
        value = self.file.value.strip()
        return (self._folder / Path(value).expanduser()) if value else None

    def _check_soon(self) -> None:
        if self._check is not None:
            self._check.cancel()
        self._check = asyncio.create_task(self._check_later())

    async def _check_later(self) -> None:
        await asyncio.sleep(CHECK_AFTER_SECONDS)
        path = self._named_file()
        try:
            found = await launch.check(path) if path is not None else await _check_text(self.toml.text)
        except UserError as problem:
            self._say(_shorter(str(problem)), is_problem=True)
        else:
            self._say(_would_run(found))

    async def _start(self, *, allows_cpu: bool = False) -> None:
        try:
            path = self._named_file()
            if path is None:
                text = self.toml.text  # one text is checked and saved, whatever is typed meanwhile
                await _check_text(text)  # or a password that somebody typed into an address would be saved with it
                path = save(text, self._draft().name or "experiment")
            launched = await launch.start(path, self._store_path, allows_cpu=allows_cpu)
        except launch.CpuNotAllowedError as reasons:
            self._starting = False
            self._say(str(reasons), is_problem=True)
            self.app.push_screen(ConfirmScreen(cpu_question(str(reasons)), yes="Run on the CPU"), self._cpu_answered)
            return
        except UserError as problem:
            self._starting = False
            if self.is_open:
                self._say(_shorter(str(problem)), is_problem=True)
            return
        said = launched.notice or f"Run {launched.run_id} started from {safe(str(path))}"
        self.app.notify(f"{said}.", timeout=5, markup=False)
        self.dismiss(launched.run_id)

    def _cpu_answered(self, is_allowed: bool | None) -> None:
        if is_allowed:
            self._starting = True
            self._say("Starting …")
            self.run_worker(self._start(allows_cpu=True), group="start")

    def _say(self, text: str, *, is_problem: bool = False) -> None:
        self.verdict.update(safe(text))
        self.verdict.set_class(is_problem, "-problem")


def cpu_question(reasons: str) -> str:
    """What is asked before a run computes on the CPU of a machine with a GPU."""
    return f"{reasons}\n\nRun on the CPU all the same? It takes many times as long."


async def _check_text(text: str) -> dict[str, Any]:
    """What a text would run. Raises UserError with every problem."""
    with tempfile.TemporaryDirectory(prefix="qtui-") as folder:
        written = Path(folder) / "experiment.toml"
        written.write_text(text, encoding="utf-8")
        return await launch.check(written)


def experiment_files(folder: Path) -> list[Path]:
    """Files that may be experiments: those in the folder and below, the user's own, and the ones that come with qtui."""
    near = [*sorted(folder.glob("*.toml")), *sorted(folder.glob("*/*.toml"))]
    found = [path.relative_to(folder) for path in near if _is_experiment(path)]
    own = sorted((paths.user_data() / "experiments").glob("*.toml"))
    shipped = sorted((paths.data() / "experiments").glob("*.toml"))
    return [*found, *own, *shipped]


def _is_experiment(path: Path) -> bool:
    try:
        return "[[models]]" in input_file.read_text(path)
    except (OSError, UnicodeDecodeError, UserError):
        return False


def _field(name: str, label: str, value: str, hint: str, known: list[str]) -> Horizontal:
    suggester = SuggestFromList(known, case_sensitive=False) if known else None
    return Horizontal(
        Label(label),
        Input(value, id=name, placeholder=hint, suggester=suggester, compact=True, select_on_focus=False),
        classes="field",
    )


def _known(name: str) -> list[str]:
    if name == "model":
        try:
            return ["demo-ja", *catalog.names()]
        except UserError:
            return ["demo-ja"]
    return {"tasks": ["demo", "hf:elyza/ELYZA-tasks-100"], "weights": ["demo"], "judge": ["reference", "none"]}.get(
        name, []
    )


def _read(path: Path) -> str:
    try:
        return safe(input_file.read_text(path))
    except (OSError, UnicodeDecodeError, UserError):
        return ""


def save(text: str, name: str) -> Path:
    """The experiment as a file of the user's; another one of the same name is not overwritten."""
    folder = paths.user_data() / "experiments"
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "experiment"
    try:
        private_files.private_folder(folder)
        for number in range(1, 1000):
            path = folder / (f"{plain}.toml" if number == 1 else f"{plain}-{number}.toml")
            if not path.exists() or path.read_text(encoding="utf-8") == text:
                with private_files.create(path) as file:
                    file.write(text.encode())
                return path
    except OSError as error:
        raise UserError(f"{folder}: cannot save the experiment there: {os.strerror(error.errno or 0)}.") from error
    raise UserError(f"{folder}: has a thousand experiments named {plain}. Choose another name.")


def _shorter(problem: str) -> str:
    """Problems of a file that the user has not saved yet, without the name of the temporary one before each."""
    return re.sub(r"(?m)^\S*/qtui-[^/]+/experiment\.toml:", "", problem)


def _role(variant: dict[str, Any]) -> str:
    return f" ({variant['is']})" if variant["role"] in (CONTROL_ARM, NOISE_FLOOR) else ""


def _would_run(found: dict[str, Any]) -> str:
    variants = ", ".join(f"{v['model']} {v['variant']}{_role(v)}" for v in found["variants"])
    judges = ", ".join(found["judges"]) or "no judge"
    idle = "".join(f"\n{reason}." for reason in found["idle_gpus"])
    return f"✓ {found['tasks']} tasks, {found['answers']} answers: {variants}. Judged by {judges}.{idle}"
