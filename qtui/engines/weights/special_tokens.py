"""Which tokens of a vocabulary have no text in an answer, and which mark its channels: by their texts, the same for every engine.

transformers goes by a flag in a checkpoint's files. llama.cpp goes by a type in the GGUF file, which its converter sets by flag and
by text, and changes some types when it loads a file. So the same token would be text on one engine and nothing on the other.
"""

import re
from collections.abc import Container

_CHANNEL_MARKERS = ("<|start|>", "<|channel|>", "<|message|>", "<|constrain|>")
"""Harmony: what a message is, and for whom."""
_TURNED_MARKERS = ("<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<tool_response|>", '<|"|>')
"""The same of Gemma 4."""
END_OF_MESSAGE = "<|end|>"
_END_OF_ANSWER = (("<|return|>", "<|call|>"), ("<|calls|>", "<|flush|>"))
"""Tokens of vocabularies where `END_OF_MESSAGE` ends a message and not the answer: gpt-oss, Solar Open."""

_LOOKS_SPECIAL = re.compile(r"^(<\|.*>|<.*\|>|<｜.*｜>|<unused.*>|<pad>|<mask>)$", re.DOTALL)
"""A rule like that of llama.cpp's converter for added tokens whose checkpoint does not call them special."""


def markers_among(vocabulary: Container[str]) -> tuple[str, ...]:
    """Return those special tokens of a vocabulary that are text in an answer: they tell thoughts from the answer."""
    names = [*_CHANNEL_MARKERS, *_TURNED_MARKERS]
    if message_ends_within_answer(vocabulary):
        names.append(END_OF_MESSAGE)
    return tuple(name for name in names if name in vocabulary)


def possible_markers() -> tuple[str, ...]:
    """Return every text that `markers_among` needs to know of."""
    return (*_CHANNEL_MARKERS, *_TURNED_MARKERS, END_OF_MESSAGE, *(text for pair in _END_OF_ANSWER for text in pair))


def message_ends_within_answer(vocabulary: Container[str]) -> bool:
    """Whether `END_OF_MESSAGE` ends only a message of an answer."""
    return END_OF_MESSAGE in vocabulary and any(all(text in vocabulary for text in pair) for pair in _END_OF_ANSWER)


def looks_special(text: str) -> bool:
    """Whether an added token has no text in an answer although its checkpoint does not call it special."""
    return bool(_LOOKS_SPECIAL.match(text))
