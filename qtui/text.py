"""Preparing foreign text for a screen: removing control characters, measuring in cells, cutting, and wrapping Japanese.

Model output is hostile: an escape sequence controls the terminal, a bidi override reverses a line, an emoji's variation selector
shifts the rest of the line by a cell. All text reaches the screen through `safe`; the other functions take its result. Widths are
those of Rich and Textual; after `safe` the width of a text is the sum of its characters' widths (no joiners, no selectors).
Available wrappers do not know kinsoku, the rules that no line begins with 、。」 or ends with （「; this one does.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

from rich._unicode_data import load as load_cell_table
from rich.cells import cell_len, get_character_cell_size

TAB = 4
MARKS_SHOWN = 8
"""Zero-width characters kept after one base character; a model may stack thousands of them."""
ELLIPSIS = "…"
MOST_SPLITS = 3
"""How often names that still look the same are cut again, at the next place where they differ."""
WORD_ENDS, WORD_AT_MOST = " -_/.,", 8
"""After the cut in its middle a name continues at a word, if one begins within this many characters."""

SPACES = " \u3000"
CLOSERS = (
    "、。，．・：；？！‼⁇⁈⁉゛゜ヽヾゝゞ々〻ー–‐゠〜～…‥"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    "’”）〕］｝〉》」』】〙〗〛〟｠»）｡､･ｰﾞﾟｧｨｩｪｫｬｭｮｯ｣"
    ")]},.!?:;"
)
"""Characters that must not begin a line."""
OPENERS = "‘“（〔［｛〈《「『【〘〖〚〝｟«｢([{"
"""Characters that must not end a line."""
PUSHED_AT_MOST = 8
"""Most characters that a hard break moves to the next line for kinsoku; for more (a loop of ーーー) the rule is ignored."""

_LATIN = r"!-~\u00a1-\u10ff\u1e00-\u1fff’\u2212"  # the minus sign: no number is parted from it

# Categories Cc (but newline), Cf, Cs, Zl and Zp, the noncharacters, variation selectors, the keycap and skin tones.
_UNSHOWN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u20e3\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U0001f3fb-\U0001f3ff"
    "\U000e0000-\U000e0fff"
    + "".join(f"{chr(p | 0xFFFE)}{chr(p | 0xFFFF)}" for p in range(0x10000, 0x110000, 0x10000))
    + "]"
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def safe(text: str) -> str:
    """The text without control characters and characters that hide or reorder others; all line ends are newlines.

    Tabs become spaces, lone surrogates and noncharacters U+FFFD. Of an escape sequence only the escape character is removed.
    Idempotent.
    """
    if _UNSHOWN.search(text):
        text = _UNSHOWN.sub(_shown, text.replace("\r\n", "\n"))
    if "\t" in text:
        text = "\n".join(_expand_tabs(line) for line in text.split("\n"))
    return text if text.isascii() else _stacked_marks().sub(r"\1", text)


def escaped_json(text: str) -> str:
    """JSON with each character that `safe` would change as an escape: a terminal obeys none, and a program reads the same.

    Only strings of JSON contain such characters; newlines between values stay.
    """
    return _UNSHOWN.sub(_json_escape, text)


def has_controls(text: str) -> bool:
    """Return whether a terminal would obey a character of the text; line ends and tabs do not count."""
    return _CONTROLS.search(text) is not None


def width(text: str) -> int:
    """Width of one line of safe text in cells."""
    return cell_len(text)


def cut(text: str, cells: int) -> str:
    """Safe text cut to at most `cells` cells, with `…` at the cut; newlines become spaces."""
    used = fitting = 0
    for index, character in enumerate(text):
        if index - fitting > MARKS_SHOWN * 2 + 2:
            break
        used += _cells(character)
        if used <= cells - 1:
            fitting = index + 1
        if used > cells:
            break
    else:
        return text.replace("\n", " ")
    return text[:fitting].replace("\n", " ") + ELLIPSIS if cells > 0 else ""


def tell_apart(texts: Sequence[str], cells: int) -> list[str]:
    """Every safe text cut to `cells` cells, so that different texts look different: `japanese…gamma-7b`."""
    shown = [cut(text, cells) for text in texts]
    for _ in range(MOST_SPLITS):
        alike: dict[str, set[str]] = {}
        for text, short in zip(texts, shown, strict=True):
            alike.setdefault(short, set()).add(text)
        if all(len(group) == 1 for group in alike.values()):
            break
        parting = {short: _parting(group) for short, group in alike.items() if len(group) > 1}
        shown = [
            _from_parting(text, parting[short], cells) if short in parting else short
            for text, short in zip(texts, shown, strict=True)
        ]
    return shown


def wrap(text: str, cells: int) -> list[str]:
    """Safe text as lines of at most `cells` cells. Every newline ends a line; spaces at a break are left out."""
    return [text[start:stop] for start, stop in line_spans(text, cells)]


def line_spans(text: str, cells: int) -> list[tuple[int, int]]:
    """The lines of `wrap` as (start, stop) in `text`.

    Latin words stay whole; Japanese breaks wherever kinsoku allows. Only a word that is wider than a line is broken inside. If
    `cells` is 1, a wide character gets a line of its own, which is wider than `cells`.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    while True:
        stop = text.find("\n", start)
        stop = len(text) if stop < 0 else stop
        if stop - start <= cells and cell_len(text[start:stop]) <= cells:
            spans.append((start, stop))
        else:
            spans.extend(_paragraph(text, start, stop, max(cells, 1)))
        if stop == len(text):
            return spans
        start = stop + 1


