"""Lines of text to edit: nothing in them controls the terminal, whoever set, typed or pasted it."""

import ast
from pathlib import Path

from textual import events
from textual.app import App, ComposeResult

import qtui
from qtui.ui.widgets.text_input import TextInput
from tests.ui.waiting import screen_text

HOSTILE = "a\x1b]0;owned\x07b\x9b2Jc\u202ed"
SHOWN = "a]0;ownedb2Jcd"
WIDGETS = Path(qtui.__file__).parent


class OneLine(App[None]):
    def compose(self) -> ComposeResult:
        yield TextInput(HOSTILE)


async def test_what_a_program_sets_and_what_is_pasted_is_shown_without_control_characters() -> None:
    async with OneLine().run_test() as pilot:
        line = pilot.app.query_one(TextInput)
        assert line.value == SHOWN
        line.value = ""
        line.post_message(events.Paste(HOSTILE))
        await pilot.pause()
        assert line.value == SHOWN
        line.value = "「海」" + HOSTILE
        await pilot.pause()
        assert f"「海」{SHOWN}" in screen_text(pilot)


def test_no_words_of_an_error_are_shown_as_they_are() -> None:
    """A UserError quotes names and files. Notices are made safe by the app; whatever else shows an error calls `safe`."""
    raw = [
        f"{file.name}:{call.lineno}"
        for file in (WIDGETS / "ui").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "update"
        for argument in call.args
        if ast.unparse(argument) in ("str(problem)", "str(error)")
    ]
    assert raw == []


def test_no_other_module_makes_a_line_of_text_to_edit() -> None:
    makers = {
        file.relative_to(WIDGETS).as_posix()
        for file in WIDGETS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Input"
    }
    assert makers == set()
