"""How cells look, and the shortest sequences that lead a terminal from one look to the next.

Textual restores the default look after each piece of text, and then says the whole of the next look: more bytes than the text has.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rich.color import ColorSystem
from rich.style import Style
from textual.strip import Strip

END = {1: 22, 2: 22, 3: 23, 4: 24, 5: 25, 6: 25, 7: 27, 8: 28, 9: 29, 21: 24, 51: 54, 52: 54, 53: 55}
"""SGR parameter of an attribute → the one that ends it (ECMA-48); some end two."""
SEEN_WITHOUT_INK = {4, 7, 9, 21, 51, 52, 53}
"""Attributes that show in a blank cell, too: lines, frames and exchanged colours."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A cell's attributes and colours, as parameters of SGR sequences. Made by `_one`: the same look is one object.

    Looks are compared as objects, some thousand times a frame. An equal one that was made anew is only sent once more.
    """

    attributes: frozenset[int]
    ink: str | None
    """The foreground: `38;2;255;0;0`; empty is the terminal's own, and None any, as in a blank cell, which has no ink."""
    ground: str
    link: str
    """The sequence that begins a hyperlink; empty without one."""


@lru_cache(maxsize=16384)
def _one(attributes: frozenset[int], ink: str | None, ground: str, link: str) -> Look:
    return Look(attributes, ink, ground, link)


PLAIN = _one(frozenset(), "", "", "")
"""The look that a terminal has between frames."""


class Looks(NamedTuple):
    """Of a style: how text looks, and how blanks do, of which the ink does not matter."""

    text: Look
    blank: Look


@lru_cache(maxsize=16384)
def looks_of(style: Style | None, colours: ColorSystem) -> Looks:
    """The looks of a style on a terminal with these colours, in which equal looks are one object while they are remembered."""
    if style is None:
        return _looks("", "")
    link = f"\x1b]8;id={style.link_id};{style.link}\x1b\\" if style.link else ""
    return _looks(Strip.render_ansi(style, colours), link)


@lru_cache(maxsize=4096)
def _looks(parameters: str, link: str) -> Looks:
    numbers = [int(number) for number in parameters.split(";") if number]
    attributes, ink, ground = set(), "", ""
    while numbers:
        first = numbers.pop(0)
        if first in END:
            attributes.add(first)
            continue
        size = {5: 2, 2: 4}.get(numbers[0], 0) if first in (38, 48) and numbers else 0
        colour = ";".join(map(str, (first, *numbers[:size])))
        del numbers[:size]
        if 40 <= first < 50 or 100 <= first < 110:
            ground = "" if first == 49 else colour
        else:
            ink = "" if first == 39 else colour
    text = _one(frozenset(attributes), ink, ground, link)
    return Looks(text, text if link or attributes & SEEN_WITHOUT_INK else _one(frozenset(), None, ground, ""))


@lru_cache(maxsize=16384)
def change(old: Look, wanted: Look) -> tuple[str, Look]:
    """What to send so that a terminal whose look is `old` shows cells as wanted, and the look that it has then."""
    new = wanted
    if wanted.ink is None:
        new = _one(old.attributes - SEEN_WITHOUT_INK, old.ink, wanted.ground, "")
    if new is old:
        return "", old
    link = "" if new.link == old.link else new.link or "\x1b]8;;\x1b\\"
    short, whole = _short(old, new), _whole(new)
    return link + min(short, whole, key=len), new


def _short(old: Look, new: Look) -> str:
    ended = {END[attribute] for attribute in old.attributes - new.attributes}
    begun = {a for a in new.attributes if a not in old.attributes or END[a] in ended}
    parameters = [*map(str, sorted(ended)), *map(str, sorted(begun))]
    if new.ink != old.ink:
        parameters.append(new.ink or "39")
    if new.ground != old.ground:
        parameters.append(new.ground or "49")
    return f"\x1b[{';'.join(parameters)}m" if parameters else ""


def _whole(new: Look) -> str:
    parameters = [*map(str, sorted(new.attributes)), *filter(None, (new.ink, new.ground))]
    return f"\x1b[{';'.join(['0', *parameters])}m"
