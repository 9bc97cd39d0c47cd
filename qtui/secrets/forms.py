"""Finding a secret in a text, also if it is escaped or encoded.

A server that repeats a header may put it into JSON, HTML or a URL, or encode it as Base64. Each escapes some characters, and
servers differ in which. So the search covers the text as it is and with its escapes resolved, several times, because JSON may be
inside JSON. Matches are returned as positions in the original text.
"""

import base64
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

ROUNDS = 3
"""How often escapes are resolved: enough for JSON in JSON in a URL."""

_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # JSON: two halves of one character
    r"|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)"  # JSON, Python
    r"|%[0-7][0-9a-fA-F]|(?:%[89a-fA-F][0-9a-fA-F])+"  # URLs; several bytes may be one character
    r"|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,8});"  # HTML
    r"|\r?\n"  # Base64 in mails has its lines broken
)
FRAGMENT = 12
"""Characters of the beginning or end of a key that betray it; only of keys at least twice as long."""
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
"""ASCII only: the length of a text must not change."""
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
_FOR_URLS = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class View:
    """A text with its escapes resolved. Its character `i` is the original's slice from `starts[i]` to `stops[i]`."""

    text: str
    starts: Sequence[int]
    stops: Sequence[int]


def views(text: str) -> Iterator[View]:
    """Yield the text as it is, then with its escapes resolved once, twice, …, while there are any."""
    view: View | None = View(text, range(len(text)), range(1, len(text) + 1))
    for _ in range(ROUNDS + 1):
        if view is None:
            return
        yield view
        view = _resolved(view)


def anywhere(view: View, value: str) -> Iterator[tuple[int, int]]:
    """Yield the places in the original of a value as it is, in Base64 and in hexadecimal, and of its beginning or end alone."""
    for form in _forms(value):
        place = view.text.find(form)
        while place >= 0:
            yield view.starts[place], view.stops[place + len(form) - 1]
            place = view.text.find(form, place + len(form))
    if len(value) >= 2 * FRAGMENT and not re.search(r"\s", value):
        for first, last in _fragments(view.text.translate(_LOWER), value.translate(_LOWER)):
            yield view.starts[first], view.stops[last - 1]


def _fragments(text: str, value: str) -> Iterator[tuple[int, int]]:
    """Yield the spans in a text of the longest beginnings and ends of a value, which servers that cut or fold a key repeat."""
    place = text.find(value[:FRAGMENT])
    while place >= 0:
        length = _alike(text[place : place + len(value)], value)
        yield place, place + length
        place = text.find(value[:FRAGMENT], place + length)
    place = text.find(value[-FRAGMENT:])
    while place >= 0:
        end = place + FRAGMENT
        before = text[max(0, end - len(value)) : end]
        yield end - _alike(before[::-1], value[::-1]), end
        place = text.find(value[-FRAGMENT:], end)


def _alike(text: str, value: str) -> int:
    """How many characters both begin with."""
    pairs = zip(text, value, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(text), len(value)))


def as_credential(view: View, value: str) -> Iterator[tuple[int, int]]:
    """Yield the places where a value can only be a credential: after `Bearer` or `Basic`, or in `user:value@`."""
    encoded = base64.b64encode(_bytes(value)).decode().rstrip("=")
    end = r"(?![\w-])"
    pattern = (
        rf"(?i:bearer)[\s+]+({re.escape(value)}){end}|(?i:basic)[\s+]+({re.escape(encoded)})=*{end}"
        rf"|(?<=[\w.]:)({re.escape(value)})(?=@)"
    )
    for match in re.finditer(pattern, view.text):
        group = match.lastindex or 0
        yield view.starts[match.start(group)], view.stops[match.end(group) - 1]


def _resolved(view: View) -> View | None:
    """The view with its escapes resolved; None if it has none."""
    pieces: list[str] = []
    starts, stops = array("Q"), array("Q")
    done = 0
    for escape in _ESCAPE.finditer(view.text):
        first, last = escape.span()
        character = _meaning(escape[0])
        pieces += (view.text[done:first], character)
        starts.extend(view.starts[done:first])
        stops.extend(view.stops[done:first])
        starts.extend([view.starts[first]] * len(character))
        stops.extend([view.stops[last - 1]] * len(character))
        done = last
    if not done:
        return None
    pieces.append(view.text[done:])
    starts.extend(view.starts[done:])
    stops.extend(view.stops[done:])
    return View("".join(pieces), starts, stops)


def _meaning(escape: str) -> str:
    if len(escape) == 12 and escape[0] == "\\":
        halves = bytes.fromhex(escape.replace("\\u", ""))
        return halves.decode("utf-16-be")
    if escape[0] == "\\":
        return chr(int(escape[2:], 16)) if len(escape) > 2 else _LETTERS.get(escape[1], escape[1])
    if escape[0] == "%":
        return bytes.fromhex(escape.replace("%", "")).decode(errors="replace")
    if escape[0] == "&":
        import html

        return html.unescape(escape)
    return ""


@lru_cache(maxsize=64)
def _forms(value: str) -> tuple[str, ...]:
    """The forms of a value to search for in a view."""
    data = _bytes(value)
    cores = [core for core in _base64_cores(data) if core]
    forms = (value, value.replace(" ", "+"), data.hex(), data.hex().upper(), *cores)
    return tuple(dict.fromkeys((*forms, *(core.translate(_FOR_URLS) for core in cores))))


def _base64_cores(data: bytes) -> Iterator[str]:
    """Yield the part of `data` in Base64 that is the same in every text, if it starts at the 1st, 2nd or 3rd byte of a group.

    Characters that also encode neighbouring bytes are left out.
    """
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode()
        yield encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


def _bytes(value: str) -> bytes:
    return value.encode(errors="surrogatepass")
