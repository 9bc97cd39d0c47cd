"""Whether an object in a judge's reply is the judge's own, or only mentioned: an example, the format, a part of the graded answer.

Where it stands decides, in this order:

1. An object that is all of the reply is the reply, unless it is copied from the graded answer.
2. An object that is copied from the prompt, in quotation marks or on a quoted line is mentioned, and so is one whose reason
   is to be filled in.
3. An object inside a sentence is mentioned, unless the sentence calls it the grade and is neither conditional nor denied.
4. An object on its own is the judge's, at the end of the reply (reasons, then the grade) or at its start (the grade, then reasons),
   unless the words that lead to it say that it is an example, a format or somebody else's. With words on both sides it must be
   announced as the evaluation.

What is only mentioned is no grade; the judge is asked again.
"""

import re

_QUOTES = {"「": "」", "『": "』", "“": "”", "‘": "’", '"': '"', "'": "'", "«": "»", "`": "`"}
_FENCE = re.compile(r"(?:```|~~~)\w*")
_MARKS = re.compile(r"(?:```|~~~)\w*|<[|/]?[\w|:]+\|?/?>|[*_#\u200b\ufeff]+")
"""Fences, tags and emphasis: they surround an object without saying anything about it."""
_CLOSING = re.compile(r"\s*以上(?:です|となります|になります)?[。．.]?\s*\Z")
_TRAILING_MARKS = " \t\r\n:：,、-–—>「『“‘\"'«`"
_ENDS_SENTENCE = re.compile(r"[.:：。．!！?？;；…)）\]】」』]\s*\Z")
_GOES_ON = re.compile(r"\s*[,、;]|\s*[?？]|\s*(?:[a-z(]|[\u3040-\u30ff\u3400-\u9fff](?<!以))")
"""How the rest of a line continues the sentence in which the object stands. 以上 begins a new one."""

_OWN_WORD = (
    r"(?:evaluation|assessment|verdict|judge?ment|grading|decision|conclusion|result"
    r"|(?:my|final|overall) (?:\w+ )?(?:grade|score|rating|reply)"
    r"|評価|採点|判定|判断|結果|結論|評点)"
)
_ANNOUNCES = re.compile(rf"{_OWN_WORD}|\bjson\b|\bfinal\b", re.IGNORECASE)
_OF_SOMETHING_ELSE = re.compile(
    r"\b(?:examples?|samples?|reference|rubric|guidelines?|criteria|template|instructions?|beispiel|ejemplo|exemple)\b"
    r"|見本|手本|模範|サンプル|正解例|出力例|例として|の例|基準|ルーブリック|示例|样例",
    re.IGNORECASE,
)
"""Words for what a judge was given, in the line that announces an object."""
_CALLED_GRADE_BEFORE = re.compile(
    rf"(?:{_OWN_WORD}\s*(?:\b(?:is|would be|remains)|は|として|を)|\bI (?:give|assign|grade it))\s*\Z", re.IGNORECASE
)
_CALLED_GRADE_AFTER = re.compile(
    r"\A\s*(?:と(?:いう|の)|が|を|の(?:よう(?:な|に)|通り))\s*(?:私の|最終)?(?:評価|採点|判定|判断|結果|結論)"
)
_NOT_SO = re.compile(
    r"\b(?:if|unless|were|would|could|might|should|had|not|never|cannot|can't|won't|another|previous|others?)\b|n't\b"
    r"|もし|場合|なら|れば|たら|以前|前回|別の|ない|ませ|でしょうか|[?？]",
    re.IGNORECASE,
)
_LEADS_TO_MENTION = re.compile(
    r"(?:"
    r"\bfor (?:example|instance)|\be\.g\.?|\b(?:example|sample)(?: (?:output|reply|response|answer|json|object|format|evaluation))?"
    r"|\b(?:format|schema|template) (?:is|was|would be|should be|must be)|\bin (?:this|the following) (?:format|form|shape)"
    r"|^\W*(?:(?:output|reply|response|answer|expected|required|requested) )?(?:format|schema|template)"
    r"|(?<!\bmy )\b(?:answer|response|candidate|model|assistant|student|user|author|rubric|prompt|instructions?|grader)\b[^.\n]*"
    r" (?:was|says?|said|states?|stated|claims?|claimed|contains?|contained|includes?|included|writes?|wrote"
    r"|(?:ends|ended|begins|began) with|(?:grades?|graded|grading|rates?|evaluates?) (?:him|her|it|them)sel(?:f|ves))"
    r"|例えば|たとえば|(?:出力|回答|返答|記入|採点|評価)?例|^\W*(?:出力|回答|返答|返信)?(?:形式|フォーマット|書式|スキーマ|テンプレート)"
    r"|(?:形式|フォーマット|書式|スキーマ|テンプレート)は(?:次|以下)?(?:の(?:通り|とおり|よう))?(?:です)?"
    r"|(?<!私の)(?:回答|答え|解答|応答|基準)(?:は|には|では|の中に|の末尾に|に(?!対|つい|関)[^。]*)"
    r")\Z",
    re.IGNORECASE | re.MULTILINE,
)
_PLACEHOLDER = re.compile(
    r"(?:[.…・\s]+|<[^>]*>|string|text|reason|your reason|(?:short |brief )?explanation of the grade"
    r"|理由|評価理由|採点理由|ここに理由)\Z",
    re.IGNORECASE,
)
"""Reasons as they stand in a format, not in a grade."""


