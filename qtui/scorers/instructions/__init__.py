"""Instruction checks of the kinds of IFEval (Zhou et al. 2023, arXiv 2311.07911) and M-IFEval (Dussolle et al. 2025, arXiv
2502.04688).

The task lists its checks as `[{"id": "length_constraints:number_words", "kwargs": {"relation": "at least", "num_words":
100}}]`. Names of ids and of their arguments are those of the two sets. An id that qtui does not know, or an argument that is
missing, makes the task unscored.

`level = "prompt"` (default): 1 if all checks of a task are met (prompt-level accuracy); `"instruction"`: the share that is met.
`strictness = "loose"` also tries the answer without its first line, its last line, both, and without asterisks, as IFEval does.

Known differences from the programs of the two papers:

- English sentences are counted by rules instead of by NLTK's trained model, which needs a download; see `sentences.py`.
- Japanese keywords are searched in the text instead of among the words of a tokenizer, which splits 伝説のコーチ into three
  words and so never finds it.
- `keywords:letter_frequency` counts the sign that is asked for; the programs replace one that is no letter (`#`, `!`) by a
  random letter.
- The language is found with a fixed seed; the programs draw lots, so that a short text's language differs from run to run.
"""

from qtui.scorers.instructions.scoring import score

__all__ = ["score"]
