"""A frame of Textual's, written as its changes."""

from typing import TypeGuard

from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS, Console
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate

from qtui.ui.frame.frame import Frame


def is_frame(renderable: object) -> TypeGuard[LayoutUpdate | ChopsUpdate]:
    return isinstance(renderable, LayoutUpdate | ChopsUpdate)


class Changes(CompositorUpdate):
    """An update that is written as the cells that change by it.

    The frame takes the update over only where Textual writes it, so that both always agree.
    """

    def __init__(self, update: LayoutUpdate | ChopsUpdate, frame: Frame) -> None:
        self.update = update
        self._frame = frame

    def render_segments(self, console: Console) -> str:
        colours = COLOR_SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR)
        return self._frame.advance(self.update, colours)
