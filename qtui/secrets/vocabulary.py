"""Texts reduced to the words that qtui itself uses: for reports that leave this machine.

What a model answered, a task, a prompt, a key, a name of a person, a model or a folder cannot be told by its looks from what a
program says. The other way round it can: qtui's own sentences consist of words that are in qtui's source. Every other word is
replaced by `‹…›`, and so is what stands in a text that is named private, if four words of it stand together.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

HIDDEN = "‹…›"
TOGETHER = 4
"""So many known words in the order of a private text are a quotation of it."""
_PACKAGE = Path(__file__).parents[1]
_RUN = re.compile(r"\w+")
_NAME = re.compile(r"\w+(?:[-@+]\w+)*")
"""What is hidden as one: `sk-proj-123` is no more known than its last part."""
_PIECE = re.compile(r"\d+|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]")
_LONGEST_NUMBER = 9
_HIDDEN_AGAIN = re.compile(rf"{HIDDEN}(?:[^\w\n‹]*{HIDDEN})+")
_HOME = re.compile(r"(/(?:home|Users)/)[^/\s:'\"]+")

Words = Iterable[str]


def reduce(text: str, names: Collection[str] = ()) -> str:
    """Return the text with every word hidden that qtui's source has not, that is one of `names`, or that names a home folder."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text)
    text = _HOME.sub(rf"\1{HIDDEN}", text)
    text = _NAME.sub(lambda name: name[0] if _is_known(name[0]) else HIDDEN, text)
    return _HIDDEN_AGAIN.sub(HIDDEN, text)


def hide_quotations(texts: list[str], private: Iterable[str]) -> list[str]:
    """Return the texts with the words hidden that stand together in one of the `private` texts, which are read one by one."""
    asked = {words for text in texts for _, words in _together(text)}
    quoted = {words for text in private for _, words in _together(text) if words in asked} if asked else set()
    return [_without(text, quoted) for text in texts] if quoted else texts


def _without(text: str, quoted: Collection[tuple[str, ...]]) -> str:
    hidden: set[int] = set()
    for first, words in _together(text):
        if words in quoted:
            hidden.update(range(first, first + TOGETHER))
    return _HIDDEN_AGAIN.sub(HIDDEN, _each_run(text, lambda number, run: HIDDEN if number in hidden else run))


def _each_run(text: str, change: Callable[[int, str], str]) -> str:
    numbers = iter(range(len(text) + 1))
    return _RUN.sub(lambda run: change(next(numbers), run[0]), text)


def _together(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (number of the first word, words) of all words that stand together."""
    words = [run.casefold() for run in _RUN.findall(text)]
    yield from ((i, tuple(words[i : i + TOGETHER])) for i in range(len(words) - TOGETHER + 1))


def _is_known(name: str) -> bool:
    if not name.isascii():
        return False
    pieces = _PIECE.findall(name)
    return all(
        len(piece) <= _LONGEST_NUMBER if piece.isdigit() else piece.casefold() in _vocabulary() for piece in pieces
    )


@cache
def _vocabulary() -> frozenset[str]:
    """The words of all modules of qtui, in lower case."""
    sources = (file.read_text(encoding="utf-8") for file in sorted(_PACKAGE.rglob("*.py")))
    runs = {run for source in sources for run in _RUN.findall(source) if run.isascii()}
    return frozenset(piece.casefold() for run in runs for piece in _PIECE.findall(run) if not piece.isdigit())
