"""One architecture of each make goes through both engines; `make docs` puts the others through."""

from pathlib import Path

import pytest

from tests.zoo.kinds import KINDS, Kind
from tests.zoo.trial import put_through

TRIED = (
    "Llama 3", "Mistral Small 3.1", "Qwen3.5", "Gemma 3", "Gemma 4", "gpt-oss", "DeepSeek V3 / R1", "LFM2", "Granite 4",
    "Falcon-H1", "Mamba", "Nemotron-H", "Nemotron 3 Nano",
)  # fmt: skip
"""One of each: dense, with images, delta net, sliding window, shared keys, harmony, MLA, convolution, four of recurrent state, and
one of these without experts."""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in TRIED], ids=lambda kind: kind.slug)
def test_both_engines_agree_on_prompts_tokens_ends_and_answers_alone_and_in_a_batch(
    kind: Kind, home: Path, sources: Path
) -> None:
    assert put_through(kind, home, sources).faults == []


def test_names_of_families_are_unique() -> None:
    assert len({kind.slug for kind in KINDS}) == len(KINDS)
    assert {kind.name for kind in KINDS} >= set(TRIED)
