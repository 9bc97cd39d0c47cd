"""BLEU of one answer (Papineni et al. 2002), by `sacrebleu` (Post 2018), divided by 100; the tokenizer is named, since BLEU means
nothing without it.

`char` (default) works for Japanese; `13a` and `intl` are for texts with spaces between words; `zh` is for Chinese. Effective order,
exponential smoothing: `sacrebleu`'s defaults for a sentence. The mean over tasks is not BLEU of a corpus.
"""

from qtui.records import Score
from qtui.scorers.protocol import NO_REFERENCE, Question, Settings

TOKENIZERS = ("char", "13a", "intl", "zh", "none")
"""Those of `sacrebleu` that need no download and no other package."""


def score(question: Question, settings: Settings) -> Score:
    if not question.references:
        return NO_REFERENCE
    from sacrebleu import sentence_bleu

    tokenizer = settings["tokenizer"]
    value = float(sentence_bleu(question.answer, list(question.references), tokenize=tokenizer).score) / 100
    return Score(min(1.0, value), f"BLEU {100 * value:.1f} of 100, tokenizer: {tokenizer}")
