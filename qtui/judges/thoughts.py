"""A judge's reply without its thoughts: what a model thinks on the way to a grade is no grade.

Models mark their thoughts with tags (`<think>…</think>`), brackets (`[THINK]…[/THINK]`) or channels (harmony). Servers take
them out, or leave them, or leave only the closing mark because the opening one was part of the prompt.
"""

import re

from qtui.judges.json_objects import decode

_TAG_NAMES = r"think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|inner_monologue|seed:think|seed:cot_budget_reflect"
_PIPE_NAMES = {
    "begin_of_thought": "end_of_thought",
    "start_thinking": "end_thinking",
    "inner_prefix": "inner_suffix",
}
_MARK = re.compile(
    rf"<(?P<close>/?)(?P<tag>{_TAG_NAMES})(?:\s[^<>]*)?>"
    r"|\[(?P<close2>/?)(?P<bracket>THINK)\]"
    r"|◁(?P<close3>/?)(?P<kimi>think)▷"
    rf"|<\|(?P<pipe>{'|'.join([*_PIPE_NAMES, *_PIPE_NAMES.values()])})\|>"
    r"|<\|channel>(?P<gemma>thought)|(?P<gemma_end><channel\|>)",
    re.IGNORECASE,
)
_BRACE_OR_MARK = re.compile(rf"\{{|{_MARK.pattern}", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+).{0,200}?<\|message\|>", re.DOTALL)
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z{\u3040-\u9fff])")
_BARE_FINAL = re.compile(r"assistant\s?final")
"""Where a server removed harmony's special tokens, the names of its channels are left in the text."""


def without_thoughts(text: str) -> str | None:
    """Return the reply that follows the thoughts; None if they have no end, so that there is no reply.

    A mark inside a JSON object is a part of its text. A closing mark without an opening one ends thoughts that began in the prompt.
    """
    final = _final_channel(text)
    if final is None:
        return None
    kept, start, position = "", 0, 0
    while mark := _BRACE_OR_MARK.search(final, position):
        if mark[0] == "{":
            read = decode(final, mark.start())
            position = read[1] if read else mark.end()
        elif _is_closing(mark):
            kept, start, position = "", mark.end(), mark.end()
        else:
            end = _end_of(final, mark)
            if end is None:
                return None
            kept += final[start : mark.start()] + "\n"
            start = position = end
    return kept + final[start:]


def _final_channel(text: str) -> str | None:
    """Return the text of harmony's last final channel; the text as it is if it has no channels, None if none of them is final."""
    if headers := list(_CHANNEL.finditer(text)):
        last = headers[-1]
        return text[last.end() :] if last[1].casefold() == "final" else None
    if _BARE_ANALYSIS.match(text):
        bare = list(_BARE_FINAL.finditer(text))
        return text[bare[-1].end() :] if bare else None
    return text


def _is_closing(mark: re.Match[str]) -> bool:
    slashes = mark["close"] or mark["close2"] or mark["close3"]
    pipe = (mark["pipe"] or "").casefold()
    return bool(slashes or mark["gemma_end"] or pipe in _PIPE_NAMES.values())


def _end_of(text: str, opening: re.Match[str]) -> int | None:
    """Return where the thoughts of an opening mark end: behind the first closing mark of its kind. None if there is none."""
    name = _kind(opening)
    for mark in _MARK.finditer(text, opening.end()):
        if _is_closing(mark) and _kind(mark) == name:
            return mark.end()
    return None


def _kind(mark: re.Match[str]) -> str:
    if pipe := (mark["pipe"] or "").casefold():
        return next(opening for opening, closing in _PIPE_NAMES.items() if pipe in (opening, closing))
    if mark["gemma"] or mark["gemma_end"]:
        return "channel"
    return (mark["tag"] or mark["bracket"] or mark["kimi"] or "").casefold()
