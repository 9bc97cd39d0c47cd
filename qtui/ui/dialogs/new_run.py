"""The form for a new run: an experiment file unchanged, or one built from a few fields. The TOML that will run is always shown.

A separate process checks the experiment while the user types, with the same check as the runner; `qtui run --detach` starts it.
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
from qtui.files import disk_errors, input_file, named_path, private_files
from qtui.records import CONTROL_ARM, NOISE_FLOOR
from qtui.text import safe
from qtui.ui import launch, stylesheet
from qtui.ui.dialogs.confirm import ConfirmScreen
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.widgets.text_input import TextInput
from qtui.ui.widgets.text_lines import TextLines

CHECK_AFTER_SECONDS = 0.8
FILE_HINT = "a .toml, or use the fields"
FIELDS = (
    ("name", "Name", "name of the experiment"),
    ("tasks", "Tasks", "demo, a .jsonl/.json/.csv/.parquet file, hf:owner/name"),
    ("model", "Model", "a catalog name, or your own"),
    ("weights", "Weights", "demo, a folder, a .gguf, owner/name (empty: from the catalog)"),
    ("variants", "Variants", "baseline first, e.g. FP16, Q4_K_M, Q8_0=my.gguf, control arm, noise floor"),
    ("judge", "Judge", "reference, none, or MODEL@URL of an endpoint"),
    ("max_tokens", "Tokens", "token limit of an answer"),
)


class NewRunScreen(Dialog[int | None]):
    """Returns the id of the started run, None if no run was started."""

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
    toml = getters.query_one("#toml", TextLines)
    verdict = getters.query_one("#verdict", Static)

    def __init__(self, store_path: Path) -> None:
        super().__init__()
        self._store_path = store_path
        self._folder = Path.cwd()
        self._files = [str(path) for path in experiment_files(self._folder)]
        self._generated = ""
        """The TOML from the fields or the file; the text differs from it where the user edited it."""
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
                        yield _field(name, label, getattr(default, name), hint, _suggestions(name))
                yield TextLines(id="toml")
            with VerticalScroll(id="verdict-scroll", can_focus=False):
                yield Static("", id="verdict", markup=False)
            yield Static(
                "^s start · ^o next file · → accept suggestion · Tab next field · Esc cancel", id="new-run-keys"
            )

    def on_mount(self) -> None:
        self._generate()

    @on(Input.Changed)
    def _field_changed(self, changed: Input.Changed) -> None:
        changed.stop()
        self._generate()

    @on(TextArea.Changed)
    def _text_changed(self, changed: TextArea.Changed) -> None:
        changed.stop()
        self._check_soon()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_next_file(self) -> None:
        """Select the next experiment file; after the last one, none."""
        choices = ["", *self._files]
        current = choices.index(self.file.value) if self.file.value in choices else 0
        self.file.value = choices[(current + 1) % len(choices)]

    def action_start(self) -> None:
        if not self._starting:
            self._starting = True
            self._show_verdict("Starting …")
            self.run_worker(self._start(), group="start")

    def on_unmount(self) -> None:
        if self._check is not None:
            self._check.cancel()

    def _generate(self) -> None:
        """Regenerate the TOML: from the file if one is named, else from the fields."""
        path = self._named_file()
        for name, _, _ in FIELDS:
            self.query_one(f"#{name}", Input).disabled = path is not None
        self.toml.read_only = path is not None
        if path is None:
            self._generated = to_toml(self._draft(), self._folder)
        else:
            self._generated = _read(path)
        if self.toml.text != self._generated:
            self.toml.load_text(self._generated)
        self._check_soon()

    def _draft(self) -> Draft:
        return Draft(**{name: self.query_one(f"#{name}", Input).value.strip() for name, _, _ in FIELDS})

    def _named_file(self) -> Path | None:
        value = self.file.value.strip()
        return (self._folder / named_path.expanded(value)) if value else None

    def _check_soon(self) -> None:
        if self._check is not None:
            self._check.cancel()
        self._check = asyncio.create_task(self._check_later())

    async def _check_later(self) -> None:
        await asyncio.sleep(CHECK_AFTER_SECONDS)
        path = self._named_file()
        try:
            plan = (
                await launch.check(path, self._store_path)
                if path is not None
                else await _check_text(self.toml.text, self._store_path)
            )
        except UserError as problem:
            self._show_verdict(_shorter(str(problem)), is_problem=True)
        else:
            self._show_verdict(_plan_summary(plan))

    async def _start(self, *, allows_cpu: bool = False) -> None:
        try:
            path = self._named_file()
            if path is None:
                text = self.toml.text  # the text that is checked is saved, even if the user types meanwhile
                await _check_text(text, self._store_path)  # rejects a password in an address, which must not be saved
                path = save(text, self._draft().name or "experiment")
            launched = await launch.start(path, self._store_path, allows_cpu=allows_cpu)
        except launch.CpuNotAllowedError as reasons:
            self._starting = False
            self._show_verdict(str(reasons), is_problem=True)
            self.app.push_screen(ConfirmScreen(cpu_question(str(reasons)), yes="Run on the CPU"), self._cpu_answered)
            return
        except UserError as problem:
            self._starting = False
            if self.is_open:
                self._show_verdict(_shorter(str(problem)), is_problem=True)
            return
        message = launched.notice or f"Run {launched.run_id} started from {safe(str(path))}"
        self.app.notify(f"{message}.", timeout=5, markup=False)
        self.dismiss(launched.run_id)

    def _cpu_answered(self, is_allowed: bool | None) -> None:
        if is_allowed:
            self._starting = True
            self._show_verdict("Starting …")
            self.run_worker(self._start(allows_cpu=True), group="start")

    def _show_verdict(self, text: str, *, is_problem: bool = False) -> None:
        self.verdict.update(safe(text))
        self.verdict.set_class(is_problem, "-problem")


def cpu_question(reasons: str) -> str:
    """Return the question to confirm before a run computes on the CPU of a machine with a GPU."""
    return f"{reasons}\n\nRun on the CPU anyway? It takes many times as long."


async def _check_text(text: str, store_path: Path) -> dict[str, Any]:
    """Check an experiment's TOML; return its plan. Raises UserError with every problem."""
    try:
        with tempfile.TemporaryDirectory(prefix="qtui-") as folder:
            written = Path(folder) / "experiment.toml"
            written.write_text(text, encoding="utf-8")
            return await launch.check(written, store_path)
    except OSError as error:
        raise UserError(disk_errors.describe(error)) from error


