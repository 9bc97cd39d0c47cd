"""Splits a model's text into its thoughts and its answer.

A thought counts where models write one: at the beginning of the text, directly after another thought, or at a place in the answer
where a sentence or line has ended. Tags in code and in quotation marks are text. Chat templates may open the thought themselves, so
that the text begins inside it: the prompt shows that, or a closing tag that nothing opened.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from operator import attrgetter

from qtui.thinking import harmony
from qtui.thinking.quoting import Region, is_within, quoting
from qtui.thinking.tags import ASIDES, KNOWN, SENTENCES, WRAPPERS, Tags

_SENTENCE_ENDS = ".!?。！？…"
_COLONS = (":", "：")
_BLANKS = " \t\r\n\f\v\u3000\ufeff"
_ATTRIBUTES = r"""(?:\s+[\w:-]+=(?:"[^"<>]*"|'[^'<>]*'|[\w.-]+))*\s*"""
NEARBY = 80
"""Characters around a tag that show whether it is used."""
NESTED = 32
"""Most tags of nested thoughts. A model in a loop may write thousands."""


@dataclass(frozen=True, slots=True)
class Split:
    """A model's text in two parts. A text without thoughts is its own answer, character by character."""

    answer: str
    """Without tags, and without the white space between a thought and the answer."""
    thinking: str = ""
    """All thoughts, without tags, with an empty line between two."""
    is_unfinished: bool = False
    """Whether the text ended inside a thought."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where the thoughts are in the text, with their tags: (start, stop) in characters; empty without thoughts."""
    begins_inside: bool = False
    """Whether the text begins inside a thought, which the prompt opened."""

    @property
    def has_markup(self) -> bool:
        """Whether the text has a thought, be it an empty one, or channels: then the answer is not the whole text."""
        return bool(self.spans)


def split(text: str, *, prompt: str = "", tags: Tags | None = None) -> Split:
    """Return thoughts and answer of a text.

    `prompt` is the rendered prompt, if it is known: its end may have opened the thought. `tags` are those that an experiment names;
    they are looked for before the known ones.
    """
    header = harmony.header_in_prompt(prompt)
    messages = harmony.messages(header + text)
    if messages:
        return _by_channels(messages, len(header), len(text))
    pairs = (tags, *KNOWN) if tags else KNOWN
    opened = next((pair for pair in pairs if prompt.rstrip().endswith(pair.opening)), None)
    if opened:
        again = _pattern(opened).match(text, len(text) - len(text.lstrip(_BLANKS)))
        is_again = again is not None and again.lastgroup == "opening"
        return _Scan(text, opened).split(inside=True, start=again.end() if again and is_again else 0)
    return _unopened(text, pairs)


def split_reply(text: str, objects: Sequence[Region]) -> Split:
    """Return thoughts and the rest of a judge's reply, of which only its objects count, at these regions of the text.

    A reply is not about tags, so each counts wherever it stands, but for those in the objects. The rest may have tags of another
    kind.
    """
    if messages := harmony.messages_of_reply(text, objects):
        return _by_channels(messages, 0, len(text))
    scans = [scan for pair in (*KNOWN, *ASIDES) if (scan := _Scan(text, pair, objects)).place is not None]
    first = min(scans, key=lambda scan: scan.place or 0, default=None)
    if first is None:
        return Split(text)
    return first.split(inside=first.begins_inside())


def opened_tags(text: str, *, prompt: str = "", tags: Tags | None = None) -> Tags | None:
    """Return the tags of the thought that the prompt opened or that the text begins with; None if there is none."""
    pairs = (tags, *KNOWN) if tags else KNOWN
    head = text.lstrip(_BLANKS)
    for pair in pairs:
        found = _pattern(pair).match(head)
        if prompt.rstrip().endswith(pair.opening) or (found and found.lastgroup == "opening"):
            return pair
    return None


def _by_channels(messages: Sequence[harmony.Message], before: int, length: int) -> Split:
    """Return the parts of a text that follows `before` characters of its first header, which are the prompt's."""
    thoughts = [message for message in messages if not message.is_answer]
    answers = [message for message in messages if message.is_answer]
    # Where thoughts and answer are on channels, the text up to the answer's content is no answer either.
    spans = [(max(0, each.start - before), min(length, max(0, each.stop - before))) for each in thoughts]
    return Split(
        answer="\n\n".join(each.content for each in answers),
        thinking=_joined(each.content for each in thoughts),
        is_unfinished=not messages[-1].is_answer and not messages[-1].has_ended,
        spans=tuple(spans) or ((0, 0),),
        begins_inside=before > 0 and not messages[0].is_answer and messages[0].start < before,
    )


def _unopened(text: str, pairs: Sequence[Tags]) -> Split:
    """Return the parts of a text whose prompt opened no thought, as far as is known."""
    lowered = text.lower()
    pairs = [pair for pair in pairs if any(tag.lower().rstrip(">") in lowered for tag in (pair.opening, pair.closing))]
    begin = len(text) - len(text.lstrip(_BLANKS))
    for pair in pairs:
        found = _pattern(pair).match(text, begin)
        if found and found.lastgroup == "opening":
            return _Scan(text, pair).split(inside=True, start=found.end())
    for pair in pairs:
        scan = _Scan(text, pair)
        if scan.begins_inside():
            return scan.split(inside=True)
        if scan.next_thought(0) is not None:
            return scan.split(inside=False)
    return _by_sentences(text, begin) or _without_thoughts(text, begin)


def _by_sentences(text: str, begin: int) -> Split | None:
    """Return the parts of a text that marks its thoughts by sentences; None if it does not. Only both of them show a thought."""
    for pair in SENTENCES:
        stop = text.find(pair.closing, begin) if text.startswith(pair.opening, begin) else -1
        if stop >= 0:
            answer = _whole_answer([text[stop + len(pair.closing) :]], is_first=False)
            thinking = text[begin + len(pair.opening) : stop].strip()
            return Split(answer, thinking, spans=((0, stop + len(pair.closing)),))
    return None


def _without_thoughts(text: str, begin: int) -> Split:
    """Return a text as an answer, without the special tokens that some models write around it."""
    if any(opening.startswith("<|") and text.startswith(opening, begin) for opening, _ in WRAPPERS):
        return Split(_whole_answer([text], is_first=False), spans=((0, 0),))
    return Split(text)


class _Scan:
    """One text, read with one pair of tags. With `objects` it is a judge's reply: see `split_reply`."""

    def __init__(self, text: str, pair: Tags, objects: Sequence[Region] | None = None) -> None:
        self.text = text
        self._pair = pair
        self._is_reply = objects is not None
        self._tags = _tags_in(text, pair) if objects is None else _tags_of_reply(text, pair, objects)
        self._last_closing = max((tag.start for tag in self._tags if not tag.is_opening), default=-1)

    @property
    def place(self) -> int | None:
        """Where the first tag stands that shows a thought; None if there is none."""
        shown = (tag.start for tag in self._tags if tag.is_opening or self._pair.closes_alone)
        return next(shown, None)

    def split(self, *, inside: bool, start: int = 0) -> Split:
        """Return the parts. `inside`: the text is inside a thought at `start`, where that thought's content begins."""
        thoughts: list[str] = []
        answer: list[str] = []
        spans: list[tuple[int, int]] = []
        begins_inside, begins_with_answer = inside and start == 0, not inside
        span_start, place = 0, start
        while True:
            if not inside:
                tag = self.next_thought(place)
                if tag is None:
                    answer.append(self.text[place:])
                    break
                part = self.text[place : tag.start]
                if not tag.is_opening:
                    # The model closed its thought once more: what is before was no answer yet, unless nothing follows.
                    follows = bool(self.text[tag.stop :].strip())
                    (thoughts if follows else answer).append(part)
                    spans.append((place if follows else tag.start, tag.stop))
                    place = tag.stop
                    continue
                answer.append(part)
                span_start, place = tag.start, tag.stop
            inside = False
            closing = self._closing_after(place)
            thoughts.append(self.text[place : len(self.text) if closing is None else closing.start])
            if closing is None:
                spans.append((span_start, len(self.text)))
                return Split(
                    _whole_answer(answer, begins_with_answer), _joined(thoughts), True, tuple(spans), begins_inside
                )
            place = closing.stop
            spans.append((span_start, place))
        return Split(_whole_answer(answer, begins_with_answer), _joined(thoughts), False, tuple(spans), begins_inside)

    def begins_inside(self) -> bool:
        """Whether a closing tag that nothing opened stands where a thought ends."""
        if not self._pair.closes_alone:
            return False
        depth = 0
        for tag in self._tags:
            if tag.is_opening:
                depth += 1
            elif depth:
                depth -= 1
            elif not tag.is_in_block and self._ends_thought(tag):
                return True
        return False

    def next_thought(self, start: int) -> "_Tag | None":
        """Return the tag that begins the next thought in the answer that begins at `start`; None if none follows.

        After a thought it may also be a closing tag that nothing opened, where a thought ends.
        """
        depth = 0
        for tag in self._tags_from(start):
            if tag.is_opening:
                follows_thought = start > 0 and not self.text[start : tag.start].strip()
                if follows_thought or (not tag.is_in_block and self._begins_thought(tag, start)):
                    return tag
                depth += 1
            elif depth:
                depth -= 1
            elif start > 0 and self._pair.closes_alone and not tag.is_in_block and self._ends_thought(tag):
                return tag
        return None

    def _tags_from(self, start: int) -> "Iterator[_Tag]":
        first = bisect_left(self._tags, start, key=attrgetter("start"))
        return (self._tags[index] for index in range(first, len(self._tags)))

    def _begins_thought(self, tag: "_Tag", start: int) -> bool:
        """Whether an opening tag in an answer stands where a sentence has ended, or begins a line that nothing announces."""
        if self._is_reply:
            return True
        before = self.text[max(start, tag.start - NEARBY) : tag.start]
        line_before = before.rstrip(" \t")
        if line_before.endswith("\n") or not line_before:
            return not line_before.rstrip().endswith(_COLONS)
        return line_before == before and before[-1] in _SENTENCE_ENDS and self._last_closing > tag.start

    def _ends_thought(self, tag: "_Tag") -> bool:
        """Whether a closing tag that nothing opened ends a thought. In a sentence that is about the tag, a space is before it."""
        if self._is_reply:
            return True
        before = self.text[max(0, tag.start - NEARBY) : tag.start]
        after = self.text[tag.stop : tag.stop + NEARBY].lstrip(" \t")
        line_before = before.rstrip(" \t")
        if not line_before or line_before.endswith("\n"):
            return not line_before.rstrip().endswith(_COLONS)
        return line_before == before or line_before[-1] in _SENTENCE_ENDS or not after or after[0] == "\n"

    def _closing_after(self, start: int) -> "_Tag | None":
        """Return the tag that ends the thought whose content begins at `start`; None if the thought is unfinished.

        A thought may end within a block of code that it never closed: a tag in a block counts only if there is none outside.
        """
        closing = next((tag for tag in self._tags_from(start) if not tag.is_opening and not tag.is_in_block), None)
        if closing is None:
            return next((tag for tag in self._tags_from(start) if not tag.is_opening), None)
        return self._matching(start) or closing

    def _matching(self, start: int) -> "_Tag | None":
        """Return the closing tag of a thought in which others are nested; None if the tags nearby are not balanced."""
        depth = 1
        for tag in islice(self._tags_from(start), NESTED):
            if not tag.is_in_block:
                depth += 1 if tag.is_opening else -1
            if depth == 0:
                return tag
        return None


@dataclass(frozen=True, slots=True)
class _Tag:
    """A tag in text[start:stop] that is not quoted."""

    start: int
    stop: int
    is_opening: bool
    is_in_block: bool


def _tags_in(text: str, pair: Tags) -> "list[_Tag]":
    code = quoting(text, (pair.opening, pair.closing))
    return [
        _Tag(*found.span(), found.lastgroup == "opening", code.is_in_block(found.start()))
        for found in _pattern(pair).finditer(text)
        if not code.is_quoted(*found.span())
    ]


def _tags_of_reply(text: str, pair: Tags, objects: Sequence[Region]) -> "list[_Tag]":
    return [
        _Tag(*found.span(), found.lastgroup == "opening", is_in_block=False)
        for found in _pattern(pair).finditer(text)
        if not is_within(objects, found.start())
    ]


@cache
def _pattern(pair: Tags) -> re.Pattern[str]:
    """Return what matches the tags as models write them: in capitals, too, and with attributes; the group says which one."""
    tags = {"opening": pair.opening, "closing": pair.closing}
    # A tag that an experiment names may contain the other one: the longer counts.
    longer_first = sorted(tags, key=lambda name: len(tags[name]), reverse=True)
    parts = (f"(?P<{name}>{_with_attributes(tags[name])})" for name in longer_first)
    return re.compile("|".join(parts), re.IGNORECASE)


def _with_attributes(tag: str) -> str:
    return f"{re.escape(tag[:-1])}{_ATTRIBUTES}>" if re.fullmatch(r"</?[\w:]+>", tag) else re.escape(tag)


def _whole_answer(parts: Sequence[str], is_first: bool) -> str:
    """Return the parts of an answer in one. White space before it is the thought's unless the answer `is_first`."""
    answer = "".join(parts)
    if is_first:
        return answer
    answer = answer.lstrip()
    for opening, closing in WRAPPERS:
        is_closed = answer.rstrip().lower().endswith(closing.lower())
        if answer.lower().startswith(opening.lower()) and (opening or is_closed):
            inner = answer[len(opening) :].rstrip()
            return (inner[: -len(closing)] if is_closed else inner).strip()
    return answer


def _joined(thoughts: Iterable[str]) -> str:
    return "\n\n".join(stripped for each in thoughts if (stripped := each.strip()))
