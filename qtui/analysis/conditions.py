"""Were baseline and candidate run under the same conditions? Only then is their difference about quantization.

A difference in prompt, sampling or task set confounds a comparison: the study that qtui comes from sampled some baselines and not
others, and exactly those got shorter after quantization. Another engine is worth a note and no more, since a control arm exists for
it. What nobody recorded (an import) is called unknown and is neither held against a comparison nor for it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from qtui.analysis.pairing import Pair

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the two sides differ: `confounded` forbids a verdict about quantization, `notes` are for the reader."""

    confounded: tuple[str, ...]
    notes: tuple[str, ...]


def compare(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Conditions:
    """Compare two rows of the frame `conditions` (engine, prompt, sampling, task_set); a missing key is unknown.

    `sampling` is JSON text; differing keys are named. A seed says nothing when both sides are greedy, and is a note otherwise.
    """
    confounded: list[str] = []
    notes: list[str] = []
    unknown: list[str] = []
    for name, label in (("prompt", "prompt"), ("sampling", "sampling"), ("task_set", "task set")):
        before, after = _known(baseline.get(name)), _known(candidate.get(name))
        if before is None or after is None:
            unknown.append(label)
        elif name == "sampling":
            differences, seed = _sampling(before, after)
            confounded += differences
            notes += seed
        elif before != after:
            confounded.append(f"{label} {before[:12]} against {after[:12]}")
    if unknown:
        notes.append(f"unknown settings: {', '.join(unknown)}")
    engines = _known(baseline.get("engine")), _known(candidate.get("engine"))
    if None not in engines and engines[0] != engines[1]:
        notes.append(f"another engine: {engines[0]} against {engines[1]}")
    return Conditions(tuple(confounded), tuple(notes))


def prompts_apart(pair: Pair) -> str | None:
    """How the prompts differ once they are tokens, or None: by their numbers of tokens, where both are known.

    The same text can become other tokens on the other side (a second BOS, another tokenizer in a file), which no comparison of
    texts shows. An import does not know the numbers.
    """
    columns = (pair.answers[f"prompt_tokens_{side}"] for side in "bc")
    before, after = (pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64) for column in columns)
    apart = np.flatnonzero(np.isfinite(before) & np.isfinite(after) & (before != after))
    if not apart.size:
        return None
    first = apart[0]
    task = pair.answers["task"].iloc[first]
    return (
        f"prompts of other tokens in {apart.size} of {before.size} answers"
        f" (task {task}: {before[first]:.0f} against {after[first]:.0f})"
    )


def _known(value: Any) -> str | None:
    if value is None or value != value or value in ("", UNKNOWN):  # noqa: PLR0124 - NaN is what a frame has for missing
        return None
    return str(value)


def _sampling(before: str, after: str) -> tuple[list[str], list[str]]:
    """(confounding differences, notes)"""
    if before == after:
        return [], []
    try:
        b, a = json.loads(before), json.loads(after)
    except ValueError:
        return ["sampling differs"], []
    if not isinstance(b, dict) or not isinstance(a, dict):
        return [f"sampling {before} against {after}"], []
    keys = [key for key in sorted({*b, *a}) if b.get(key) != a.get(key)]
    greedy = b.get("temperature") == 0 and a.get("temperature") == 0
    seed = [f"another seed: {_shown(b, 'seed')} against {_shown(a, 'seed')}"] if "seed" in keys and not greedy else []
    return [f"{key} {_shown(b, key)} against {_shown(a, key)}" for key in keys if key != "seed"], seed


def _shown(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
