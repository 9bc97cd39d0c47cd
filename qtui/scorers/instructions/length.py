"""Checks of length: words, sentences, characters, paragraphs."""

import re

from qtui.scorers.instructions import sentences
from qtui.scorers.instructions.arguments import Arguments, is_met, number, text

_BRACKETED = re.compile(r"「[^「」]*」|『[^『』]*』|（[^（）]*）|\([^()]*\)")
_FIRST_WORD_ENDS = frozenset(".,?!'\"")


def number_words(answer: str, arguments: Arguments) -> bool:
    return is_met(len(re.findall(r"\w+", answer)), arguments, "num_words")


def number_sentences(answer: str, arguments: Arguments) -> bool:
    return is_met(sentences.count(answer), arguments, "num_sentences")


def japanese_number_sentences(answer: str, arguments: Arguments) -> bool:
    return is_met(count_japanese_sentences(answer), arguments, "num_sentences")


def number_letters(answer: str, arguments: Arguments) -> bool:
    return is_met(len(answer), arguments, "num_letters")


def number_characters(answer: str, arguments: Arguments) -> bool:
    """Count characters without white space, as people count them."""
    return is_met(len("".join(answer.split())), arguments, "num_characters")


def number_paragraphs(answer: str, arguments: Arguments) -> bool:
    """Paragraphs are separated by the divider ***; there are exactly as many as named."""
    parts = re.split(r"\s?\*\*\*\s?", answer)
    inner = parts[1:-1] if len(parts) > 1 else []
    if any(not part.strip() for part in inner):
        return False
    return sum(bool(part.strip()) for part in parts) == number(arguments, "num_paragraphs")


def nth_paragraph_first_word(answer: str, arguments: Arguments) -> bool:
    """Paragraphs are separated by an empty line; there are exactly as many as named, and that one begins with the word."""
    paragraph = _nth_paragraph(answer, arguments)
    if not paragraph:
        return False
    word = paragraph.split()[0].lstrip("'").lstrip('"').lower()
    end = next((i for i, character in enumerate(word) if character in _FIRST_WORD_ENDS), len(word))
    return word[:end] == text(arguments, "first_word").lower()


def japanese_nth_paragraph_first_word(answer: str, arguments: Arguments) -> bool:
    """As in English, but words have no ends, and brackets before the word do not matter."""
    return _nth_paragraph(answer, arguments).lstrip("「").lstrip("『").startswith(text(arguments, "first_word").lower())


def _nth_paragraph(answer: str, arguments: Arguments) -> str:
    """The paragraph whose first word counts; empty if it is, or if there are more or fewer paragraphs than named."""
    total, which = number(arguments, "num_paragraphs"), number(arguments, "nth_paragraph")
    paragraphs = [paragraph.strip() for paragraph in answer.split("\n\n")]
    full = sum(map(bool, paragraphs))
    return paragraphs[which - 1] if full == total and 1 <= which <= full else ""


def count_japanese_sentences(answer: str) -> int:
    """Return the number of sentences as M-IFEval counts them: lines, split after 。!? outside of brackets."""
    bare = answer
    while (inner := _BRACKETED.sub("〓", bare)) != bare:
        bare = inner
    return sum(bool(part.strip()) for line in bare.splitlines() for part in re.split(r"[。!?！？]+", line))
