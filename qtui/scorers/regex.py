"""Regular expression (Python's `re`): does it match, or is what it captures a right answer?

With a group, the text of the group `answer` (else of the first group) is compared with the references in the normalization that is
named, as lm-evaluation-harness does with its filter `regex` and `exact_match`. Without a group, a match is 1. `take` says
which match counts (`first` or `last`), `multiline` and `ignore_case` are Python's flags.
"""

import re

from qtui.records import Score
from qtui.scorers.normalization import normalize
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings, taken


def score(question: Question, settings: Settings) -> Score:
    pattern = compiled(settings)
    if pattern.groups and not question.references:
        return NO_REFERENCE
    matches = list(pattern.finditer(question.answer))
    if not matches:
        return Score(0.0, "took nothing: the pattern does not match")
    match = matches[0 if settings["take"] == "first" else -1]
    if not pattern.groups:
        return taken(1, match[0])
    text = captured(match)
    name = settings["normalize"]
    is_right = any(normalize(text, name) == normalize(reference, name) for reference in question.references)
    return taken(is_right, text, "" if is_right else question.references[0])


def compiled(settings: Settings) -> "re.Pattern[str]":
    """Return the pattern. Raises re.error if it is not valid."""
    flags = (re.MULTILINE if settings["multiline"] else 0) | (re.IGNORECASE if settings["ignore_case"] else 0)
    return re.compile(settings["pattern"], flags)


def captured(match: "re.Match[str]") -> str:
    """Return the text of the group `answer`, else of the first group that took part in the match."""
    named = match.groupdict().get("answer")
    if named is not None:
        return named
    return next((text for text in match.groups() if text is not None), "")
