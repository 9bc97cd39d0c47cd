"""The judge's prompt: a template with the slots {input_text} {output_text} {eval_aspect} {pred} {scale}, and a system message.

The study's grading script uses the first four names, so its template files work unchanged; `qtui.judge_prompts` reads those of
other programs into this form. Of a later turn, {input_text} is the whole conversation up to the question whose answer is graded, so
every template shows it. All slots are filled in one pass over the template, so braces in an answer, or an answer that contains
`{pred}`, stay unchanged. What fills a slot cannot end its place in the prompt: see `qtui.judges.delimiters`.
"""

import re
from dataclasses import replace

from qtui.errors import UserError
from qtui.judges import delimiters
from qtui.judges.protocol import Question, template
from qtui.records import JudgeSpec, Scale

SLOT = re.compile(r"\{(input_text|output_text|eval_aspect|pred|scale)\}")
_USER, _ASSISTANT = "[User]", "[Assistant]"


def check(text: str) -> None:
    """Raises UserError if the template has no slot for the answer."""
    if "{pred}" not in text:
        raise UserError("the judge's prompt template has no {pred}, the slot for the answer.")


def messages(spec: JudgeSpec, question: Question) -> list[dict[str, str]]:
    """Return the messages that ask a judge about one answer."""
    sent = as_sent(spec, question)
    system = [{"role": "system", "content": fill(spec.system, sent, spec.scale)}] if spec.system else []
    return [*system, {"role": "user", "content": fill(template(spec), sent, spec.scale)}]


def as_sent(spec: JudgeSpec, question: Question) -> Question:
    """Return the question as the judge is asked it: without the delimiters of the prompt in its texts."""
    literals = [part for text in (template(spec), spec.system or "") for part in SLOT.split(text)[::2]]
    turns = [*literals, _USER, _ASSISTANT] if question.earlier else literals
    return replace(
        question,
        input=delimiters.keep_out(question.input, turns),
        reference=delimiters.keep_out(question.reference, literals),
        criteria=delimiters.keep_out(question.criteria, literals),
        answer=delimiters.keep_out(question.answer, literals),
        earlier=tuple(
            replace(turn, input=delimiters.keep_out(turn.input, turns), answer=delimiters.keep_out(turn.answer, turns))
            for turn in question.earlier
        ),
    )


def fill(text: str, question: Question, scale: Scale) -> str:
    """Return the template with its slots filled."""
    values = {
        "input_text": conversation(question),
        "output_text": question.reference,
        "eval_aspect": question.criteria,
        "pred": question.answer,
        "scale": scale.description,
    }
    return SLOT.sub(lambda slot: values[slot[1]], text)


def conversation(question: Question) -> str:
    """Return the question, after the turns before it if there are some, each under the name of its speaker."""
    if not question.earlier:
        return question.input
    turns = [f"{_USER}\n{turn.input}\n\n{_ASSISTANT}\n{turn.answer}" for turn in question.earlier]
    return "\n\n".join([*turns, f"{_USER}\n{question.input}"])
