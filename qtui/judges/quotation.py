"""Whether an object in a judge's reply is quoted: an example, the format that was asked for, or a part of the graded answer.

Prose around a grade is common ("Here is my evaluation: …"), so an object is taken as quoted only where the words directly around it
say so. A quoted object is no grade; the judge is asked again.
"""

import re

_QUOTES = {"「": "」", "『": "』", "“": "”", "‘": "’", '"': '"', "'": "'", "«": "»"}
_FENCE = re.compile(r"```\w*\s*\Z")
_TRAILING_MARKS = " \t\r\n*_:：,、-–—>「『“‘\"'«`"
_LEADS_TO_QUOTATION = re.compile(
    r"(?:"
    r"\bfor (?:example|instance)|\be\.g\.?|\b(?:example|sample)(?: (?:output|reply|response|answer|json|object|format|evaluation))?"
    r"|\b(?:format|schema|template) (?:is|was|would be|should be|must be)"
    r"|^\W*(?:(?:output|reply|response|answer|expected|required|requested) )?(?:format|schema|template)"
    r"|(?<!\bmy )\b(?:answer|response|candidate|model|assistant)\b[^.\n]* (?:was|says?|said|states?|stated|claims?|claimed"
    r"|contains?|contained|includes?|included|writes?|wrote|(?:ends|ended|begins|began) with)"
    r"|例えば|たとえば|(?:出力|回答|返答|記入|採点)?例|^\W*(?:出力|回答|返答|返信)?(?:形式|フォーマット|書式|スキーマ|テンプレート)"
    r"|(?:形式|フォーマット|書式|スキーマ|テンプレート)は(?:次|以下)?(?:の(?:通り|とおり|よう))?(?:です)?"
    r"|(?<!私の)(?:回答|答え|解答|応答)(?:は|には|では|の中に|の末尾に)"
    r")\Z",
    re.IGNORECASE | re.MULTILINE,
)
_FOLLOWS_QUOTATION = re.compile(
    r"\A[\s」』”’\"'»`]*(?:と(?:いう(?!評価|採点|結果|判)|書|ある|あり|あっ|記|述|主張|答え|回答)|のよう(?:な|に)(?!評価|採点|結果|判)|の(?:形式|フォーマット)|など"
    r"|is (?:an?|the|just an?) (?:\w+ )?(?:example|format|template)|(?:as|for) (?:an )?example)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"(?:[.…・\s]+|<[^>]*>|string|text|reason|your reason|理由|評価理由|採点理由|ここに理由)\Z", re.IGNORECASE
)
"""Reasons as they stand in a format, not in a grade."""


def is_quoted(text: str, start: int, end: int, reason: str) -> bool:
    """Return whether the object at `text[start:end]`, whose reason is given, is quoted."""
    before, after = text[:start], text[end:]
    if not _has_words(before) and not _has_words(after):
        return False
    return (
        _is_in_quotes(before, after)
        or before.rpartition("\n")[2].lstrip().startswith(">")
        or _LEADS_TO_QUOTATION.search(_last_words(before)) is not None
        or _FOLLOWS_QUOTATION.match(after) is not None
        or _PLACEHOLDER.match(reason.strip()) is not None
    )


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in _FENCE.sub("", text).replace("```json", ""))


def _is_in_quotes(before: str, after: str) -> bool:
    closing = _QUOTES.get(before.rstrip()[-1:])
    return closing is not None and after.lstrip().startswith(closing)


def _last_words(before: str) -> str:
    """Return the end of the last line before an object, without a code fence and without marks such as a colon."""
    words = _FENCE.sub("", before).rstrip(_TRAILING_MARKS)
    return words[-120:].rpartition("\n")[2]
