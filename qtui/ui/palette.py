"""The entries of the command palette: panes, themes, runs, and every action of the current pane.

Names of runs are untrusted: hits are plain text, because the palette's own highlighting interprets markup.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.text import Text
from textual.actions import parse
from textual.app import App
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.dom import DOMNode
from textual.fuzzy import Matcher

from qtui.text import safe
from qtui.ui import keys
from qtui.ui.main_screen import MainScreen
from qtui.ui.panes.runs.run_lines import state_text


@dataclass(frozen=True, slots=True)
class Command:
    label: str
    help: str
    run: Callable[[], Any]
    offered: bool = True
    """Whether it is listed before the user types."""


class WorkbenchCommands(Provider):
    """Created each time the palette opens."""

    _has_run = False

    async def discover(self) -> Hits:
        for command in self._commands():
            if command.offered:
                yield DiscoveryHit(Text(command.label), self._once(command), command.label, command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._commands():
            if (score := matcher.match(command.label)) > 0:
                yield Hit(score, _marked(matcher, command.label), self._once(command), command.label, command.help)

    def _once(self, command: Command) -> Callable[[], Any]:
        """Return a callback that runs the command once, even if several Enters arrive before the palette closes."""

        def run() -> Any:
            if self._has_run:
                return None
            self._has_run = True
            return command.run()

        return run

    def _commands(self) -> Iterator[Command]:
        main = self.screen
        if not isinstance(main, MainScreen):
            return
        yield from _key_commands(main)
        yield from _run_commands(main)
        yield from _theme_commands(self.app)
        yield Command("Save a screenshot", "As SVG, in the current folder.", self.app.deliver_screenshot)


def _key_commands(main: MainScreen) -> Iterator[Command]:
    pane = main.current
    places: list[tuple[str, DOMNode]] = [(pane.id or "", pane)] if pane is not None else []
    for where, node in [*places, ("global", main)]:
        for key in keys.by_place().get(where, []):
            if key.id == "palette" or not _is_possible(node, key.action):
                continue
            label = f"{keys.TITLES[where]}: {key.label}" if where != "global" else _global_label(key)
            shown = key.help or f"Key {main.app.get_key_display(keys.binding(key))}"
            run = partial(main.app.run_action, key.action, node)
            yield Command(label, shown, run, key.footer or where == "global")


def _global_label(key: keys.Key) -> str:
    return f"Go to {key.label}" if key.id.startswith("pane.") else key.label


def _is_possible(node: DOMNode, action: str) -> bool:
    _, name, parameters = parse(action)
    return node.check_action(name, parameters) is True


def _run_commands(main: MainScreen) -> Iterator[Command]:
    for run in main.runs:
        label = safe(f"Run {run.id}: {run.experiment}").replace("\n", " ")
        yield Command(label, f"{state_text(run.state)}: show only this run.", partial(_open, main, run.id), False)


def _open(main: MainScreen, run_id: int) -> None:
    pane = main.current
    if pane is not None:
        pane.select(run_ids=(run_id,), run_id=run_id, model=None, pane="scores")


def _theme_commands(app: App[Any]) -> Iterator[Command]:
    for name in sorted(app.available_themes, key=lambda name: (not name.startswith("qtui"), name)):
        yield Command(
            f"Theme: {name}",
            "The current theme." if name == app.theme else "",
            partial(setattr, app, "theme", name),
            False,
        )


def _marked(matcher: Matcher, label: str) -> Text:
    text = Text(label)
    _, offsets = matcher.fuzzy_search.match(matcher.query, label)
    for offset in offsets:
        text.stylize("bold underline", offset, offset + 1)
    return text
