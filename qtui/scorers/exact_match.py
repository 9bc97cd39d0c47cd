"""Exact match: 1 if the answer equals a reference after the normalization that is named, else 0.

Source: exact match of SQuAD (Rajpurkar et al. 2016) and of lm-evaluation-harness (`exact_match`). Several references: best counts.
"""

from qtui.records import Score
from qtui.scorers.normalization import normalize
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings, taken


def score(question: Question, settings: Settings) -> Score:
    if not question.references:
        return NO_REFERENCE
    name = settings["normalize"]
    answer = normalize(question.answer, name)
    if any(answer == normalize(reference, name) for reference in question.references):
        return taken(1, answer)
    return taken(0, answer, question.references[0])
