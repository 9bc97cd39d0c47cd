"""Fields and lines of text to edit: nothing in them controls the terminal, whoever set, loaded, typed or pasted it."""

import ast
from pathlib import Path

from textual import events
from textual.app import App, ComposeResult

import qtui
from qtui.ui.widgets.text_input import TextInput
from qtui.ui.widgets.text_lines import TextLines
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


class SeveralLines(App[None]):
    def compose(self) -> ComposeResult:
        yield TextLines(f"one\n{HOSTILE}")


async def test_several_lines_are_shown_without_control_characters_whichever_way_they_come_in() -> None:
    async with SeveralLines().run_test() as pilot:
        lines = pilot.app.query_one(TextLines)
        assert lines.text == f"one\n{SHOWN}"
        lines.load_text(f"{HOSTILE}\ud800\x00")
        assert lines.text == f"{SHOWN}\ufffd"
        lines.text = HOSTILE
        assert lines.text == SHOWN
        lines.clear()
        lines.focus()
        pilot.app.post_message(events.Paste(f"{HOSTILE}\r\ntwo"))
        await pilot.pause()
        assert lines.text == f"{SHOWN}\ntwo"
        lines.replace(HOSTILE, (0, 0), (0, len(SHOWN)))
        lines.insert("「海」\x9b", (1, 0))
        await pilot.press("\u202e")
        lines.undo()
        lines.redo()
        assert lines.text == f"{SHOWN}\n「海」two"
        assert "「海」two" in screen_text(pilot)


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


MADE_SAFE = {"Input": "ui/widgets/text_input.py", "MaskedInput": "", "TextArea": "ui/widgets/text_lines.py"}
"""Textual's widgets to type into, and the module that makes each safe; others are not to be used."""


def test_no_other_module_makes_something_to_type_into() -> None:
    """A call, or a class of its own, of one of these widgets; `code_editor` is a constructor of TextArea."""
    makers = {
        (file.relative_to(WIDGETS).as_posix(), named)
        for file in WIDGETS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for used in _made_or_extended(node)
        for named in [ast.unparse(used).removesuffix(".code_editor").rpartition(".")[2]]
        if named in MADE_SAFE
    }
    assert makers == {(file, widget) for widget, file in MADE_SAFE.items() if file}


def _made_or_extended(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.ClassDef):
        return node.bases
    return [node.func] if isinstance(node, ast.Call) else []
