"""F1 over characters: how many characters answer and reference share, whatever their order, as JSQuAD scores answers.

Precision and recall over the multisets of characters of the normalized texts, the best of all references. Source: F1 of SQuAD
(Rajpurkar et al. 2016) with characters for tokens (Kurihara et al. 2022, JGLUE). Two empty texts match, as in SQuAD v2. White space
counts with `normalize = "jglue"` only: the scores are then those of JGLUE's program.
"""

from collections import Counter

from qtui.records import Score
from qtui.scorers.normalization import normalize
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings, taken


def score(question: Question, settings: Settings) -> Score:
    if not question.references:
        return NO_REFERENCE
    name = settings["normalize"]
    answer = normalize(question.answer, name)
    counts_space = name == "jglue"
    best = max(question.references, key=lambda reference: f1(answer, normalize(reference, name), counts_space))
    value = f1(answer, normalize(best, name), counts_space)
    return taken(value, answer, "" if value == 1 else best)


def f1(answer: str, reference: str, counts_space: bool = False) -> float:
    """Return F1 over the characters of two texts, 0 to 1."""
    ours, theirs = (Counter(text if counts_space else "".join(text.split())) for text in (answer, reference))
    if not ours or not theirs:
        return float(ours == theirs)
    common = sum((ours & theirs).values())
    if not common:
        return 0.0
    precision, recall = common / sum(ours.values()), common / sum(theirs.values())
    return 2 * precision * recall / (precision + recall)
