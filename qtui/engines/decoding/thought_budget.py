"""A budget for thinking: a thought that is still open after so many tokens is closed with the tokens that the model would write."""

from collections import deque
from collections.abc import Callable

from qtui.engines.decoding.answer_text import AnswerText
from qtui.engines.protocol.answering import Prompt
from qtui.thinking import Tags
from qtui.thinking.closing import closing_text


class ThoughtBudget:
    """The budget of one answer. `limit` is in tokens; None is no limit. `ids_of` returns the ids of a text with tags."""

    def __init__(self, limit: int | None, prompt: Prompt, ids_of: Callable[[str], list[int]]) -> None:
        self._limit = limit
        self._prompt = prompt
        self._ids_of = ids_of
        self._forced: deque[int] = deque()

    @property
    def is_closing(self) -> bool:
        """Whether the next token is given, because the thought is being closed."""
        return bool(self._forced)

    def take(self) -> int:
        """Return the next given token."""
        return self._forced.popleft()

    def check(self, text: AnswerText, generated: int) -> None:
        """Begin to close the thought if `generated` tokens are the limit and the text is inside a thought."""
        if generated != self._limit:
            return
        tags = Tags(*self._prompt.thinking_tags) if self._prompt.thinking_tags else None
        closing = closing_text(text.whole, prompt=self._prompt.text, tags=tags)
        if closing:
            self._forced.extend(self._ids_of(closing))