def _parting(texts: set[str]) -> int:
    """The index at which texts begin to differ, moved back to the start of the word if that is near."""
    columns = enumerate(zip(*texts, strict=False))
    first_different = next((i for i, letters in columns if len(set(letters)) > 1), min(map(len, texts)))
    start = max(next(iter(texts)).rfind(sign, 0, first_different) for sign in WORD_ENDS) + 1
    return start if first_different - start <= WORD_AT_MOST else first_different


def _from_parting(text: str, parting: int, cells: int) -> str:
    """As much of the beginning as fits, `…`, and the text from `parting` on."""
    rest = text[parting:]
    room = cells - width(rest) - 1
    head = cut(text[:parting], room + 1).removesuffix(ELLIPSIS) if room > 0 else ""
    return head + cut(f"{ELLIPSIS}{rest}", cells - width(head))


def _shown(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\t":
        return "\t"
    if character in "\r\u2028\u2029":
        return "\n"
    code = ord(character)
    replaced = 0xD800 <= code <= 0xDFFF or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
    return "\ufffd" if replaced else ""


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))


def _expand_tabs(line: str) -> str:
    """Replace tabs by cells, not by characters, so that columns after Japanese text line up."""
    shown, column = [], 0
    for part in re.split("(\t)", line):
        piece = " " * (TAB - column % TAB) if part == "\t" else part
        shown.append(piece)
        column += cell_len(piece)
    return "".join(shown)


def _paragraph(text: str, start: int, stop: int, cells: int) -> Iterator[tuple[int, int]]:
    line, used = start, 0
    for match in _units().finditer(text, start, stop):
        unit, after = match.span()
        needed = cell_len(match[0])
        if used + needed <= cells or not match[0].strip(SPACES):
            used += needed
        elif needed <= cells:
            yield line, _without_spaces(text, line, unit)
            line, used = unit, needed
        else:
            breaks, used = _hard_breaks(text, line, unit, after, cells)
            for position in breaks:
                yield line, _without_spaces(text, line, position)
                line = position
    yield line, stop if used <= cells else _without_spaces(text, line, stop)


def _hard_breaks(text: str, line: int, unit: int, after: int, cells: int) -> tuple[list[int], int]:
    """Break positions of a unit that is wider than a line and starts in the current line; and the cells of its last line."""
    breaks: list[int] = []
    used = cell_len(text[line:unit])
    for index in range(unit, after):
        needed = _cells(text[index])
        if used + needed > cells and index > line:
            pushed = _pushed(text, line, index)
            used = cell_len(text[pushed:index])
            # In a very narrow line the pushed characters may leave no room: then they are not pushed.
            line, used = (index, 0) if used + needed > cells else (pushed, used)
            breaks.append(line)
        used += needed
    return breaks, used


def _pushed(text: str, line: int, position: int) -> int:
    """The break at `position`, moved back until kinsoku allows it, if such a place is near."""
    for candidate in range(position, max(line, position - PUSHED_AT_MOST), -1):
        if text[candidate] not in CLOSERS and text[candidate - 1] not in OPENERS and _cells(text[candidate]):
            return candidate
    return position


def _without_spaces(text: str, start: int, stop: int) -> int:
    while stop > start and text[stop - 1] in SPACES:
        stop -= 1
    return stop


def _cells(character: str) -> int:
    return 1 if character == "\n" else get_character_cell_size(character)


@cache
def _zero_width() -> str:
    """The zero-width characters by Rich's table, as the inside of a character class of a regular expression."""
    ranges = load_cell_table("auto").widths
    return "".join(f"{re.escape(chr(a))}-{re.escape(chr(b))}" for a, b, cells in ranges if cells == 0 and a >= 0x300)


@cache
def _stacked_marks() -> re.Pattern[str]:
    return re.compile(f"([{_zero_width()}]{{{MARKS_SHOWN}}})[{_zero_width()}]+")


@cache
def _units() -> re.Pattern[str]:
    """Units that stay whole if they fit a line: openers, a Latin word or one character, closers and marks; or spaces."""
    openers, marks = re.escape(OPENERS), _zero_width()
    latin, opening = rf"(?:(?![{openers}])[{_LATIN}])", rf"(?:(?=[{openers}])[{_LATIN}])"
    closers = re.escape(CLOSERS) + marks
    before = f"(?:[{openers}][{marks}]*+[{SPACES}]*+)"
    word = f"{latin}++(?:{opening}++{latin}++)*+"
    behind = f"[{closers}]*+(?:[{SPACES}]++[{closers}]++)*+"
    return re.compile(f"{before}*+(?:{word}|[^{SPACES}{openers}]){behind}|{before}++|[{SPACES}]++")
