"""A text of lines made for the width they are shown in: as tall as its lines, made anew when the width changes."""

from collections.abc import Callable, Mapping

from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from qtui.ui import stylesheet

Maker = Callable[[int, Mapping[str, Style]], list[Text]]
ROLES = ("strong", "quiet", "good", "bad", "notice", "active", "bar", "rest")


class Lines(Widget):
    """Shows what `maker(cells, styles)` returns; `styles` has the roles above in the theme's colours."""

    DEFAULT_CSS = stylesheet.beside(__file__)
    COMPONENT_CLASSES = {f"lines--{role}" for role in ROLES}  # noqa: RUF012 - declared so by Textual

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._maker: Maker = _nothing
        self._made_for: int | None = None
        self._lines: list[Text] = []

    def show(self, maker: Maker) -> None:
        """Show other lines. The layout is done again only if their number changed."""
        before = len(self._lines)
        self._maker, self._made_for = maker, None
        changed = len(self._made(max(1, self.content_size.width))) != before
        self.refresh(layout=changed)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self._made(width))

    def render(self) -> RenderableType:
        return Group(*self._made(max(1, self.content_size.width)))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._made_for = None

    def _made(self, cells: int) -> list[Text]:
        if self._made_for != cells:
            styles = {role: self.get_component_rich_style(f"lines--{role}") for role in ROLES}
            self._lines, self._made_for = self._maker(cells, styles), cells
            for line in self._lines:
                line.no_wrap = True
        return self._lines


def _nothing(_cells: int, _styles: Mapping[str, Style]) -> list[Text]:
    return []
