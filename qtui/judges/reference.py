"""The offline judge: chrF overlap of an answer with the task's reference, mapped to 1–5. Overlap is not quality.

chrF (Popović 2015, character n-gram F-score) by sacrebleu with its defaults: n-grams up to 6, β = 2, no word n-grams, white space
ignored; 0–100. Grades are equal fifths of that range: a grade says only in which fifth the overlap is.
"""

import asyncio
import time

from qtui.judges.protocol import EMPTY_REASON, Question, Reply
from qtui.records import JudgeFacts

BAND = 20.0


class ReferenceJudge:
    """A judge without a model. It is deterministic: all takes give the same grade."""

    concurrency = 1

    def __init__(self, fingerprint: str) -> None:
        self.fingerprint = fingerprint

    @property
    def facts(self) -> JudgeFacts:
        return JudgeFacts()

    async def grade(self, question: Question, take: int) -> Reply:
        if not question.answer.strip():
            return Reply(1, EMPTY_REASON)
        if not question.reference.strip():
            return Reply(None, "the task has no reference to compare with")
        return await asyncio.to_thread(_overlap, question)

    async def close(self) -> None:
        return


def _overlap(question: Question) -> Reply:
    from sacrebleu import sentence_chrf

    began = time.perf_counter()
    score = float(sentence_chrf(question.answer, [question.reference]).score)
    grade = min(5, 1 + int(score // BAND))
    return Reply(
        grade, f"chrF {score:.1f} of 100 (overlap with the reference, not quality)", time.perf_counter() - began
    )
