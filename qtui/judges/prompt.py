"""The judge's prompt, a template with the slots {input_text} {output_text} {eval_aspect} {pred}.

The study's grading script uses the same slot names, so its template files work unchanged. Of a later turn, {input_text} is the
whole conversation up to the question whose answer is graded, so every template shows it. All slots are filled in one pass over the
template, so braces in an answer, or an answer that contains `{pred}`, stay unchanged.
"""

import re

from qtui.errors import UserError
from qtui.judges.protocol import Question

SLOT = re.compile(r"\{(input_text|output_text|eval_aspect|pred)\}")


def check(template: str) -> None:
    """Raises UserError if the template has no slot for the answer."""
    if "{pred}" not in template:
        raise UserError("the judge's prompt template has no {pred}, the slot for the answer.")


def fill(template: str, question: Question) -> str:
    values = {
        "input_text": conversation(question),
        "output_text": question.reference,
        "eval_aspect": question.criteria,
        "pred": question.answer,
    }
    return SLOT.sub(lambda slot: values[slot[1]], template)


def conversation(question: Question) -> str:
    """Return the question, after the turns before it if there are some, each under the name of its speaker."""
    if not question.earlier:
        return question.input
    turns = [f"[User]\n{turn.input}\n\n[Assistant]\n{turn.answer}" for turn in question.earlier]
    return "\n\n".join([*turns, f"[User]\n{question.input}"])
