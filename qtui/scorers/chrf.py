"""chrF (Popović 2015): overlap of character n-grams with the references, by `sacrebleu`, divided by 100.

n-grams up to 6, β = 2, white space ignored; `words` = 2 is chrF++ (Popović 2017). It is the score of one sentence; the mean over
tasks is not chrF of a corpus.
"""

from qtui.records import Score
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings


def score(question: Question, settings: Settings) -> Score:
    if not question.references:
        return NO_REFERENCE
    from sacrebleu import sentence_chrf

    words = settings["words"]
    value = float(sentence_chrf(question.answer, list(question.references), word_order=words).score) / 100
    return Score(min(1.0, value), f"{'chrF' + '+' * words} {100 * value:.1f} of 100")
