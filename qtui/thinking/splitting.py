"""Splits a model's text into its thoughts and its answer.

A thought counts where models write one: at the beginning of the text, directly after another thought, or at a place in the answer
where a sentence or line has ended. Tags in code and in quotation marks are text. Chat templates may open the thought themselves, so
that the text begins inside it: the prompt shows that, or a closing tag that nothing opened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from qtui.thinking import harmony
from qtui.thinking.quoting import Quoting, quoting
from qtui.thinking.tags import KNOWN, WRAPPERS, Tags

_SENTENCE_ENDS = ".!?。！？…"
_COLONS = (":", "：")


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
        return _Scan(text, opened).split(inside=True)
    return _unopened(text, pairs)


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
    head = text.lstrip()
    for pair in pairs:
        if head.startswith(pair.opening):
            start = len(text) - len(head) + len(pair.opening)
            return _Scan(text, pair).split(inside=True, start=start)
    for pair in pairs:
        if pair.closing not in text and pair.opening not in text:
            continue
        scan = _Scan(text, pair)
        if scan.begins_inside():
            return scan.split(inside=True)
        if scan.next_opening(0) is not None:
            return scan.split(inside=False)
    return Split(text)


class _Scan:
    """One text, read with one pair of tags."""

    def __init__(self, text: str, pair: Tags) -> None:
        self.text = text
        self.opening, self.closing = pair.opening, pair.closing

    def split(self, *, inside: bool, start: int = 0) -> Split:
        """Return the parts. `inside`: the text is inside a thought at `start`, where that thought's content begins."""
        thoughts: list[str] = []
        answer: list[str] = []
        spans: list[tuple[int, int]] = []
        begins_inside, begins_with_answer = inside and start == 0, not inside
        span_start, place = 0, start
        while True:
            if not inside:
                opening = self.next_opening(place)
                answer.append(self.text[place : len(self.text) if opening is None else opening])
                if opening is None:
                    break
                span_start, place = opening, opening + len(self.opening)
            inside = False
            closing = self._closing_after(place)
            thoughts.append(self.text[place : len(self.text) if closing is None else closing])
            if closing is None:
                spans.append((span_start, len(self.text)))
                return Split(
                    _whole_answer(answer, begins_with_answer), _joined(thoughts), True, tuple(spans), begins_inside
                )
            place = closing + len(self.closing)
            spans.append((span_start, place))
        return Split(_whole_answer(answer, begins_with_answer), _joined(thoughts), False, tuple(spans), begins_inside)

    def begins_inside(self) -> bool:
        """Whether the first tag that is used and not quoted is a closing one at a place where a thought ends."""
        code = quoting(self.text)
        depth = 0
        for place, is_opening in self._tags(code):
            if is_opening:
                depth += 1
            elif depth:
                depth -= 1
            elif not code.is_in_block(place) and self._ends_thought(place):
                return True
        return False

    def next_opening(self, start: int) -> int | None:
        """Return where the next thought begins in the answer that begins at `start`; None if none follows."""
        rest = self.text[start:]
        if self.opening not in rest:
            return None
        lead = len(rest) - len(rest.lstrip())
        if start and rest.startswith(self.opening, lead):
            return start + lead
        code = quoting(rest)
        for place, is_opening in _Scan(rest, Tags(self.opening, self.closing))._tags(code):
            if is_opening and not code.is_in_block(place) and self._begins_thought(rest, place):
                return start + place
        return None

    def _begins_thought(self, rest: str, place: int) -> bool:
        """Whether an opening tag in an answer stands where a sentence has ended, or begins a line that nothing announces."""
        before = rest[:place].rstrip(" \t")
        if before.endswith("\n") or not before:
            return not before.rstrip().endswith(_COLONS)
        return before == rest[:place] and before[-1] in _SENTENCE_ENDS and self.closing in rest[place:]

    def _ends_thought(self, place: int) -> bool:
        """Whether a closing tag that nothing opened ends a thought. In a sentence that is about the tag, a space is before it."""
        before, after = self.text[:place], self.text[place + len(self.closing) :].lstrip(" \t")
        line_before = before.rstrip(" \t")
        if line_before.endswith("\n"):
            return not line_before.rstrip().endswith(_COLONS)
        return line_before == before or line_before[-1] in _SENTENCE_ENDS or not after or after[0] == "\n"

    def _closing_after(self, start: int) -> int | None:
        """Return where the thought ends whose content begins at `start`; None if it is unfinished.

        A thought may quote its closing tag, and it may end within a block of code that it never closed: a tag in a block counts only
        if there is none outside.
        """
        code = quoting(self.text[start:])
        tags = list(_Scan(self.text[start:], Tags(self.opening, self.closing))._tags(code))
        outside = [(place, is_opening) for place, is_opening in tags if not code.is_in_block(place)]
        closings = [place for place, is_opening in outside if not is_opening]
        if not closings:
            in_blocks = [place for place, is_opening in tags if not is_opening]
            return start + in_blocks[0] if in_blocks else None
        return start + _matching(outside, closings[0])

    def _tags(self, code: Quoting) -> Iterator[tuple[int, bool]]:
        """Yield the place of each tag that is not quoted, and whether it is the opening one."""
        place = 0
        while True:
            found = [(self.text.find(tag, place), tag) for tag in {self.opening, self.closing}]
            following = [(at, tag) for at, tag in found if at >= 0]
            if not following:
                return
            # `</think>` contains no `<think>`, but a tag that an experiment names may contain the other: the longer counts.
            at, tag = min(following, key=lambda each: (each[0], -len(each[1])))
            if not code.is_quoted(at, at + len(tag)):
                yield at, tag == self.opening
            place = at + len(tag)


def _matching(tags: Sequence[tuple[int, bool]], first: int) -> int:
    """Return the closing tag that matches a thought in which others may be nested; the first one if the tags are not balanced."""
    depth = 1
    for place, is_opening in tags:
        depth += 1 if is_opening else -1
        if depth == 0:
            return place
    return first


def _whole_answer(parts: Sequence[str], is_first: bool) -> str:
    """Return the parts of an answer in one. White space before it is the thought's unless the answer `is_first`."""
    answer = "".join(parts)
    if is_first:
        return answer
    answer = answer.lstrip()
    for opening, closing in WRAPPERS:
        if answer.startswith(opening):
            return answer.removeprefix(opening).rstrip().removesuffix(closing).strip()
    return answer


def _joined(thoughts: "Iterator[str] | Sequence[str]") -> str:
    return "\n\n".join(stripped for each in thoughts if (stripped := each.strip()))
