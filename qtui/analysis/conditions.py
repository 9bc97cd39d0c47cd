"""Were baseline and candidate run under the same conditions? Only then is their difference about quantization.

A difference in prompt, sampling or task set confounds a comparison: the 2024 study sampled some baselines and decoded the others
greedily, and exactly the sampled ones got shorter after quantization. So
does a difference in how the sides are to think. A different engine is only noted, because a control arm
measures its effect. A condition that nobody recorded (of an import) is unknown and only noted.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.pairing import Pair
from qtui.analysis.thinking import settings_apart
from qtui.format import THINKING_SETTINGS
from qtui.records import UNKNOWN

OWN = "the endpoint's own"
"""In place of a setting that an endpoint refused."""
OFF: dict[str, float] = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""Values with which a filter does nothing."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the two sides differ: `confounded` are differences that forbid a verdict about quantization, `notes` the others."""

    confounded: tuple[str, ...]
    notes: tuple[str, ...]
    asked_bare: str = ""
    """Why the model seems trained for chat although a side was asked without a chat template; empty if neither was."""


def compare(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Conditions:
    """Compare two rows of the frame `conditions`, which `results.frames` makes.

    A missing key is unknown, but `thinking` is empty where nothing is set.

    `sampling` is JSON text; differing keys are named. A different seed is ignored if both sides are greedy and noted otherwise.
    `left_out` are the settings that a side's endpoint refused (names with commas): there its own value was in force, which is not
    known. That confounds, if the other side had the setting, unless it was only a filter that could not be switched off.
    Different slot counts on the same engine are noted: neither should matter, and the noise floor, which differs in one of them,
    shows whether it does.
    """
    confounded: list[str] = []
    notes: list[str] = []
    unknown: list[str] = []
    for name, label in (("prompt", "prompt"), ("sampling", "sampling"), ("task_set", "task set")):
        before, after = _if_known(baseline.get(name)), _if_known(candidate.get(name))
        if before is None or after is None:
            unknown.append(label)
        elif name == "sampling":
            differences, seed = _sampling(
                _in_force(before, baseline.get("left_out")), _in_force(after, candidate.get("left_out"))
            )
            confounded += differences
            notes += [*seed, *_left_out_notes(baseline, candidate)]
        elif before != after:
            confounded.append(f"{label} {before[:12]} vs {after[:12]}")
    confounded += settings_apart(baseline, candidate)
    confounded += _untaken_thinking(baseline, candidate)
    if unknown:
        notes.append(f"unknown settings: {', '.join(unknown)}")
    engines = _if_known(baseline.get("engine")), _if_known(candidate.get("engine"))
    if None not in engines and engines[0] != engines[1]:
        notes.append(f"different engines: {engines[0]} vs {engines[1]}")
    slots = _if_known(baseline.get("slots")), _if_known(candidate.get("slots"))
    if engines[0] == engines[1] and None not in slots and slots[0] != slots[1]:
        notes.append(f"different slot counts: {slots[0]} vs {slots[1]}")
    for side, row in (("baseline", baseline), ("candidate", candidate)):
        if computed_as := _if_known(row.get("computed_as")):
            notes.append(f"the {side}'s weights were computed as {computed_as}")
    asked_bare = _if_known(baseline.get("asked_bare")) or _if_known(candidate.get("asked_bare")) or ""
    return Conditions(tuple(confounded), tuple(notes), asked_bare)


def prompt_difference(pair: Pair) -> str | None:
    """Return in how many tasks the prompt tokens of the two sides differ, with the first as an example; None if in none.

    The same text can become different tokens (a second BOS, a file that names a wrong tokenizer), which a comparison of texts
    misses. Token ids are compared if both sides have them, else the numbers of tokens; an import has neither.
    """
    answers = pair.answers
    hashes = [answers[f"prompt_ids_hash_{side}"].fillna("").astype(str).to_numpy() for side in "bc"]
    numbers = [_counts(answers[f"prompt_tokens_{side}"]) for side in "bc"]
    have_ids = (hashes[0] != "") & (hashes[1] != "")
    other_number = np.isfinite(numbers[0]) & np.isfinite(numbers[1]) & (numbers[0] != numbers[1])
    apart = np.flatnonzero(np.where(have_ids, hashes[0] != hashes[1], other_number))
    if not apart.size:
        return None
    tasks = answers["task"].to_numpy()
    first = apart[0]
    before, after = numbers[0][first], numbers[1][first]
    how = f"{before:.0f} vs {after:.0f} tokens" if other_number[first] else "same count, different ids"
    return f"prompt tokens differ in {np.unique(tasks[apart]).size} of {pair.tasks.size} tasks, e.g. task {tasks[first]}: {how}"


def _counts(column: "pd.Series[Any]") -> npt.NDArray[np.float64]:
    """Return numbers of tokens, NaN where unknown: 0 comes from endpoints that do not count, since no prompt is empty."""
    counts = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    return np.where(counts > 0, counts, np.nan)


def _in_force(sampling: str, left_out: Any) -> str:
    """Return the sampling with the settings that were in force: those that the endpoint refused have its own value."""
    names, values = _names(left_out), _values(sampling)
    own = {name: OWN for name in names if name in values and values[name] != OFF.get(name)}
    return json.dumps(values | own, ensure_ascii=False, sort_keys=True) if own else sampling


def _untaken_thinking(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[str]:
    """Return which settings of thinking only one side's endpoint refused: the other side thinks as asked."""
    before, after = (set(_names(side.get("left_out"))) & set(THINKING_SETTINGS) for side in (baseline, candidate))
    refusals = {"the baseline's": before - after, "the candidate's": after - before}
    return [
        f"thinking as asked on one side only ({whose} endpoint does not take {' and '.join(sorted(names))})"
        for whose, names in refusals.items()
        if names
    ]


def _left_out_notes(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[str]:
    """Return what the endpoints of the sides refused, as notes."""
    sides = {"baseline": _names(baseline.get("left_out")), "candidate": _names(candidate.get("left_out"))}
    if sides["baseline"] == sides["candidate"]:
        sides = {"both sides": sides["baseline"]}
    return [
        f"not taken by the endpoint, whose own values applied ({side}): {', '.join(names)}"
        for side, names in sides.items()
        if names
    ]


def _names(left_out: Any) -> list[str]:
    known = _if_known(left_out)
    return known.split(",") if known else []


def _values(sampling: str) -> dict[str, Any]:
    try:
        values = json.loads(sampling)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


def _if_known(value: Any) -> str | None:
    if value is None or value != value or value in ("", UNKNOWN):  # noqa: PLR0124 - NaN is what a frame has for missing
        return None
    return str(value)


def _sampling(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return (confounding differences, notes)."""
    if before == after:
        return [], []
    try:
        b, a = json.loads(before), json.loads(after)
    except ValueError:
        return ["sampling differs"], []
    if not isinstance(b, dict) or not isinstance(a, dict):
        return [f"sampling {before} vs {after}"], []
    keys = [key for key in sorted({*b, *a}) if b.get(key) != a.get(key)]
    greedy = b.get("temperature") == 0 and a.get("temperature") == 0
    seed = [f"different seeds: {_shown(b, 'seed')} vs {_shown(a, 'seed')}"] if "seed" in keys and not greedy else []
    return [f"{key} {_shown(b, key)} vs {_shown(a, key)}" for key in keys if key != "seed"], seed


def _shown(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