def is_mentioned(text: str, start: int, end: int, reason: str, *, is_copied: bool) -> bool:
    """Return whether the object at `text[start:end]`, whose reason is given, is mentioned and not given as the grade.

    `is_copied`: the prompt has the same object.
    """
    before, after = text[:start], text[end:]
    plain_before, plain_after = _MARKS.sub("", before), _CLOSING.sub("", _MARKS.sub("", after))
    has_before, has_after = _has_words(plain_before), _has_words(plain_after)
    if not has_before and not has_after:
        return False
    if is_copied or _is_in_quotes(before, after) or _PLACEHOLDER.match(reason.strip()):
        return True
    last, rest = plain_before.rpartition("\n")[2], plain_after.partition("\n")[0]
    if last.lstrip().startswith(">"):
        return True
    if _is_in_sentence(last, rest):
        return not _is_called_grade(last, rest)
    lead = _lead(plain_before)
    if _LEADS_TO_MENTION.search(lead.rstrip(_TRAILING_MARKS)):
        return True
    is_between = has_before and has_after
    if (is_between or lead.rstrip().endswith((":", "："))) and _OF_SOMETHING_ELSE.search(lead):
        return True
    return is_between and not _ANNOUNCES.search(lead)


def _has_words(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _is_in_quotes(before: str, after: str) -> bool:
    opening = _FENCE.sub("", before).rstrip()[-1:]
    return opening in _QUOTES and _FENCE.sub("", after).lstrip().startswith(_QUOTES[opening])


def _is_in_sentence(last: str, rest: str) -> bool:
    """Whether the words before an object on its line, or those after it, are of one sentence with it."""
    return bool((_has_words(last) and not _ENDS_SENTENCE.search(last)) or _GOES_ON.match(rest))


def _is_called_grade(last: str, rest: str) -> bool:
    sentence = re.split(r"[.。!！]\s*", last)[-1], re.split(r"[.。!！]", rest)[0]
    if _NOT_SO.search(sentence[0]) or _NOT_SO.search(rest):
        return False
    return bool(_CALLED_GRADE_BEFORE.search(sentence[0]) or _CALLED_GRADE_AFTER.match(rest))


def _lead(before: str) -> str:
    """The end of the last line with words before an object."""
    return before.rstrip()[-200:].rpartition("\n")[2]
