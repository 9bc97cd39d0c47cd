"""ROUGE-L: F1 over the longest common subsequence of tokens (Lin 2004), by Google's `rouge-score`. Several references: best counts.

Tokenizers (`tokenizer`):

- `mixed` (default): a run of Latin letters or digits is a token, every other letter (of Japanese, Chinese, …) is one by itself.
- `characters`: every letter or digit is a token.
- `words`: that of `rouge-score` without stemming, which knows a–z and 0–9 only. In a Japanese text it finds nothing: such a task is
  unscored.

All work on lower case, and on texts in Unicode form NFKC but for `words`.
"""

import re
import unicodedata
from typing import Any

from qtui.records import Score
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings, unscored

TOKENIZERS = ("mixed", "characters", "words")
_MIXED = re.compile(r"[a-z0-9\u00df-\u024f]+|[^\W_]")
_CHARACTERS = re.compile(r"[^\W_]")


class _PatternTokenizer:
    """A tokenizer in the form that `rouge-score` takes: the matches of a pattern."""

    def __init__(self, pattern: "re.Pattern[str]") -> None:
        self._pattern = pattern

    def tokenize(self, text: str) -> list[str]:
        return self._pattern.findall(unicodedata.normalize("NFKC", text).lower())


def score(question: Question, settings: Settings) -> Score:
    if not question.references:
        return NO_REFERENCE
    tokenizer = _tokenizer(settings["tokenizer"])
    references = [text for text in question.references if tokenizer.tokenize(text)]
    if not references:
        return unscored(
            f"the tokenizer {settings['tokenizer']} finds no token in the reference; `mixed` finds characters"
        )
    from rouge_score import rouge_scorer

    scorer = rouge_scorer.RougeScorer(["rougeL"], tokenizer=tokenizer)
    value = float(scorer.score_multi(references, question.answer)["rougeL"].fmeasure)
    return Score(value, f"ROUGE-L {value:.3f}, tokens: {settings['tokenizer']}")


def _tokenizer(name: str) -> Any:
    from rouge_score import tokenizers

    if name == "words":
        return tokenizers.DefaultTokenizer(use_stemmer=False)
    return _PatternTokenizer(_CHARACTERS if name == "characters" else _MIXED)
