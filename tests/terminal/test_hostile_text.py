"""Hostile text in every place of a store, in names of files and in files: nothing of it reaches the terminal as a command.

Real programs on a pseudo-terminal, every byte of which is read. The panes, dialogs and commands are found in the code: one that is
new has to be added here before these tests pass. One store is whole, so that tables are shown with its texts; another is damaged as
well, so that the words about damage are shown.

A pipe leads to a terminal, too (`| cat`, `| less -R`). What commands print for people is as safe there as on a terminal; JSON and
JSON lines are exact and have escapes; CSV and Parquet are exact, and for programs alone.
"""

import importlib
import json
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
from qtui.store import damage
from qtui.ui.dialogs.dialog import Dialog
from qtui.ui.keys import PANES
from tests.terminal import hostile_store, many_commands
from tests.terminal.hostile_store import HOSTILE
from tests.terminal.strict_terminal import StrictTerminal, findings

HOSTILE_NAME = "\x1b]0;o\x07\u202e[b]$(id)\x9b5n"
"""As much of a hostile text as may be in the name of a file."""
QTUI = [sys.executable, "-m", "qtui"]
MANY_COMMANDS = [sys.executable, "-m", "tests.terminal.many_commands"]
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "s.sqlite"
    hostile_store.fill(path)
    return path


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    return hostile_folder(filled, tmp_path)


@pytest.fixture
def damaged_folder(tmp_path: Path) -> Path:
    hostile_store.fill_damaged(tmp_path / "damaged.sqlite")
    return hostile_folder(tmp_path / "damaged.sqlite", tmp_path)


