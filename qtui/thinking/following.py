"""Does a model do what its variant says about thinking? Its template may read the switch, and the model may not care.

Whether the answers have thoughts is known only from the answers. What was asked for and did not happen is said in a sentence: a
verdict, a length or a cost is else read as that of a model that thinks, or of one that does not.
"""

import json
from typing import Any

SWITCHES = ("enable_thinking", "thinking", "reasoning")
"""Variables of chat templates that are true or false: Qwen, GLM, SmolLM3, EXAONE; DeepSeek V3.1, Granite, Kimi; Command A."""
EFFORT = "reasoning_effort"
"""gpt-oss, LLM-jp-4, Mistral."""
BUDGET = "thinking_budget"
"""Seed-OSS; 0 means no thoughts."""
NO_EFFORT = "none"


def what_happened(conditions: str, thought: int, answered: int, *, is_endpoint: bool) -> str:
    """Return a sentence if `thought` of the `answered` answers do not fit the settings of a variant; empty if they fit.

    `conditions` are `VariantSpec.thinking_conditions`. A model that is to think may leave it out in some answers.
    """
    asked, words = _asked(conditions)
    if asked is None or not answered or asked == (thought > 0):
        return ""
    if not asked:
        return f"{words}, but the model thought in {thought} of {answered} answers"
    why = (
        "the endpoint hides them, or the model did not think"
        if is_endpoint
        else "the model did not think, or it marks its thoughts by tags that qtui does not know (thinking_tags names them)"
    )
    return f"{words}, but none of {answered} answers has thoughts: {why}"


def _asked(conditions: str) -> tuple[bool | None, str]:
    """Return whether a variant is to think, None if its experiment does not say, and the setting that says so."""
    values = json.loads(conditions) if conditions else {}
    thinking, budget = values.get("thinking"), values.get("budget")
    if thinking is not None:
        return thinking is not False, f"thinking = {json.dumps(thinking)}"
    for name, value in (values.get("template_args") or {}).items():
        if (asked := _asked_by_variable(name, value)) is not None:
            return asked, f"{name} = {json.dumps(value, ensure_ascii=False)}"
    return (None, "") if budget is None else (True, f"thinking_budget = {budget}")


def _asked_by_variable(name: str, value: Any) -> bool | None:
    if name in SWITCHES and isinstance(value, bool):
        return value
    if name == EFFORT and isinstance(value, str):
        return value != NO_EFFORT
    return value != 0 if name == BUDGET and isinstance(value, int) else None
