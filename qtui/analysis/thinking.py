"""Do both sides think? Sides that think differently are compared in more than their weights.

The settings show what was asked for, the answers what happened: a server may ignore a switch, and hide the thoughts.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qtui.analysis.pairing import Pair
from qtui.records import UNKNOWN
from qtui.thinking import following

APART = 0.5
"""Smallest difference between the shares of answers with thoughts at which the sides think differently.

A model that may choose thinks in more tasks or fewer after quantization, which belongs to what is measured.
"""


@dataclass(frozen=True, slots=True)
class ThinkingDifference:
    """How the sides differ in thinking: `confounded` forbids a verdict about quantization, `notes` do not."""

    confounded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def settings_apart(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> list[str]:
    """Return how the settings of thinking differ; empty if they are the same or have no effect.

    Where qtui renders the prompts, these show what a template makes of the settings: same prompts, same thinking, but for a budget.
    """
    before, after = (_settings(side) for side in (baseline, candidate))
    names = ["budget"] if _has_same_rendered_prompts(baseline, candidate) else sorted({*before, *after})
    return [
        f"{'thinking' if name == 'thinking' else f'thinking ({name})'} {_asked(before, name)} vs {_asked(after, name)}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def answers_apart(pair: Pair, baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> ThinkingDifference:
    """Return what the answers show: a side that does not do what its setting says, and sides of which only one thinks.

    On the same prompts that is the model's own change, and a note. It confounds if a side's server may have made its own prompt,
    or if one side does what its setting says and the other does not.
    """
    n = len(pair.answers)
    sides = {"baseline": baseline, "candidate": candidate}
    thought = {side: int(pair.answers[f"has_thoughts_{side[0]}"].sum()) for side in sides}
    happened = {
        side: following.what_happened(_text(row), thought[side], n, is_endpoint=row.get("engine") == "openai")
        for side, row in sides.items()
    }
    notes = [f"{side}: {sentence}" for side, sentence in happened.items() if sentence]
    if not n or abs(thought["baseline"] - thought["candidate"]) < APART * n:
        return ThinkingDifference(notes=tuple(notes))
    apart = f"thoughts in {thought['baseline']} vs {thought['candidate']} of {n} answers"
    follows = [not sentence for sentence in happened.values()]
    is_confounded = follows[0] != follows[1] or any(row.get("engine") == "openai" for row in sides.values())
    if is_confounded:
        return ThinkingDifference((apart,), tuple(notes))
    return ThinkingDifference(notes=(*notes, apart))


def _has_same_rendered_prompts(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> bool:
    if not all(side.get("engine") in ("transformers", "llama.cpp") for side in (baseline, candidate)):
        return False
    prompts = baseline.get("prompt"), candidate.get("prompt")
    return prompts[0] == prompts[1] and isinstance(prompts[0], str) and prompts[0] not in ("", UNKNOWN)


def _text(side: Mapping[str, Any]) -> str:
    """Return the condition as text, empty if nothing is set or known. A frame has NaN for what is missing."""
    text = side.get("thinking")
    return text if isinstance(text, str) and text != UNKNOWN else ""


def _settings(side: Mapping[str, Any]) -> dict[str, Any]:
    text = _text(side)
    values = json.loads(text) if text else {}
    return values if isinstance(values, dict) else {}


def _asked(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return "not set" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
