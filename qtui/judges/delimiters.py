"""The text between the slots of a judge's prompt, kept out of what fills the slots.

An answer that contains `# Answer to grade`, or the sentence after it, could end its own place in the prompt and go on as if it were
the prompt: another answer, another question, a grade. So where a filling has such a delimiter, its first character is put into
brackets (`[#] Answer to grade`), and every delimiter stands in the prompt exactly where the template has it. Other texts
stay as they are, so that what ordinary answers are asked does not change.

Delimiters are the template's lines that are marked (`# Task`, `[END]`, `<answer>`), and the sentence before and after a slot. A
word (`Answer:`) or a fence (three backticks) is none: ordinary answers are full of them, so a template that has only these cannot
be kept whole.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

_SENTENCE_AT_LEAST = 10
"""Characters of a line that is a delimiter although it is not marked."""
_BEGINNING, _BEGINNING_OF_WIDE = 20, 12
"""Characters by which a sentence is recognized, to the end of the word; a forger may leave out the rest."""
_BRACKETS = "[<{【「『〈《（(|"
_SIGNS = "#=*-_~+■□◆◇●○▼▶※§"
_LETTERS = re.compile(r"\w.*\w")
_LINE_END = r"(?=[^\S\n]*(?:[\r\n\v\f\x85\u2028\u2029]|$))"


def keep_out(text: str, literals: Iterable[str]) -> str:
    """Return a filling with the delimiters broken that are in `literals`, the parts of the template between its slots."""
    pattern = _pattern(tuple(literals))
    return pattern.sub(lambda found: f"[{found[0][0]}]{found[0][1:]}", text) if pattern else text


@lru_cache(maxsize=64)
def _pattern(literals: tuple[str, ...]) -> "re.Pattern[str] | None":
    """The expression that finds every delimiter of these parts; None if they have none."""
    found = dict.fromkeys(pattern for literal in literals for pattern in _patterns(literal))
    return re.compile("|".join(found), re.IGNORECASE) if found else None


def _patterns(literal: str) -> Iterable[str]:
    lines = [line.strip() for line in literal.split("\n")]
    written = [number for number, line in enumerate(lines) if line]
    for number in written:
        line, is_beside_slot = lines[number], number in (0, len(lines) - 1)
        if line[:1] in _BRACKETS and _LETTERS.search(line):
            yield _flexible(line)
        elif line[:1] in _SIGNS and _LETTERS.search(line):
            yield _flexible(line) + ("" if is_beside_slot else _LINE_END)
        elif len(line) >= _SENTENCE_AT_LEAST and number in (written[0], written[-1]):
            yield _flexible(_beginning(line))


def _beginning(line: str) -> str:
    """The first words of a line, as many as it takes to recognize it."""
    if not line[:_BEGINNING].isascii():
        return line[:_BEGINNING_OF_WIDE]
    end = re.compile(r"\W|$").search(line, min(_BEGINNING, len(line)))
    return line[: end.start() if end else None]


def _flexible(line: str) -> str:
    """The expression for a line, whatever spaces it is written with."""
    return r"[^\S\n]+".join(re.escape(part) for part in line.split())
