"""The offline judge: chrF overlap of an answer with the task's reference, mapped to its scale. Overlap is not quality.

chrF (Popović 2015, character n-gram F-score) by sacrebleu with its defaults: n-grams up to 6, β = 2, no word n-grams, white space
ignored; 0–100. Grades are equal parts of that range, fifths for 1–5: a grade says only in which part the overlap is.
"""

import asyncio
import time

from qtui.judges.protocol import Question, Reply, empty_reply
from qtui.records import FIVE_POINTS, NOTHING_USED, JudgeFacts, Scale

BEST_OVERLAP = 100.0


class ReferenceJudge:
    """A judge without a model. It is deterministic: all takes give the same grade."""

    concurrency = 1

    def __init__(self, fingerprint: str, scale: Scale = FIVE_POINTS) -> None:
        self.fingerprint = fingerprint
        self._scale = scale

    @property
    def facts(self) -> JudgeFacts:
        return JudgeFacts()

    async def grade(self, question: Question, take: int) -> Reply:
        if not question.answer.strip():
            return empty_reply(self._scale)
        if not question.reference.strip():
            return Reply(None, "the task has no reference to compare with", usage=NOTHING_USED)
        return await asyncio.to_thread(_overlap, question, self._scale)

    async def close(self) -> None:
        return


def _overlap(question: Question, scale: Scale) -> Reply:
    from sacrebleu import sentence_chrf

    began = time.perf_counter()
    score = float(sentence_chrf(question.answer, [question.reference]).score)
    part = int(score // (BEST_OVERLAP / len(scale.numbers)))
    reason = f"chrF {score:.1f} of 100 (overlap with the reference, not quality)"
    return Reply(min(scale.highest, scale.lowest + part), reason, time.perf_counter() - began, usage=NOTHING_USED)
