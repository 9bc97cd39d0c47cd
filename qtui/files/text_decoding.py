"""Bytes of a file that a person wrote into text: UTF-8, or an encoding that the bytes themselves show.

Spreadsheets and editors still write UTF-16, and in Japan CP932. An encoding is never guessed: each is decoded strictly, the text
must look like text (no control characters, and Japanese in CP932), and only one encoding may pass. What is not UTF-8 is named in
the result, so that the caller can say it. Everything else is refused with the line at which it is not UTF-8.
"""

import codecs
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qtui.errors import UserError
from qtui.files.other_formats import what_it_is

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark begins in the same way
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
NAMES = {
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "cp932": "CP932 (Shift_JIS)",
    "iso2022_jp": "ISO-2022-JP",
}
NO_CHARACTER_SETS = frozenset(
    ("idna", "punycode", "undefined", "unicode-escape", "unicode_escape", "raw-unicode-escape", "raw_unicode_escape")
)
"""Codecs of Python that files are not written in."""
POSSIBLE = {
    "euc_jp": "EUC-JP",
    "cp932": "CP932",
    "gb18030": "GB 18030",
    "euc_kr": "EUC-KR",
    "big5": "Big5",
    "cp1252": "Windows-1252",
}
"""Encodings that bytes are tried in to name them in a message, never to read them."""
ADVICE = "Save the file as UTF-8 (in Excel: CSV UTF-8)."
FEWEST_ASCII = 0.05
"""Share of ASCII characters (line ends, separators, keys) by which UTF-16 without a mark is told from UTF-8 with stray NULs."""
CLEARLY_MORE = 10
FEWEST_KANA = 0.1
"""Share of hiragana, katakana and 、。「」 in Japanese text. Western and Chinese text read as CP932 has next to none."""
MOST_HALF_WIDTH = 0.3
"""Share of half-width katakana. Other encodings read as CP932 consist of them."""
MOST_ACCENTS = 0.3
"""Share of characters that are not ASCII in a text of Western Europe."""
MOST_UTF8 = 0.2
"""Complete UTF-8 sequences of three bytes per broken byte, above which a file is damaged UTF-8 and nothing else."""

_ESCAPES = re.compile(rb"\x1b\$[@B]|\x1b\(J")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_PRIVATE = re.compile("[\ue000-\uf8ff\xa0]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fc、。「」]")
_SURE_KANA = re.compile("[\u3041-\u3096]|[\u30a1-\u30fa]{2}")
_HALF_WIDTH = re.compile("[\uff61-\uff9f]")
_LONG_UTF8 = re.compile("[\u0800-\uffef]")


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    encoding: str = ""
    """The name for a person, e.g. `CP932 (Shift_JIS)`; empty for UTF-8 with or without a byte order mark."""

    def note(self, path: Path) -> tuple[str, ...]:
        """A sentence that names the encoding, if it is not UTF-8."""
        return (f"{path} was read as {self.encoding}, because it is not UTF-8.",) if self.encoding else ()


def decode(content: bytes, path: Path, encoding: str | None = None, advice: str = ADVICE) -> Decoded:
    """The text of a file; a byte order mark is no part of it. `encoding` is what the user named, None finds it.

    Raises UserError with the line, ending in `advice`.
    """
    if other := what_it_is(content):
        raise UserError(f"{path}: {other}.")
    if encoding is not None:
        return _as_named(content, path, encoding)
    marked = next((name for mark, name in MARKS if content.startswith(mark)), None)
    found = [marked] if marked else list(_candidates(content))
    texts = {name: text for name in found if (text := _strictly(content, name)) is not None}
    if len(texts) == 1:
        [(name, text)] = texts.items()
        return Decoded(text.removeprefix("\ufeff"), NAMES.get(name, ""))
    raise UserError(f"{path}{_problem(content, marked)} {advice}")


