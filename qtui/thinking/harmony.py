"""OpenAI's harmony format: a text of messages, each on a channel. `final` is the answer; analysis and commentary are thoughts.

    <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>

Where a server removes the special tokens, the names are left: `analysis…assistantfinal…`.

Source: OpenAI, "OpenAI harmony response format" (2025).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qtui.thinking.quoting import Region, is_within
from qtui.thinking.tags import CHANNEL, ENDS, START

_TO_HEADER = r"(?:<\|channel\|>(?P<channel>[^<]*))?(?:<\|constrain\|>[^<]*)?<\|message\|>"
_FIRST_HEADER = re.compile(rf"\s*(?:<\|start\|>[^<]*)?{_TO_HEADER}")
_HEADER = re.compile(rf"<\|start\|>[^<]*{_TO_HEADER}")
_ANY_HEADER = re.compile(rf"(?:<\|start\|>[^<]*)?(?=<\|channel\|>){_TO_HEADER}")
_ENDS = re.compile(rf"(?:{'|'.join(map(re.escape, ENDS))})\s*$")
_UNFINISHED_HEADER = re.compile(r"<\|start\|>[^<]*(?:<\|channel\|>[^<]*)?$")
_BARE_START = re.compile(r"\s*analysis(?=[^\s.,:;：、。])")
_BARE_THOUGHT = re.compile(r"\s*analysis(?=[A-Z{\u3040-\u9fff])")
"""How a message begins that has no answer yet: `analysis` and, without a space, a first word."""
_BARE_HEADER = re.compile(r"assistant\s?(analysis|commentary|final)")
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
        return _without_first_header(text) or _bare_messages(text)
    if CHANNEL not in first[0] and START not in first[0]:
        return []
    return _messages(text, [first, *_HEADER.finditer(text, first.end())])


def _messages(text: str, headers: list[re.Match[str]]) -> list[Message]:
    stops = [*(header.start() for header in headers[1:]), len(text)]
    return [_message(text, header, stop) for header, stop in zip(headers, stops, strict=True)]


def _without_first_header(text: str) -> list[Message]:
    """Return the messages of a text whose first header is in an unknown prompt; empty if no other header follows an end."""
    headers = list(_HEADER.finditer(text))
    if not headers or not _ENDS.search(text, 0, headers[0].start()):
        return []
    return _after_thought(text, headers)


def messages_of_reply(text: str, objects: Sequence[Region]) -> list[Message]:
    """Return the messages of a text in which any header outside of these regions counts.

    What is before the first one is a thought.
    """
    headers = [header for header in _ANY_HEADER.finditer(text) if not is_within(objects, header.start())]
    return messages(text) or (_after_thought(text, headers) if headers else [])


def _after_thought(text: str, headers: list[re.Match[str]]) -> list[Message]:
    before = text[: headers[0].start()]
    return [Message(0, len(before), _ENDS.sub("", before), is_answer=False, has_ended=True), *_messages(text, headers)]


def _bare_messages(text: str) -> list[Message]:
    """Return the messages of a text without special tokens; empty if it is in another format."""
    start = _BARE_START.match(text)
    headers = list(_BARE_HEADER.finditer(text)) if start else []
    has_answer = any(header[1] == ANSWER_CHANNEL for header in headers)
    if start is None or not (has_answer or _BARE_THOUGHT.match(text)):
        return []
    # What follows the answer's header is the answer, whatever it is about.
    last = next((i for i, header in enumerate(headers) if header[1] == ANSWER_CHANNEL), len(headers))
    headers = headers[: last + 1]
    begins = [start, *headers]
    stops = [*(header.start() for header in headers), len(text)]
    return [
        Message(begin.start(), stop, text[begin.end() : stop], is_answer, has_ended=stop < len(text))
        for begin, stop in zip(begins, stops, strict=True)
        for is_answer in (begin.re is _BARE_HEADER and begin[1] == ANSWER_CHANNEL,)
    ]


def _message(text: str, header: re.Match[str], stop: int) -> Message:
    content = text[header.end() : stop]
    cut = _UNFINISHED_HEADER.search(content)  # the text is cut off within the header of a further message
    content = content[: cut.start()] if cut else content
    end = _ENDS.search(content)
    channel = (header["channel"] or ANSWER_CHANNEL).split()
    is_answer = bool(channel) and channel[0] == ANSWER_CHANNEL
    return Message(header.start(), stop, content[: end.start()] if end else content, is_answer, end is not None)
