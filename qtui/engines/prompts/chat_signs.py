"""Is a model without a chat template one that was trained for chat? Its name and its end tokens show it.

Asked with bare tasks such a model answers, only worse and longer, and nobody sees why. A base model is rightly asked so.
"""

import re
from collections.abc import Iterable

from qtui.engines.weights.prompt_format import PromptFormat
from qtui.records import PromptSource, VariantSpec

_NAME = re.compile(
    r"(?:^|[^a-z])(?:instruct|instruction|chat|sft|dpo|orpo|rlhf|rlvr|assistant|tulu|vicuna|zephyr|hermes|alpaca)(?:$|[^a-z])"
    r"|(?<=\db)[-_]it(?:$|[^a-z])",
    re.IGNORECASE,
)
_TURN_ENDS = frozenset(
    (
        "<|im_end|>",
        "<|eot_id|>",
        "<|eot|>",
        "<|end|>",
        "<|return|>",
        "<end_of_turn>",
        "<turn|>",
        "<|eom_id|>",
        "<|END_OF_TURN_TOKEN|>",
    )
)
"""End tokens that end a turn of a chat, and not a text."""


def why_asked_bare(variant: VariantSpec, prompt: PromptSource, prompt_format: PromptFormat) -> str:
    """Return what shows that the model is trained for chat, if nothing gives its prompts a template; else empty.

    An experiment that names the prompt `plain` wants bare tasks.
    """
    if prompt_format.template or prompt.template is not None:
        return ""
    weights = prompt.weights or variant.weights
    names = (variant.model, weights.rsplit("/", 1)[-1], prompt_format.source, prompt_format.model_name)
    return why_chat(filter(None, names), prompt_format.named_end_tokens)


def why_chat(names: Iterable[str], end_tokens: Iterable[str]) -> str:
    """Return what shows that a model was trained for chat, as a clause; empty if nothing does.

    `names` are those of the model and its files, `end_tokens` those that its files name as the end of an answer.
    """
    for name in names:
        if _NAME.search(name):
            return f'its name "{name}" is that of a model trained for chat; name its prompt in the experiment'
    ends = sorted(_TURN_ENDS.intersection(end_tokens))
    return (
        f"its answers end with {ends[0]}, the end of a chat's turn; name its prompt in the experiment" if ends else ""
    )
