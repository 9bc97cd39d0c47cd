"""OpenAI's harmony format: a text of messages, each on a channel. `final` is the answer; analysis and commentary are thoughts.

    <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>

Source: OpenAI, "OpenAI harmony response format" (2025).
"""

import re
from dataclasses import dataclass

from qtui.thinking.tags import CHANNEL, ENDS, START

_TO_HEADER = r"(?:<\|channel\|>(?P<channel>[^<]*))?(?:<\|constrain\|>[^<]*)?<\|message\|>"
_FIRST_HEADER = re.compile(rf"\s*(?:<\|start\|>[^<]*)?{_TO_HEADER}")
_HEADER = re.compile(rf"<\|start\|>[^<]*{_TO_HEADER}")
_ENDS = re.compile(rf"(?:{'|'.join(map(re.escape, ENDS))})\s*$")
_UNFINISHED_HEADER = re.compile(r"<\|start\|>[^<]*(?:<\|channel\|>[^<]*)?$")
ANSWER_CHANNEL = "final"


@dataclass(frozen=True, slots=True)
class Message:
    """A message with its header and end in text[start:stop]; `content` is the part between them."""

    start: int
    stop: int
    content: str
    is_answer: bool
    has_ended: bool


def header_in_prompt(prompt: str) -> str:
    """Return the beginning of a message's header that a prompt ends with, empty if it ends otherwise.

    A template may end in `<|start|>assistant`, or name the channel, or begin the message.
    """
    place = prompt.rfind(START)
    tail = prompt[place:] if place >= 0 else ""
    if not tail.startswith(f"{START}assistant") or any(end in tail for end in ENDS):
        return ""
    return tail


def messages(text: str) -> list[Message]:
    """Return the messages of a text in this format; empty if the text is in another."""
    first = _FIRST_HEADER.match(text)
    if first is None:
        if text.lstrip().startswith(CHANNEL):  # cut off within its first header
            return [Message(0, len(text), "", is_answer=False, has_ended=False)]
        return []
    if CHANNEL not in first[0] and START not in first[0]:
        return []
    headers = [first, *_HEADER.finditer(text, first.end())]
    stops = [*(header.start() for header in headers[1:]), len(text)]
    return [_message(text, header, stop) for header, stop in zip(headers, stops, strict=True)]


def _message(text: str, header: re.Match[str], stop: int) -> Message:
    content = text[header.end() : stop]
    cut = _UNFINISHED_HEADER.search(content)  # the text is cut off within the header of a further message
    content = content[: cut.start()] if cut else content
    end = _ENDS.search(content)
    channel = (header["channel"] or ANSWER_CHANNEL).split()
    is_answer = bool(channel) and channel[0] == ANSWER_CHANNEL
    return Message(header.start(), stop, content[: end.start()] if end else content, is_answer, end is not None)
