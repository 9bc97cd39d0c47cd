"""The process that compares two variants, over real pipes, with answers of a test's own making."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtui.engines.protocol.answering import Failed, Item, MissingItems, encode
from qtui.engines.protocol.divergence import (
    BaselineAnswer,
    Comparison,
    ContentKeys,
    FromDivergence,
    MeasuredAnswer,
    decode,
)
from qtui.records import AnswerDivergence, PromptSource, Sampling, VariantSpec

Texts = Sequence[tuple[str, str]]
"""(the task's input, the baseline's answer)."""


def comparison(
    baseline: VariantSpec,
    candidate: VariantSpec,
    texts: Texts,
    *,
    finish: str = "stop",
    stop: tuple[str, ...] = (),
    completion_tokens: int | None = None,
    prompt: PromptSource | None = None,
) -> Comparison:
    given = [BaselineAnswer(i, f"answer {i}", text, finish, completion_tokens) for i, (_, text) in enumerate(texts)]  # type: ignore[arg-type]
    return Comparison(
        baseline,
        candidate,
        Sampling(stop=stop),
        prompt or PromptSource(weights=baseline.weights),
        [Item(task, 0, text) for task, (text, _) in enumerate(texts, 1)],
        given,
    )


def heard(asked: Comparison, log: Path, wanted: Sequence[int] | None = None) -> Iterator[FromDivergence]:
    """All that the process says; by default every answer is wanted, in the order given."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "qtui.engines.processes.divergence"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(encode(asked))
        process.stdin.flush()
        for line in process.stdout:
            message = decode(line)
            yield message
            if isinstance(message, ContentKeys):
                process.stdin.write(encode(MissingItems(list(range(len(asked.answers)) if wanted is None else wanted))))
                process.stdin.flush()
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def measured(asked: Comparison, log: Path, wanted: Sequence[int] | None = None) -> dict[int, AnswerDivergence]:
    """By index of the answer. Fails with the process's own reason."""
    found = {}
    for message in heard(asked, log, wanted):
        assert not isinstance(message, Failed), message.reason
        if isinstance(message, MeasuredAnswer):
            found[message.index] = message.divergence
    return found


def failure(asked: Comparison, log: Path) -> str:
    return next(message.reason for message in heard(asked, log) if isinstance(message, Failed))


def kl(divergence: AnswerDivergence) -> NDArray[np.float32]:
    return np.frombuffer(divergence.kl, "<f4")


def logp(divergence: AnswerDivergence) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return np.frombuffer(divergence.baseline_logp, "<f4"), np.frombuffer(divergence.candidate_logp, "<f4")


def mean_kl(found: dict[int, AnswerDivergence]) -> float:
    return float(np.concatenate([kl(each) for each in found.values()]).mean(dtype=np.float64))
