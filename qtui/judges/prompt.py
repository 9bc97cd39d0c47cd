"""The judge's prompt: a template with the slots {input_text} {output_text} {eval_aspect} {pred} {scale}, and a system message.

The study's grading script uses the first four names, so its template files work unchanged; `qtui.judge_prompts` reads those of
other programs into this form. Of a later turn, {input_text} is the whole conversation up to the question whose answer is graded, so
every template shows it. All slots are filled in one pass over the template, so braces in an answer, or an answer that contains
`{pred}`, stay unchanged. What fills a slot cannot end its place in the prompt: see `qtui.judges.delimiters`.

A judge that compares two answers has {answer_a} and {answer_b} in place of {pred} and {scale}. Of a later turn, these are both
whole conversations, and {input_text} is what the user said in all turns.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from qtui.errors import UserError
from qtui.judges import delimiters
from qtui.judges.protocol import Question, template
from qtui.records import JudgeSpec, Scale, Turn

SLOT = re.compile(r"\{(input_text|output_text|eval_aspect|pred|scale)\}")
_USER, _ASSISTANT = "[User]", "[Assistant]"
PAIRWISE_SLOT = re.compile(r"\{(input_text|output_text|eval_aspect|answer_a|answer_b)\}")
_ANSWERS = (("pred", "answer"),)
_ANSWERS_OF_PAIR = (("answer_a", "first answer"), ("answer_b", "second answer"))


def check(spec: JudgeSpec) -> None:
    """Raises UserError if the judge's template has no slot for an answer that it is to show."""
    text = template(spec)
    for name, which in _ANSWERS_OF_PAIR if spec.pairwise else _ANSWERS:
        if f"{{{name}}}" not in text:
            raise UserError(f"the judge's prompt template has no {{{name}}}, the slot for the {which}.")


def messages(spec: JudgeSpec, question: Question) -> list[dict[str, str]]:
    """Return the messages that ask a judge about one answer, or about two."""
    sent = as_sent(spec, question)
    system = [{"role": "system", "content": fill(spec.system, sent, spec.scale)}] if spec.system else []
    return [*system, {"role": "user", "content": fill(template(spec), sent, spec.scale)}]


def as_sent(spec: JudgeSpec, question: Question) -> Question:
    """Return the question as the judge is asked it: without the delimiters of the prompt in its texts."""
    slot = PAIRWISE_SLOT if spec.pairwise else SLOT
    literals = [part for text in (template(spec), spec.system or "") for part in slot.split(text)[::2]]
    of_turns = [*literals, _USER, _ASSISTANT] if question.earlier else literals
    second = question.second
    return replace(
        question,
        input=delimiters.keep_out(question.input, of_turns),
        reference=delimiters.keep_out(question.reference, literals),
        criteria=delimiters.keep_out(question.criteria, literals),
        answer=delimiters.keep_out(question.answer, of_turns),
        earlier=_without(question.earlier, of_turns),
        second=second
        and replace(
            second, answer=delimiters.keep_out(second.answer, of_turns), earlier=_without(second.earlier, of_turns)
        ),
    )


def _without(turns: tuple[Turn, ...], literals: Sequence[str]) -> tuple[Turn, ...]:
    """The turns of a conversation without these delimiters."""
    keep_out = delimiters.keep_out
    return tuple(Turn(keep_out(turn.input, literals), keep_out(turn.answer, literals)) for turn in turns)


def fill(text: str, question: Question, scale: Scale) -> str:
    """Return the template with its slots filled."""
    slot, values = (PAIRWISE_SLOT, _of_pair(question)) if question.second else (SLOT, _of_one(question, scale))
    return slot.sub(lambda found: values[found[1]], text)


def conversation(question: Question) -> str:
    """Return the question, after the turns before it if there are some, each under the name of its speaker."""
    if not question.earlier:
        return question.input
    return "\n\n".join([*_turns(question.earlier), f"{_USER}\n{question.input}"])


def _of_one(question: Question, scale: Scale) -> Mapping[str, str]:
    return {
        "input_text": conversation(question),
        "output_text": question.reference,
        "eval_aspect": question.criteria,
        "pred": question.answer,
        "scale": scale.description,
    }


def _of_pair(question: Question) -> Mapping[str, str]:
    assert question.second is not None
    return {
        "input_text": _questions(question),
        "output_text": question.reference,
        "eval_aspect": question.criteria,
        "answer_a": _whole(question.earlier, question.input, question.answer),
        "answer_b": _whole(question.second.earlier, question.input, question.second.answer),
    }


def _questions(question: Question) -> str:
    """What the user says in all turns."""
    if not question.earlier:
        return question.input
    return "\n\n".join(f"{_USER}\n{said}" for said in (*(turn.input for turn in question.earlier), question.input))


def _whole(earlier: tuple[Turn, ...], asked: str, answer: str) -> str:
    """An answer, in its whole conversation if there are turns before it."""
    return "\n\n".join(_turns((*earlier, Turn(asked, answer)))) if earlier else answer


def _turns(turns: tuple[Turn, ...]) -> list[str]:
    return [f"{_USER}\n{turn.input}\n\n{_ASSISTANT}\n{turn.answer}" for turn in turns]
