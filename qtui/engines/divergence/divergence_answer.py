"""One answer in a divergence measurement: its text as tokens, and its figures per position as a stored record."""

import codecs
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qtui.engines.divergence.scoring import FedTokens, Scorer
from qtui.engines.divergence.token_divergence import Positions, joined
from qtui.engines.protocol.answering import Prompt
from qtui.engines.protocol.divergence import BaselineAnswer
from qtui.records import AnswerDivergence, FirstDifference, TokenChoice

SAME_TOP, AS_ANSWERED = 1, 2
"""See `AnswerDivergence.flags`."""
CUT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Token ids of one prompt and its answer. `answer` does not contain the end token that follows it if `has_end_token`."""

    prompt: list[int]
    answer: list[int]
    has_end_token: bool

    @property
    def fed(self) -> FedTokens:
        """Token ids to feed so that every answer token gets a prediction. Empty if the answer has no tokens."""
        answer_ids = self.answer if self.has_end_token else self.answer[:-1]
        return FedTokens([*self.prompt, *answer_ids] if self.has_end_token or self.answer else [], len(self.prompt) - 1)


def split_answer(scorer: Scorer, prompt: Prompt, answer: BaselineAnswer, *, stop: Sequence[str]) -> Tokens:
    """Return the token ids of a prompt and of the baseline's answer to it.

    An answer that was cut off within a character has U+FFFD at its end, which the model did not write, so it is removed.
    With stop texts set, the end token is included only if the answer has as many tokens as its text.
    """
    text = answer.text.rstrip(CUT) if answer.finish_reason == "length" else answer.text
    ids = scorer.answer_ids(text)
    has_end_token = answer.finish_reason == "stop" and (not stop or answer.completion_tokens == len(ids))
    return Tokens(scorer.prompt_ids(prompt), ids, has_end_token)


def divergence_record(key: str, tokens: Tokens, parts: Sequence[Positions], scorer: Scorer) -> AnswerDivergence:
    """Return the stored record of one answer from its `parts`, in order. `scorer` decodes tokens (the baseline's)."""
    whole = joined(parts)
    same = whole.tops[:, 0] == whole.tops[:, 1]
    flags = same * SAME_TOP + (whole.tops[:, 0] == whole.chosen) * AS_ANSWERED
    return AnswerDivergence(
        key=key,
        kl=_packed(whole.kl),
        baseline_logp=_packed(whole.baseline_logp),
        candidate_logp=_packed(whole.candidate_logp),
        flags=flags.astype(np.uint8).tobytes(),
        first_difference=None if same.all() else _first_difference(int(np.argmin(same)), tokens, whole, scorer),
    )


def _packed(values: Any) -> bytes:
    data: bytes = values.astype("<f4").tobytes()
    return data


def _first_difference(place: int, tokens: Tokens, whole: Positions, scorer: Scorer) -> FirstDifference:
    chances = whole.top_logp[place]
    choices = [
        TokenChoice(_text(int(token), scorer), math.exp(chance[0]), math.exp(chance[1]))
        for token, chance in zip(whole.tops[place], chances, strict=True)
    ]
    return FirstDifference(place, _characters(map(scorer.piece, tokens.answer[:place])), *choices)


def _text(token: int, scorer: Scorer) -> str:
    """A token as text: part of a character as its bytes, a special token as its number, an end token as empty text."""
    if token in scorer.end_ids:
        return ""
    data = scorer.piece(token)
    try:
        return data.decode() or f"<{token}>"
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in data)


def _characters(pieces: Iterable[bytes]) -> int:
    """The number of whole characters in these bytes."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return sum(len(decoder.decode(piece)) for piece in pieces)
