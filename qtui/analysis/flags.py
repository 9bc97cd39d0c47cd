"""Flags of visible defects of an answer: empty, short, looping, truncated, unrequested Latin words.

The definitions are those of the study's reference figures. They are computed by counting, not by a model, so they need no judge and
work for any language that is not written in Latin letters. The scans work on blocks of answers as arrays, because a store may hold
200,000 of them; hashes only exclude answers, and the remaining ones are decided exactly.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint32]

SHORT = 20
"""Number of characters below which an answer is short."""

LONGEST_PERIOD = 100
GRAM = 10
FEWEST_GRAMS = 50
_TAIL = 5 * LONGEST_PERIOD
_BLOCK_CHARACTERS = 2_000_000
_BLOCK_ANSWERS = 5_000

_WORD = re.compile(r"[A-Za-z]{2,}")
# Anchored at the start of a word and possessive: an answer of one endless word would else take quadratic time.
_PHRASE = re.compile(r"(?<![A-Za-z])[A-Za-z]++(?:[ ,.'-]++[A-Za-z]++){3}")

COLUMNS = (
    "empty_raw", "empty", "short_raw", "short", "looping", "latin_word", "latin_new", "latin_phrase", "latin_majority",
    "other_language", "edge_whitespace", "truncated", "finish_known", "unfinished_thought",
)  # fmt: skip


def flag_answers(answers: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """Return one row per answer, on the index of `answers` (columns experiment, task, text, finish_reason).

    Columns `length_raw` and `length` (stripped) are int64 code points; all others are bool:

    - empty, short: the stripped text has 0, fewer than 20 characters; `_raw` the same before stripping
    - looping: after rstrip, for some period p ≤ 100 the longest suffix with t[i] == t[i−p] has max(4p, 40) characters or
      more; or at least half of the stripped text's 10-character grams (50 or more of them) repeat an earlier one
    - latin_word: [A-Za-z]{2,} occurs; latin_new: such a word, lowercased, is in neither the task's input nor its reference
    - latin_phrase: four Latin words in a row; latin_majority: more than half of the letters (str.isalpha) are A–Z
    - other_language: a majority of Latin letters where the reference has none, or at least 20 letters without any kana where the
      reference has kana
    - edge_whitespace: stripping changes the text
    - truncated: the finish reason is `length`; finish_known: there is a finish reason at all
    - unfinished_thought: the model's text ended inside a thought (column thought_unfinished; false where that is missing)

    `tasks` has experiment, task, input, reference. An answer to a task that is missing there has no new Latin words.
    """
    texts = [text if isinstance(text, str) else "" for text in answers["text"].tolist()]
    task_words = _TaskWords(tasks)
    keys = list(zip(answers["experiment"].tolist(), answers["task"].tolist(), strict=True))
    blocks = [_flag_block(texts[a:b], keys[a:b], task_words) for a, b in _blocks(texts)]
    empty: dict[str, npt.NDArray[Any]] = _flag_block([], [], task_words)
    columns = {name: np.concatenate([b[name] for b in blocks]) if blocks else empty[name] for name in empty}
    reason = answers["finish_reason"].tolist()
    columns["truncated"] = np.fromiter((r == "length" for r in reason), dtype=np.bool_, count=len(reason))
    columns["finish_known"] = np.fromiter(
        (r in ("length", "stop", "error") for r in reason), dtype=np.bool_, count=len(reason)
    )
    unfinished = answers["thought_unfinished"].tolist() if "thought_unfinished" in answers else [False] * len(reason)
    columns["unfinished_thought"] = np.fromiter(map(bool, unfinished), dtype=np.bool_, count=len(reason))
    return pd.DataFrame(columns, index=answers.index)


class _TaskWords:
    """The Latin words of each task, and whether its reference is in Latin letters or has kana."""

    def __init__(self, tasks: pd.DataFrame) -> None:
        columns = (tasks[name].tolist() for name in ("experiment", "task", "input", "reference"))
        self._texts = {
            (experiment, task): (str(input_text or ""), str(reference or ""))
            for experiment, task, input_text, reference in zip(*columns, strict=True)
        }
        self._words: dict[Any, frozenset[str]] = {}
        references = [reference for _, reference in self._texts.values()]
        letters = _Letters(references)
        self._latin = dict(zip(self._texts, letters.latin_majority.tolist(), strict=True))
        self._kana = dict(zip(self._texts, (letters.kana > 0).tolist(), strict=True))

    def has_new_word(self, key: tuple[Any, Any], text: str) -> bool:
        if key not in self._texts:
            return False
        if key not in self._words:
            self._words[key] = frozenset(w.lower() for part in self._texts[key] for w in _WORD.findall(part))
        return any(word.lower() not in self._words[key] for word in _WORD.findall(text))

    def latin(self, keys: Sequence[tuple[Any, Any]]) -> Bools:
        return np.fromiter((self._latin.get(k, True) for k in keys), dtype=np.bool_, count=len(keys))

    def kana(self, keys: Sequence[tuple[Any, Any]]) -> Bools:
        return np.fromiter((self._kana.get(k, False) for k in keys), dtype=np.bool_, count=len(keys))


class _Letters:
    """Counts over a block of texts, one per text: letters, Latin letters, kana, and whether two Latin letters are adjacent."""

    def __init__(self, texts: Sequence[str]) -> None:
        codes, starts, stops = _codes(texts)
        latin = ((codes | 32) - np.uint32(97)) < 26
        kana = ((codes >= 0x3041) & (codes <= 0x30FA) & (codes != 0x30A0)) | ((codes >= 0xFF66) & (codes <= 0xFF9D))
        follows = np.zeros(codes.size, dtype=np.bool_)
        follows[:-1] = latin[1:]
        follows[stops[stops > starts] - 1] = False
        self.alpha = _count(_alpha_table()[codes], starts, stops)
        self.latin = _count(latin, starts, stops)
        self.kana = _count(kana, starts, stops)
        self.has_word = _count(latin & follows, starts, stops) > 0
        self.latin_majority = 2 * self.latin > self.alpha


def _flag_block(
    texts: Sequence[str], keys: Sequence[tuple[Any, Any]], task_words: _TaskWords
) -> dict[str, npt.NDArray[Any]]:
    stripped = [text.strip() for text in texts]
    raw = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    length = np.fromiter(map(len, stripped), dtype=np.int64, count=len(texts))
    letters = _Letters(stripped)
    new, phrase = np.zeros(len(texts), dtype=np.bool_), np.zeros(len(texts), dtype=np.bool_)
    for i in np.flatnonzero(letters.has_word).tolist():
        new[i] = task_words.has_new_word(keys[i], stripped[i])
    for i in np.flatnonzero(letters.latin >= 4).tolist():
        phrase[i] = _PHRASE.search(stripped[i]) is not None
    no_kana = task_words.kana(keys) & (letters.kana == 0) & (letters.alpha >= 20)
    return {
        "length_raw": raw,
        "length": length,
        "empty_raw": raw == 0,
        "empty": length == 0,
        "short_raw": raw < SHORT,
        "short": length < SHORT,
        "looping": _loops(texts, stripped),
        "latin_word": letters.has_word,
        "latin_new": new,
        "latin_phrase": phrase,
        "latin_majority": letters.latin_majority,
        "other_language": no_kana | (letters.latin_majority & ~task_words.latin(keys)),
        "edge_whitespace": raw != length,
    }


def _loops(texts: Sequence[str], stripped: Sequence[str]) -> Bools:
    looping = _tail_loops([text.rstrip() for text in texts])
    left = np.flatnonzero(~looping).tolist()
    looping[left] = _repeats([stripped[i] for i in left])
    return looping


def _tail_loops(texts: Sequence[str]) -> Bools:
    """Return whether a suffix of max(4p, 40) characters or more equals the text p characters before it, for some p in 1…100.

    `texts` have no white space at the end.
    """
    size = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    looping = np.zeros(len(texts), dtype=np.bool_)
    if not texts or int(size.max()) <= 40:
        return looping
    padded = "".join([text[-_TAIL:].rjust(_TAIL, "\0") for text in texts])
    # Positions first, answers second: each step compares two contiguous rows.
    tail = np.ascontiguousarray(_encode(padded).reshape(len(texts), _TAIL).T)
    for period in range(1, LONGEST_PERIOD + 1):
        suffix = max(4 * period, 40)
        left = np.flatnonzero((tail[-1] == tail[-1 - period]) & (size >= suffix + period) & ~looping)
        for back in (2, 3, 5, 8):
            left = left[tail[-back][left] == tail[-back - period][left]]
        if left.size:
            same = tail[_TAIL - suffix :, left] == tail[_TAIL - suffix - period : _TAIL - period, left]
            looping[left[same.all(axis=0)]] = True
    return looping


def _repeats(stripped: Sequence[str]) -> Bools:
    """Return whether at least half of the 10-character grams of a stripped text repeat another; no if there are fewer than 50."""
    repeats = np.zeros(len(stripped), dtype=np.bool_)
    long = [(i, text) for i, text in enumerate(stripped) if len(text) >= FEWEST_GRAMS + GRAM - 1]
    if not long:
        return repeats
    long.sort(key=lambda item: len(item[1]))
    codes, starts, stops = _codes([text for _, text in long])
    grams = (stops - starts) - (GRAM - 1)
    distinct = _distinct_hashes(_gram_hashes(codes), starts, grams)
    # Equal grams have equal hashes, so collisions can only make a text look more repetitive.
    for j in np.flatnonzero(2 * distinct <= grams).tolist():
        i, text = long[j]
        exact = len({text[k : k + GRAM] for k in range(int(grams[j]))})
        repeats[i] = 1 - exact / int(grams[j]) >= 0.5
    return repeats


def _gram_hashes(codes: Codes) -> Codes:
    """Return the polynomial hash modulo 2^32 of the 10 characters from each position on; by doubling: 2, 4, 8, then 10."""
    one = np.concatenate([codes, np.zeros(GRAM, dtype=np.uint32)])

    def power(k: int) -> np.uint32:
        return np.uint32(pow(0x9E3779B1, k, 1 << 32))

    two = one[:-1] * power(1) + one[1:]
    four = two[:-2] * power(2) + two[2:]
    eight = four[:-4] * power(4) + four[4:]
    return np.asarray(eight[:-2] * power(2) + two[8 : 8 + eight.size - 2], dtype=np.uint32)


def _distinct_hashes(
    hashes: Codes, starts: npt.NDArray[np.int64], grams: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the number of different hashes per text. Texts are sorted by length, so rows of one batch are about equally long."""
    distinct = np.zeros(grams.size, dtype=np.int64)
    first = 0
    while first < grams.size:
        rows = max(1, min(grams.size - first, 500_000 // int(grams[first])))
        while rows > 1 and int(grams[first + rows - 1]) * rows > 1_000_000:
            rows //= 2
        width = int(grams[first + rows - 1])
        column = np.arange(width)
        outside = column >= grams[first : first + rows, None]
        batch = hashes.take(starts[first : first + rows, None] + column, mode="clip")
        batch[outside] = 0xFFFFFFFF  # sorts behind every gram of the text
        batch.sort(axis=1)
        changes = (batch[:, 1:] != batch[:, :-1]) & ~outside[:, 1:]
        distinct[first : first + rows] = 1 + changes.sum(axis=1)
        first += rows
    return distinct


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield slices of at most 5,000 answers and about two million characters, so that memory stays bounded."""
    start = characters = 0
    for i, text in enumerate(texts):
        characters += len(text)
        if characters >= _BLOCK_CHARACTERS or i + 1 - start >= _BLOCK_ANSWERS:
            yield start, i + 1
            start, characters = i + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _codes(texts: Sequence[str]) -> tuple[Codes, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return all code points of the texts in one array, and where each text starts and stops in it."""
    stops = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), stops[:-1]]) if len(texts) else stops
    return _encode("".join(texts)), starts, stops


def _encode(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32, copy=False)


def _count(marks: Bools, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the number of marks in each text."""
    counts = np.zeros(starts.size, dtype=np.int64)
    filled = stops > starts
    if filled.any():
        counts[filled] = np.add.reduceat(marks, starts[filled], dtype=np.int32)
    return counts


@lru_cache(maxsize=1)
def _alpha_table() -> Bools:
    """str.isalpha of every code point."""
    return np.fromiter((chr(code).isalpha() for code in range(0x110000)), dtype=np.bool_, count=0x110000)
