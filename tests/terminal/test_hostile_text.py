"""Hostile text in every place of a store, in names of files and in files: nothing of it reaches the terminal as a command.

Real programs on a pseudo-terminal, every byte of which is read. The panes, dialogs and commands are found in the code: one that is
new has to be added here before these tests pass.
"""

import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.screen import ModalScreen

import qtui.ui
from qtui import paths
from qtui.cli import COMMANDS
from qtui.files import private_files
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.keys import PANES
from tests.terminal import hostile_store
from tests.terminal.hostile_store import HOSTILE
from tests.terminal.strict_terminal import StrictTerminal, findings

HOSTILE_NAME = "\x1b]0;o\x07\u202e[b]$(id)\x9b5n"
"""As much of a hostile text as may be in the name of a file."""
QTUI = [sys.executable, "-m", "qtui"]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "s.sqlite"
    hostile_store.fill(path)
    return path


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A folder with a hostile name: store, experiment, tasks, a study; and logs, a catalog and themes of a hostile user."""
    folder = tmp_path / HOSTILE_NAME
    folder.mkdir()
    shutil.copyfile(filled, folder / "s.sqlite")
    text = "".join(f"\\u{ord(character):04x}" for character in HOSTILE.replace("\n", " "))
    (folder / f"{HOSTILE_NAME}.toml").write_text(f'name = "{text}"\ntasks = "{text}"\n"{text}" = 1\n')
    with private_files.open_private_log(paths.run_log(1)) as log:
        log.write(HOSTILE.encode())
    private_files.private_folder(paths.user_themes())
    (paths.user_themes() / f"{HOSTILE_NAME}.toml").write_text(f'name = "{text}"\nprimary = "#ff0000"\n')
    paths.user_catalog().write_text(
        f'[[models]]\nname = "{text}"\nparameters = "7B"\nhf_repo = "a/{text}"\nlicense = "{text}"\n'
    )
    return folder


def dialogs() -> set[str]:
    """The names of all screens of the workbench that are over the main screen."""
    for module in pkgutil.walk_packages(qtui.ui.__path__, "qtui.ui."):
        importlib.import_module(module.name)
    return {
        each.__name__ for each in _subclasses(ModalScreen) if each.__module__.startswith("qtui.") and each is not Dialog
    }


def _subclasses(kind: type) -> Iterator[type]:
    subclasses: list[type] = kind.__subclasses__()
    for each in subclasses:
        yield each
        yield from _subclasses(each)


KEY_OF_DIALOG = {
    "ConfirmScreen": ("1", "d"),
    "NewRunScreen": ("1", "n"),
    "TextPromptScreen": ("2", "c"),
    "AgreementScreen": ("4", "a"),
    "ChooseTypesScreen": ("6", "z"),
    "HelpScreen": ("3", "?"),
    "Palette": ("1", "\x10"),
}
"""The keys that open each dialog: that of a pane, and its own."""
OTHER_KEYS = {
    "tasks": ("\r", "o", "/a\r", "\x1b", "f"),
    "compare": ("n", "u", "d", "t", "r", "T", "e", "b", "y", "N"),
    "scores": ("c", "f", "p", "J", "v"),
    "lengths": ("\r", "c", "t"),
    "models": ("/a\r",),
    "runs": ("\r", "a"),
}
"""Keys that make a pane show more."""


def test_every_dialog_is_opened_here() -> None:
    assert set(KEY_OF_DIALOG) == dialogs()


def test_every_pane_is_opened_here() -> None:
    assert set(OTHER_KEYS) == set(PANES)


def test_the_store_is_hostile_in_every_text(filled: Path) -> None:
    columns = set(hostile_store.text_columns(filled))
    assert {
        ("answer", "text"),
        ("task", "input"),
        ("variant", "model"),
        ("note", "comment"),
        ("batch", "batch_id"),
    } <= columns
    assert len(columns) > 50


@pytest.mark.parametrize("pane", PANES)
def test_no_pane_lets_hostile_text_through(pane: str, folder: Path) -> None:
    with workbench(folder) as terminal:
        before = terminal.wait_for(is_open)
        terminal.press(str(PANES.index(pane) + 1))
        terminal.wait_for(lambda shown: pane == "runs" or shown != before)
        for key in OTHER_KEYS[pane]:
            terminal.press(key)
            terminal.wait_for(bool)
        assert findings(terminal.written, copies=pane == "compare") == []


@pytest.mark.parametrize("dialog", KEY_OF_DIALOG)
def test_no_dialog_lets_hostile_text_through(dialog: str, folder: Path) -> None:
    pane, key = KEY_OF_DIALOG[dialog]
    with workbench(folder) as terminal:
        terminal.wait_for(is_open)
        terminal.press(pane)
        before = terminal.wait_for(bool)
        terminal.press(key)
        terminal.wait_for(lambda shown: shown != before)
        assert findings(terminal.written) == []


def workbench(folder: Path) -> StrictTerminal:
    return StrictTerminal([*QTUI, "--store", "s.sqlite"], cwd=folder)


def is_open(shown: str) -> bool:
    return "Runs" in shown and "Models" in shown


ARGUMENTS: dict[str, list[list[str]]] = {
    "demo": [["--headless", "--store", "."]],
    "run": [[f"{HOSTILE_NAME}.toml"], [f"{HOSTILE_NAME}.toml", "--check"], [HOSTILE_NAME]],
    "resume": [["1"], ["99"], [HOSTILE_NAME]],
    "pause": [["1"]],
    "cancel": [["1"]],
    "judge": [["list"], ["remove", HOSTILE_NAME]],
    "score": [["1", "--list"], ["2"], ["1", "--remove", HOSTILE_NAME]],
    "scores": [[], ["--by", "set"], ["--by", "category"], ["--json"]],
    "lengths": [[], ["--thinking"], ["--json"]],
    "divergence": [["--known"]],
    "agreement": [[], ["1"], [HOSTILE_NAME]],
    "compare": [["1", "--run", "1"], ["3", "--run", "1", "--full"], ["1", "--model", HOSTILE_NAME], ["2", "--json"]],
    "check": [[], ["--pair", HOSTILE_NAME]],
    "import": [["gpt4-autoeval", "."], ["gpt4-autoeval", HOSTILE_NAME]],
    "export": [
        ["answers", "--format", "markdown"],
        ["grades", "--format", "csv"],
        ["scores", "--format", HOSTILE_NAME],
    ],
    "runs": [[], ["--json"]],
    "backup": [[HOSTILE_NAME], ["s.sqlite"], ["."]],
    "verify": [[], ["--json"], [HOSTILE_NAME]],
    "repair": [[], ["--to", HOSTILE_NAME], [f"{HOSTILE_NAME}.toml"]],
    "merge": [["s.sqlite", "--into", HOSTILE_NAME], [HOSTILE_NAME], ["s.sqlite", "--json"]],
    "logs": [["1"], [HOSTILE_NAME]],
    "quantize": [[HOSTILE_NAME], [HOSTILE_NAME, "--type", HOSTILE_NAME]],
    "bench": [[HOSTILE_NAME]],
    "engines": [["--source", HOSTILE_NAME, "--offline"]],
    "models": [[], ["--json"]],
    "tasks": [["list"], ["show", HOSTILE_NAME]],
    "doctor": [[]],
    "bugreport": [["--print"], ["--yes", "--output", "s.sqlite"]],
    "locate": [[], ["store"]],
}
"""What every command is called with. `-x` of a shell's variable that names the store is the same for all."""
CALLS = [(command, arguments) for command, calls in ARGUMENTS.items() for arguments in calls]


def test_every_command_is_called_here() -> None:
    assert set(ARGUMENTS) == set(COMMANDS)


@pytest.mark.parametrize(("command", "arguments"), CALLS, ids=lambda value: re.sub(r"[^\w-]", "", str(value))[:40])
def test_no_command_lets_hostile_text_through(command: str, arguments: list[str], folder: Path) -> None:
    environment = {"QTUI_STORE": str(folder / "s.sqlite")}
    with StrictTerminal([*QTUI, command, *arguments], cwd=folder, environment=environment) as terminal:
        terminal.wait_for_end()
    assert terminal.written
    assert findings(terminal.written) == []
    assert b"defect of qtui" not in terminal.written, terminal.written.decode(errors="replace")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_let_no_hostile_text_through(shell: str, folder: Path) -> None:
    environment = {**os.environ, "_QTUI_COMPLETE": f"{shell}_complete", "COMP_WORDS": "qtui run ", "COMP_CWORD": "2"}
    done = subprocess.run(QTUI, cwd=folder, env=environment, capture_output=True, check=False)
    assert findings(done.stdout + done.stderr) == []