def line_of_byte(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _as_named(content: bytes, path: Path, encoding: str) -> Decoded:
    try:
        if "\0" in encoding or codecs.lookup(encoding).name in NO_CHARACTER_SETS:
            raise LookupError
        text = content.decode(encoding)
    except LookupError:
        raise UserError(
            f"{path}: {json.dumps(encoding)} is no encoding. Name one as Python does: cp932, utf-16, euc_jp, gb18030."
        ) from None
    except UnicodeDecodeError as error:
        line = line_of_byte(content, error.start)
        raise UserError(f"{path}:{line}: is not {encoding} (byte {error.start + 1} of the file).") from None
    is_utf8 = codecs.lookup(encoding).name.startswith("utf-8")
    return Decoded(text.removeprefix("\ufeff"), "" if is_utf8 else encoding)


def _candidates(content: bytes) -> Iterator[str]:
    """The encodings that the bytes can be; more than one if that is unclear."""
    has_nul = b"\0" in content
    utf8 = _strictly(content, "utf-8")
    wide = list(_wide(content, is_utf8=utf8 is not None)) if has_nul else []
    if has_nul:
        yield from wide
    elif _ESCAPES.search(content):
        yield "iso2022_jp"
    elif utf8 is not None:
        yield "utf-8"
    elif _is_cp932(content):
        yield "cp932"


def _strictly(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _wide(content: bytes, *, is_utf8: bool) -> Iterator[str]:
    """The byte orders of UTF-16 in which the bytes are text; both only if that is unclear."""
    texts = {
        name: text for name in ("utf-16-le", "utf-16-be") if (text := _strictly(content, name)) and _is_plain(text)
    }
    ascii_counts = {name: len(text) - len(_NOT_ASCII.findall(text)) for name, text in texts.items()}
    most = max(ascii_counts.values(), default=0)
    for name, count in ascii_counts.items():
        is_rare = is_utf8 and count < FEWEST_ASCII * len(texts[name])
        if count and not is_rare and count * CLEARLY_MORE > most:
            yield name


def _is_plain(text: str) -> bool:
    """Whether all characters are assigned, and none controls a terminal."""
    characters = "".join(set(text))
    return not _CONTROLS.search(characters) and all(
        unicodedata.category(each) not in ("Cn", "Co") for each in characters
    )


def _is_cp932(content: bytes) -> bool:
    """EUC-JP has no such test: the same bytes are Chinese in GB 18030, kana included."""
    text = _strictly(content, "cp932")
    if text is None or _CONTROLS.search(text) or _PRIVATE.search(text) or not _is_japanese(text):
        return False
    half_width = len(_HALF_WIDTH.findall(text))
    return half_width <= MOST_HALF_WIDTH * len(_NOT_ASCII.findall(text)) and not _is_damaged_utf8(content)


def _is_damaged_utf8(content: bytes) -> bool:
    rest = content.decode("utf-8", "replace")
    return len(_LONG_UTF8.findall(rest)) > MOST_UTF8 * rest.count("\ufffd")


def _possible(content: bytes) -> str:
    """Which encodings the bytes can be, for a person who knows the file. The same bytes are Japanese in one, Chinese in another."""
    texts = {name: text for name in POSSIBLE if (text := _strictly(content, name)) and not _PRIVATE.search(text)}
    texts = {name: text for name, text in texts.items() if not _CONTROLS.search(text)}
    if _is_japanese(texts.get("euc_jp", "")):
        texts = {name: texts[name] for name in texts if name in ("euc_jp", "gb18030")}
    else:
        texts.pop("euc_jp", None)
    if len(_NOT_ASCII.findall(texts.get("cp1252", ""))) > MOST_ACCENTS * len(texts.get("cp1252", "")):
        del texts["cp1252"]
    found = [f"{POSSIBLE[name]} ({name})" for name in texts]
    return (
        f"and not clearly another encoding: it may be {' or '.join(found)}"
        if found
        else "and not clearly another encoding"
    )


def _is_japanese(text: str) -> bool:
    """Whether a text has as much kana as Japanese has."""
    return bool(_SURE_KANA.search(text)) and len(_KANA.findall(text)) >= FEWEST_KANA * len(_NOT_ASCII.findall(text))


def _problem(content: bytes, marked: str | None) -> str:
    if marked:
        name = NAMES.get(marked, "UTF-8")
        return f": begins with the mark of {name}, but is not {name}: it is damaged or cut off."
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = line_of_byte(content, error.start)
        column = error.start - content.rfind(b"\n", 0, error.start)
        is_damaged = _is_damaged_utf8(content)
        other = "though the rest is: the file is damaged or cut off" if is_damaged else _possible(content)
        return f":{line}: not UTF-8 (byte {column} of the line), {other}."
    place = content.find(b"\0")
    if place >= 0:
        return (
            f":{line_of_byte(content, place)}: has a NUL byte, which no text in UTF-8 has, and is not clearly UTF-16."
        )
    return ": has the escape sequences of ISO-2022-JP, but is not ISO-2022-JP: it is damaged or cut off."


def storable(text: str) -> str:
    """The text with lone surrogates replaced: JSON escapes can contain them, but UTF-8, and so no store or message, can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
