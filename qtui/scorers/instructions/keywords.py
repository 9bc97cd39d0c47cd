"""Checks of keywords and letters. Upper and lower case do not matter. In a Japanese text a keyword counts wherever it stands."""

import re

from qtui.scorers.instructions.arguments import Arguments, is_met, text, texts


def existence(answer: str, arguments: Arguments) -> bool:
    return all(_count(word, answer) for word in texts(arguments, "keywords"))


def frequency(answer: str, arguments: Arguments) -> bool:
    return is_met(_count(text(arguments, "keyword"), answer), arguments, "frequency")


def forbidden_words(answer: str, arguments: Arguments) -> bool:
    return not any(
        re.search(rf"\b{re.escape(word)}\b", answer, re.IGNORECASE) for word in texts(arguments, "forbidden_words")
    )


def japanese_forbidden_words(answer: str, arguments: Arguments) -> bool:
    return not any(_count(word, answer) for word in texts(arguments, "forbidden_words"))


def letter_frequency(answer: str, arguments: Arguments) -> bool:
    return is_met(answer.lower().count(text(arguments, "letter").lower()), arguments, "let_frequency", "let_relation")


def japanese_letter_frequency(answer: str, arguments: Arguments) -> bool:
    """A hiragana letter counts in katakana too, as in M-IFEval."""
    letter = text(arguments, "letter")
    count = answer.count(letter)
    if len(letter) == 1 and "ぁ" <= letter <= "ゖ":
        count += answer.count(chr(ord(letter) + 96))
    return is_met(count, arguments, "let_frequency", "let_relation")


def capital_word_frequency(answer: str, arguments: Arguments) -> bool:
    """Words in capital letters, by NLTK's tokenizer as in IFEval (without its split into sentences, which changes no word)."""
    from nltk.tokenize import word_tokenize

    count = sum(word.isupper() for word in word_tokenize(answer, preserve_line=True))
    return is_met(count, arguments, "capital_frequency", "capital_relation")


def _count(word: str, answer: str) -> int:
    return len(re.findall(re.escape(word), answer, re.IGNORECASE))