def hostile_folder(store: Path, place: Path) -> Path:
    """A folder with a hostile name: store, experiment, tasks, a study; and logs, a catalog and themes of a hostile user."""
    folder = place / HOSTILE_NAME
    folder.mkdir()
    shutil.copyfile(store, folder / "s.sqlite")
    text = "".join(f"\\u{ord(character):04x}" for character in HOSTILE.replace("\n", " ") if ord(character) < 0x10000)
    (folder / f"{HOSTILE_NAME}.toml").write_text(f'name = "{text}"\ntasks = "{text}"\n"{text}" = 1\n')
    with private_files.open_private_log(paths.run_log(1)) as log:
        log.write(HOSTILE.encode())
    private_files.private_folder(paths.user_themes())
    (paths.user_themes() / f"{HOSTILE_NAME}.toml").write_text(f'name = "{text}"\nprimary = "#ff0000"\n')
    paths.user_catalog().write_text(
        f'[[model]]\nname = "{text}"\nparameters = "7B"\nhf_repo = "a/{text}"\nlicense = "{text}"\n'
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


def test_the_store_is_whole_and_hostile_in_every_text_that_a_rule_allows(filled: Path) -> None:
    assert damage.first(filled) == ""
    assert hostile_store.harmless_columns(filled) == []


def test_the_damaged_store_is_hostile_in_every_text(damaged_folder: Path) -> None:
    columns = set(hostile_store.text_columns(damaged_folder / "s.sqlite"))
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
            shown = terminal.wait_for(bool)
            assert "damaged" not in shown
        assert b"owned" in terminal.written
        assert findings(terminal.written, copies=pane == "compare") == []


@pytest.mark.parametrize("dialog", KEY_OF_DIALOG)
def test_no_dialog_lets_hostile_text_through(dialog: str, folder: Path) -> None:
    pane, key = KEY_OF_DIALOG[dialog]
    with workbench(folder) as terminal:
        terminal.wait_for(is_open)
        terminal.press(pane)
        before = terminal.wait_for(bool)
        terminal.press(key)
        shown = terminal.wait_for(lambda shown: shown != before)
        assert "damaged" not in shown
        assert findings(terminal.written) == []


def test_no_pane_or_dialog_lets_text_of_a_damaged_store_through(damaged_folder: Path) -> None:
    with workbench(damaged_folder) as terminal:
        terminal.wait_for(is_open)
        for pane, key in KEY_OF_DIALOG.values():
            for keys in (pane, key):
                terminal.press(keys)
                terminal.wait_for(bool)
            terminal.press("\x1b")
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
    "judge": [
        ["remove", HOSTILE_NAME],
        [HOSTILE_NAME],
        ["openai", "--model", HOSTILE_NAME, "--base-url", "http://127.0.0.1:9/v1", "--check"],
        ["openai", "--model", "m", "--prompt", HOSTILE_NAME],
    ],
    "score": [["2"], ["1", "--remove", HOSTILE_NAME], ["2", "--scorers", HOSTILE_NAME]],
    "scores": [[], ["--by", "set"], ["--by", "category"], ["--json"]],
    "lengths": [[], ["--thinking"], ["--json"]],
    "divergence": [["--known"]],
    "agreement": [[], ["1"], ["3"], ["--json"], [HOSTILE_NAME]],
    "compare": [["1", "--run", "1"], ["3", "--run", "1", "--full"], ["1", "--model", HOSTILE_NAME], ["2", "--json"]],
    "check": [[], ["--pair", HOSTILE_NAME]],
    "import": [["gpt4-autoeval", "."], ["gpt4-autoeval", HOSTILE_NAME]],
    "export": [
        ["answers", "--format", "md"],
        ["answers", "--format", "jsonl"],
        ["grades", "--format", "csv"],
        ["scores", "--format", "md"],
        ["win-rates", "--format", "jsonl"],
        ["preferences", "--output", f"{HOSTILE_NAME}.csv"],
        ["lengths", "--output", f"{HOSTILE_NAME}/none.csv"],
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
TABLES = {
    ("scores", ()), ("scores", ("--by", "set")), ("scores", ("--json",)), ("lengths", ()), ("lengths", ("--json",)),
    ("agreement", ()), ("agreement", ("3",)), ("compare", ("1", "--run", "1")), ("compare", ("3", "--run", "1", "--full")),
    ("compare", ("2", "--json")), ("divergence", ("--known",)), ("export", ("answers", "--format", "md")),
    ("export", ("answers", "--format", "jsonl")), ("export", ("scores", "--format", "md")),
    ("export", ("win-rates", "--format", "jsonl")), ("runs", ()), ("runs", ("--json",)), ("models", ()), ("score", ("2",)),
}  # fmt: skip
"""Calls that show figures or texts of the whole store, or of the user's files."""


def test_every_command_is_called_here() -> None:
    assert set(ARGUMENTS) == set(COMMANDS)


@pytest.mark.parametrize(("command", "arguments"), CALLS, ids=lambda value: re.sub(r"[^\w-]", "", str(value))[:40])
def test_no_command_lets_hostile_text_through(command: str, arguments: list[str], folder: Path) -> None:
    environment = {"QTUI_STORE": str(folder / "s.sqlite")}
    with StrictTerminal([*QTUI, command, *arguments], cwd=folder, environment=environment) as terminal:
        status = terminal.wait_for_end()
    assert terminal.written
    assert findings(terminal.written) == []
    assert b"defect of qtui" not in terminal.written, terminal.written.decode(errors="replace")
    if (command, tuple(arguments)) in TABLES:
        assert (status, b"owned" in terminal.written) == (0, True), terminal.written.decode(errors="replace")


def test_every_call_that_shows_a_table_is_called_here() -> None:
    assert {(command, tuple(arguments)) for command, arguments in CALLS} >= TABLES


READ_THE_STORE = (
    "scores",
    "lengths",
    "agreement",
    "compare",
    "check",
    "runs",
    "verify",
    "divergence",
    "judge",
    "score",
    "logs",
)


def test_no_command_lets_text_of_a_damaged_store_through(damaged_folder: Path, tmp_path: Path) -> None:
    """In one process, into pipes: what differs from the whole store is only what is said of damage."""
    calls = [call for call in CALLS if call[0] in READ_THE_STORE]
    command, environment = many_commands_of(damaged_folder, tmp_path, calls)
    done = subprocess.run(
        command, cwd=damaged_folder, env={**os.environ, **environment}, capture_output=True, check=False
    )
    assert b"is damaged" in done.stderr
    for stream in (done.stdout, done.stderr):
        for call, written in zip(calls, many_commands.by_call(stream, len(calls)), strict=True):
            assert findings(written) == [], call
            assert b"defect of qtui" not in written, (call, written.decode(errors="replace"))


def test_no_command_lets_hostile_text_into_a_pipe_but_csv_and_parquet(folder: Path, tmp_path: Path) -> None:
    command, environment = many_commands_of(folder, tmp_path, CALLS)
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, check=False)
    printed, said = (many_commands.by_call(stream, len(CALLS)) for stream in (done.stdout, done.stderr))
    for call, out, err in zip(CALLS, printed, said, strict=True):
        assert findings(err) == [], call
        assert is_exact_csv(call) or findings(out) == [], call
    assert any(is_exact_csv(call) and b"\x1b]0;owned" in out for call, out in zip(CALLS, printed, strict=True))
    notes = [call for call, err in zip(CALLS, said, strict=True) if b"note: some texts have control" in err]
    assert notes == [call for call in CALLS if is_exact_csv(call)]


def is_exact_csv(call: tuple[str, list[str]]) -> bool:
    return call[0] == "export" and "csv" in call[1]


def many_commands_of(folder: Path, place: Path, calls: list[tuple[str, list[str]]]) -> tuple[list[str], dict[str, str]]:
    """The program that makes these calls in a folder, and its environment."""
    (place / "calls.json").write_text(json.dumps([[command, *arguments] for command, arguments in calls]))
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
    return [*MANY_COMMANDS, str(place / "calls.json")], {"QTUI_STORE": str(folder / "s.sqlite"), "PYTHONPATH": path}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_let_no_hostile_text_through(shell: str, folder: Path) -> None:
    environment = {**os.environ, "_QTUI_COMPLETE": f"{shell}_complete", "COMP_WORDS": "qtui run ", "COMP_CWORD": "2"}
    done = subprocess.run(QTUI, cwd=folder, env=environment, capture_output=True, check=False)
    assert findings(done.stdout + done.stderr) == []
