"""Normalizations of a text before it is compared, each by its name in the field.

- `none`: the text as it is.
- `whitespace`: without white space at the ends; other white space is one space.
- `squad`: lower case, without ASCII punctuation, without the articles a, an and the, then as `whitespace`: the official
  evaluation of SQuAD v1.1 (Rajpurkar et al. 2016, `normalize_answer`), which lm-evaluation-harness and JSQuAD's evaluation use too.
- `nfkc`: Unicode form NFKC (full-width letters and digits become ASCII), case folded, without punctuation and symbols of every
  script, without white space: for Japanese, where 「東京」 and 東京 are the same answer.
- `jglue`: lower case, without 。 at the end, then as `whitespace`: the evaluation of JSQuAD in JGLUE (Kurihara et al. 2022).
"""

import re
import string
import unicodedata

NAMES = ("none", "whitespace", "squad", "nfkc", "jglue")
_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SIGNS_KEPT = frozenset("-−+%.")
"""Signs that change a number are kept between or before digits."""


def normalize(text: str, name: str) -> str:
    """Return the text in the normalization of that name, one of `NAMES`."""
    if name == "none":
        return text
    if name == "whitespace":
        return " ".join(text.split())
    if name == "squad":
        bare = text.lower().translate(_ASCII_PUNCTUATION)
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())
    if name == "nfkc":
        return _without_punctuation(unicodedata.normalize("NFKC", text).casefold())
    if name == "jglue":
        return " ".join(text.lower().rstrip("。").split())
    raise ValueError(f"there is no normalization {name!r}")


def _without_punctuation(text: str) -> str:
    kept = [
        character
        for i, character in enumerate(text)
        if not character.isspace() and (_is_part_of_number(text, i) or unicodedata.category(character)[0] not in "PS")
    ]
    return "".join(kept)


def _is_part_of_number(text: str, i: int) -> bool:
    """Whether the character is the point or sign of a number: 1.5 is not 15, and −3 is not 3."""
    character = text[i]
    if character not in _SIGNS_KEPT:
        return False
    before, after = text[i - 1 : i], text[i + 1 : i + 2]
    if character == "%":
        return before.isdigit()
    if character == ".":
        return before.isdigit() and after.isdigit()
    return after.isdigit() and not before.isalnum()
