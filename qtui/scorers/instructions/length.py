"""Checks of length: words, sentences, characters, paragraphs."""

import re

from qtui.scorers.instructions.arguments import Arguments, is_met, number, text

_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|St|Prof|Capt|Lt|Inc|Ltd|Jr|Sr|Co|vs|etc|No|e\.g|i\.e|Ph\.D|U\.S|a\.m|p\.m)|\b[A-Z])\.$"
)
_END = re.compile(r"[.!?]+[\"'”’)\]*_]*(?=\s|$)|[。！？]+[」』）)]*")
_BRACKETED = re.compile(r"「[^「」]*」|『[^『』]*』|（[^（）]*）|\([^()]*\)")
_FIRST_WORD_ENDS = frozenset(".,?!'\"")


def number_words(answer: str, arguments: Arguments) -> bool:
    return is_met(len(re.findall(r"\w+", answer)), arguments, "num_words")


def number_sentences(answer: str, arguments: Arguments) -> bool:
    return is_met(count_sentences(answer), arguments, "num_sentences")


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
    total, which = number(arguments, "num_paragraphs"), number(arguments, "nth_paragraph")
    first_word = text(arguments, "first_word").lower()
    paragraphs = re.split(r"\n\n", answer)
    full = sum(bool(paragraph.strip()) for paragraph in paragraphs)
    if full != total or not 1 <= which <= full or not paragraphs[which - 1].strip():
        return False
    word = paragraphs[which - 1].split()[0].lstrip("'").lstrip('"').lower()
    if not first_word.isascii():
        return paragraphs[which - 1].strip().lower().startswith(first_word)
    end = next((i for i, character in enumerate(word) if character in _FIRST_WORD_ENDS), len(word))
    return word[:end] == first_word


def count_sentences(answer: str) -> int:
    """Return the number of sentences, by their ends; a text without one is a sentence. Abbreviations and initials end none."""
    sentences, start = 0, 0
    for match in _END.finditer(answer):
        if _ABBREVIATION.search(answer[max(0, match.start() - 6) : match.start() + 1]) and match[0] == ".":
            continue
        sentences += bool(re.search(r"\w", answer[start : match.end()]))
        start = match.end()
    return sentences + bool(re.search(r"\w", answer[start:]))


def count_japanese_sentences(answer: str) -> int:
    """Return the number of sentences as M-IFEval counts them: lines, split after 。!? outside of brackets."""
    bare = answer
    while (inner := _BRACKETED.sub("〓", bare)) != bare:
        bare = inner
    return sum(bool(part.strip()) for line in bare.splitlines() for part in re.split(r"[。!?！？]+", line))
