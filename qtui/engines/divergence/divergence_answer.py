"""One answer on its way through two models: from text to tokens before, from figures per position to what is kept after."""

import codecs
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qtui.engines.divergence.scoring import Fed, Scorer
from qtui.engines.divergence.token_divergence import Positions, joined
from qtui.engines.protocol.answering import Prompt
from qtui.engines.protocol.divergence import Given
from qtui.records import AnswerDivergence, Parting, TokenChoice

SAME_TOP, AS_ANSWERED = 1, 2
"""See `AnswerDivergence.flags`."""
CUT = "\ufffd"


@dataclass(frozen=True, slots=True)
class Tokens:
    """`answer` are the answer's own; the end token that follows them where it `ended` is not among them."""

    prompt: list[int]
    answer: list[int]
    ended: bool

    @property
    def fed(self) -> Fed:
        """What a model must see for all of the answer to be foretold. Nothing where nothing is to be foretold."""
        seen = self.answer if self.ended else self.answer[:-1]
        return Fed([*self.prompt, *seen] if self.ended or self.answer else [], len(self.prompt) - 1)


def taken_apart(scorer: Scorer, prompt: Prompt, given: Given, *, stop: Sequence[str]) -> Tokens:
    """An answer that was cut off within a character has U+FFFD at its end, which the model did not say."""
    said = given.text.rstrip(CUT) if given.finish_reason == "length" else given.text
    answer = scorer.answer_ids(said)
    ended = given.finish_reason == "stop" and (not stop or given.completion_tokens == len(answer))
    return Tokens(scorer.prompt_ids(prompt), answer, ended)


def divergence_of(key: str, tokens: Tokens, parts: Sequence[Positions], scorer: Scorer) -> AnswerDivergence:
    whole = joined(parts)
    same = whole.tops[:, 0] == whole.tops[:, 1]
    flags = same * SAME_TOP + (whole.tops[:, 0] == whole.chosen) * AS_ANSWERED
    return AnswerDivergence(
        key=key,
        kl=_packed(whole.kl),
        baseline_logp=_packed(whole.baseline_logp),
        candidate_logp=_packed(whole.candidate_logp),
        flags=flags.astype(np.uint8).tobytes(),
        parting=None if same.all() else _parting(int(np.argmin(same)), tokens, whole, scorer),
    )


def _packed(values: Any) -> bytes:
    data: bytes = values.astype("<f4").tobytes()
    return data


def _parting(place: int, tokens: Tokens, whole: Positions, scorer: Scorer) -> Parting:
    chances = whole.top_logp[place]
    choices = [
        TokenChoice(_text(int(token), scorer), math.exp(chance[0]), math.exp(chance[1]))
        for token, chance in zip(whole.tops[place], chances, strict=True)
    ]
    return Parting(place, _characters(map(scorer.piece, tokens.answer[:place])), *choices)


def _text(token: int, scorer: Scorer) -> str:
    """A token for a person: a part of a character as its bytes, a special token by its number, an end token as nothing."""
    if token in scorer.end_ids:
        return ""
    data = scorer.piece(token)
    try:
        return data.decode() or f"<{token}>"
    except UnicodeDecodeError:
        return "".join(f"<0x{byte:02X}>" for byte in data)


def _characters(pieces: Iterable[bytes]) -> int:
    """How many whole characters these bytes come to."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return sum(len(decoder.decode(piece)) for piece in pieces)