def experiment_files(folder: Path) -> list[Path]:
    """Return experiment files: in the folder and its subfolders, in the user's data folder, and those that come with qtui."""
    near = [*sorted(folder.glob("*.toml")), *sorted(folder.glob("*/*.toml"))]
    here = [path.relative_to(folder) for path in near if _is_experiment(path)]
    saved = sorted((paths.user_data() / "experiments").glob("*.toml"))
    shipped = sorted((paths.data() / "experiments").glob("*.toml"))
    return [*here, *saved, *shipped]


def _is_experiment(path: Path) -> bool:
    try:
        return "[[models]]" in input_file.read_text(path)
    except (OSError, UserError):
        return False


def _field(name: str, label: str, value: str, hint: str, suggestions: list[str]) -> Horizontal:
    suggester = SuggestFromList(suggestions, case_sensitive=False) if suggestions else None
    return Horizontal(
        Label(label),
        TextInput(value, id=name, placeholder=hint, suggester=suggester, compact=True, select_on_focus=False),
        classes="field",
    )


def _suggestions(name: str) -> list[str]:
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
    except (OSError, UserError):
        return ""


def save(text: str, name: str) -> Path:
    """Save the experiment in the user's data folder and return its path; never overwrite another one of the same name."""
    folder = paths.user_data() / "experiments"
    plain = "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".-") or "experiment"
    try:
        private_files.private_folder(folder)
        for number in range(1, 1000):
            path = folder / (f"{plain}.toml" if number == 1 else f"{plain}-{number}.toml")
            if not path.exists() or path.read_text(encoding="utf-8") == text:
                private_files.write_whole(path, text.encode())
                return path
    except OSError as error:
        raise UserError(f"{folder}: cannot save the experiment here: {os.strerror(error.errno or 0)}.") from error
    raise UserError(f"{folder}: already has a thousand experiments named {plain}. Choose another name.")


def _shorter(problem: str) -> str:
    """Remove the temporary file's name from the problems of a text that is not saved yet."""
    return re.sub(r"(?m)^\S*/qtui-[^/]+/experiment\.toml:", "", problem)


def _role(variant: dict[str, Any]) -> str:
    return f" ({variant['is']})" if variant["role"] in (CONTROL_ARM, NOISE_FLOOR) else ""


def _plan_summary(plan: dict[str, Any]) -> str:
    variants = ", ".join(f"{v['model']} {v['variant']}{_role(v)}" for v in plan["variants"])
    judges = ", ".join(plan["judges"]) or "none"
    costs = [cost["sentence"] for cost in plan["costs"]]
    notes = "".join(f"\n{note}" for note in (*costs, *plan["notes"], *(f"{reason}." for reason in plan["idle_gpus"])))
    return f"✓ {plan['tasks']} tasks, {plan['answers']} answers: {variants}. Judges: {judges}.{notes}"
