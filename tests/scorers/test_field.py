"""The same scores as the field's own programs, on made-up answers.

`field.jsonl` has scores by lm-evaluation-harness 0.4.13 (exact match, the filters of GSM8K, MGSM of its Japanese leaderboard,
SQuAD's normalization), rouge-score 0.1.2 and sacrebleu; `ifeval.jsonl` has the verdicts of IFEval's checks in the same harness.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from qtui.scorers.instructions.scoring import CHECKS
from tests.scorers.ask import ask


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()]


def test_scores_are_those_of_the_fields_programs() -> None:
    differing = []
    for row in rows("field.jsonl"):
        found = ask(row["kind"], row["answer"], row["reference"], **row["settings"]).score
        if found != pytest.approx(row["score"], abs=1e-8):
            differing.append((row, found))
    assert not differing


@pytest.mark.parametrize("strictness", ["strict", "loose"])
def test_instructions_are_followed_where_ifeval_says_so(strictness: str) -> None:
    differing = []
    for row in rows("ifeval.jsonl"):
        checks = json.dumps([{"id": row["id"], "kwargs": row["kwargs"]}])
        found = ask("instructions", row["answer"], checks=checks, strictness=strictness)
        if found.score != float(row[strictness]):
            differing.append((row, found))
    assert not differing


def test_every_instruction_of_ifeval_but_sentences_is_among_them() -> None:
    """NLTK's model of sentences needs a download, so qtui counts them otherwise: `test_instructions.py`."""
    compared = {row["id"] for row in rows("ifeval.jsonl")}
    assert {name for name in CHECKS if not name.startswith(("ja:", "qtui:"))} - compared == {
        "length_constraints:number_sentences"
    }
