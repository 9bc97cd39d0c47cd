"""What a chat template writes behind an answer: there a model learned to stop.

A GGUF file names one to three end tokens, its checkpoint often more. The template knows the others: the token behind the last
answer of a conversation, and, of models that end a turn by opening the next (GLM), the token of every turn that may come next.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from qtui.engines.weights import chat_template
from qtui.errors import UserError

_ANSWER = "qtui answers"
_NEXT = "qtui asks on"
_OTHERS = ("user", "tool")
"""Roles whose turn may follow an answer in every template; others are those that the template compares a role with."""
_NEVER_NEXT = ("assistant", "system", "developer")
_CALL = "call00001"
"""An id of a tool's call: some templates want nine letters and digits."""
LONGEST_TOKEN = 64
"""Characters of a special token."""


@dataclass(frozen=True, slots=True)
class WrittenBehind:
    """Texts that a template writes behind an answer, up to the next text of a message."""

    last: str = ""
    """Behind the last answer of a conversation; empty if nothing."""
    before_turns: tuple[str, ...] = ()
    """Behind an answer that another's turn follows."""

    def beginnings(self) -> Iterator[str]:
        """Yield every text that may be a token there."""
        for text in (self.last, *self.before_turns):
            for start in range(len(text)):
                yield from (text[start : start + size] for size in range(1, LONGEST_TOKEN + 1))


def written_behind(template: str | None, special: Mapping[str, str]) -> WrittenBehind:
    """Return what the template writes behind an answer; nothing if it is broken, or writes no answers of earlier turns.

    `special` are the variables of special tokens, such as `bos_token`.
    """
    if not template:
        return WrittenBehind()
    try:
        compiled = chat_template.compiled(template, "the model")
        tree = chat_template.environment().parse(template)
    except UserError:
        return WrittenBehind()
    talk = _Conversation(compiled, special)
    turns = [role for role in dict.fromkeys((*_OTHERS, *_roles(tree))) if role not in _NEVER_NEXT]
    found = (talk.behind_answer(role) for role in turns)
    return WrittenBehind(talk.behind_answer(), tuple(dict.fromkeys(text for text in found if text)))


@dataclass(frozen=True, slots=True)
class _Conversation:
    """A question and its answer, written by a template."""

    template: Any
    special: Mapping[str, str] = field(repr=False)

    def behind_answer(self, next_role: str = "") -> str:
        """What is written behind the answer: to the end, or to the text of the turn that follows."""
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": "qtui asks"},
            {"role": "assistant", "content": _ANSWER},
        ]
        if next_role:
            messages.append({"role": next_role, "content": _NEXT, "name": "tool", "tool_call_id": _CALL})
        written = self._written(messages)
        _, has_answer, behind = written.rpartition(_ANSWER)
        if not has_answer or (next_role and _NEXT not in behind):
            return ""
        return behind.partition(_NEXT)[0].strip()

    def _written(self, messages: list[dict[str, Any]]) -> str:
        """The conversation as the template writes it; empty if it takes no such turns."""
        values = {
            **self.special,
            "messages": messages,
            "add_generation_prompt": False,
            "tools": None,
            "documents": None,
            "strftime_now": datetime(2026, 1, 31).strftime,
        }
        try:
            return chat_template.rendered(self.template, values, "the model")
        except UserError:
            # A template may raise anything for turns that it does not know.
            return ""


def _roles(tree: Any) -> Iterable[str]:
    """The texts that a template compares a message's role with."""
    from jinja2 import nodes

    for comparison in tree.find_all(nodes.Compare):
        sides = [comparison.expr, *(operand.expr for operand in comparison.ops)]
        if any(_is_role(part) for side in sides for part in (side, *side.find_all(nodes.Expr))):
            for side in sides:
                texts = [side, *side.find_all(nodes.Const)]
                yield from (each.value for each in texts if isinstance(each, nodes.Const) and _may_be_role(each.value))


def _is_role(node: Any) -> bool:
    """Whether an expression is `role`, `message.role` or `message["role"]`."""
    from jinja2 import nodes

    if isinstance(node, nodes.Getitem):
        return isinstance(node.arg, nodes.Const) and node.arg.value == "role"
    return (isinstance(node, nodes.Getattr) and node.attr == "role") or (
        isinstance(node, nodes.Name) and node.name == "role"
    )


def _may_be_role(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value != "role"
