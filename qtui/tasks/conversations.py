"""The questions in a conversation: ShareGPT's `conversations`, OpenAI's `messages`, `turns` of MT-Bench.

Each turn of the user is a task, with the assistant's turn after it, if there is one, as its reference; the model that is asked sees
its own answers to the turns before. If the experiment names the column as the input, only the first turn is asked. A system message
has no place in a task and is refused, unless the experiment names the column.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from qtui.errors import UserError
from qtui.files.text_decoding import storable
from qtui.tasks.table import Record, listed, quoted, type_name

ROLES = {
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "system": "system", "developer": "system",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """`text` is the first user turn, `answer` the assistant's turn after it, if there is one."""

    text: str
    answer: str
    leaves_out: bool = False
    """Whether the conversation has more than these two."""


@dataclass(frozen=True, slots=True)
class _Turn:
    role: str
    text: str


def question(record: Record, column: str, *, is_named: bool) -> Question:
    """The question in a list of turns. `is_named`: the experiment names the column, so the first user turn stands alone.

    Raises UserError with the place if the list is not a conversation, or has more than one question and its answer.
    """
    turns = [turn for turn in _turns(record, column) if turn.text.strip() or turn.role != "system"]
    first = next((number for number, turn in enumerate(turns) if turn.role == "user"), None)
    if first is None:
        raise UserError(f"{record.where}: {quoted(column)} has no turn of a user")
    answered = first + 1 < len(turns) and turns[first + 1].role == "assistant"
    answer = turns[first + 1].text if answered else ""
    leaves_out = len(turns) > 1 + answered
    if leaves_out and not is_named:
        raise UserError(_refusal(record, column, turns))
    return Question(turns[first].text, answer, leaves_out)


def questions(record: Record, column: str) -> list[Question]:
    """The questions in a list of turns, in their order. Raises UserError with the place if the list is not such a conversation.

    A conversation may begin with a turn of the assistant only if it has no question before it: that is refused, as a system message
    and two turns of one speaker in a row are, because the model would not see them.
    """
    turns = [turn for turn in _turns(record, column) if turn.text.strip() or turn.role != "system"]
    if not any(turn.role == "user" for turn in turns):
        raise UserError(f"{record.where}: {quoted(column)} has no turn of a user")
    is_list_of_texts = all(isinstance(turn, str) for turn in record.values[column])
    found: list[Question] = []
    for turn in turns:
        if turn.role == "user" and (not found or found[-1].answer or is_list_of_texts):
            found.append(Question(turn.text, ""))
        elif turn.role == "assistant" and found and not found[-1].answer and turn.text.strip():
            found[-1] = replace(found[-1], answer=turn.text)
        else:
            raise UserError(_refusal(record, column, turns))
    if blank := next((number for number, each in enumerate(found, start=1) if not each.text.strip()), None):
        raise UserError(f"{record.where}: {quoted(column)}, question {blank}: is empty: a task needs an instruction")
    return found


def user_turns(record: Record, column: str) -> list[str]:
    """The texts of the user's turns. Raises UserError as `questions` does."""
    if column not in record.values:
        raise record.missing(column)
    return [each.text for each in questions(record, column)]


def reply(record: Record, column: str) -> str:
    """The text of a list that is one turn of an assistant: the completion to a prompt in turns."""
    turns = _turns(record, column)
    if [turn.role for turn in turns] != ["assistant"]:
        raise UserError(
            f"{record.where}: {quoted(column)} is not one turn of an assistant, and a task has one reference"
        )
    return turns[0].text


def _refusal(record: Record, column: str, turns: Sequence[_Turn]) -> str:
    begin = f"{record.where}: {quoted(column)} "
    end = (
        f"[tasks] input = {quoted(column)} in the experiment asks the first user turn alone"
        f" (columns: {listed(record.values)})."
    )
    if any(turn.role == "system" for turn in turns):
        return (
            f'{begin}has a system message, and a task has no place for one: set system = "…" of the models, then {end}'
        )
    return f"{begin}does not alternate between questions of the user and answers: {end}"


def _turns(record: Record, column: str) -> list[_Turn]:
    value = record.values[column]
    if not isinstance(value, list) or not value:
        raise record.wrong_type(column, "a list of turns")
    return [_turn(turn, number, record, column) for number, turn in enumerate(value)]


def _turn(turn: Any, number: int, record: Record, column: str) -> _Turn:
    place = f"{record.where}: {quoted(column)}, turn {number + 1}"
    if isinstance(turn, str):  # MT-Bench lists the user's turns only
        return _Turn("user", storable(turn))
    if not isinstance(turn, dict):
        raise UserError(f"{place}: is {type_name(turn)}, not a message")
    name = turn.get("role", turn.get("from"))
    role = ROLES.get(name.casefold()) if isinstance(name, str) else None
    if role is None:
        raise UserError(f"{place}: its role is none of user, assistant and system ({_short(name)})")
    return _Turn(role, _content(turn.get("content", turn.get("value")), place))


def _content(value: Any, place: str) -> str:
    """The text of a message; a list of parts that are all texts is one text."""
    if isinstance(value, list) and all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in value):
        value = "".join(part["text"] for part in value)
    if not isinstance(value, str):
        raise UserError(f"{place}: its content is {type_name(value)}, not text")
    return storable(value)


def _short(value: Any) -> str:
    return quoted(value) if isinstance(value, str) else type_name(value)
