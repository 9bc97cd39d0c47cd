"""Prompt formats as people write them, a text with the slots {system} and {input}, as Jinja chat templates for one turn.

Everything else in such a text is taken literally, to the last blank: a trailing space or newline is part of how a model was
trained to be asked.
"""

import re

SLOTS = {"{input}": "{{ messages[-1]['content'] }}", "{system}": "{{ messages[0]['content'] }}"}


def template(form: str, without_system: str | None = None) -> str:
    """`without_system` is the format where there is no system prompt; None means that `form` serves both ways."""
    if without_system is None:
        # Jinja drops one newline at the end of a template.
        return _jinja(form) + ("\n" if form.endswith("\n") else "")
    # The plus signs keep Jinja from taking blanks and newlines beside its blocks.
    return (
        "{%+ if messages[0]['role'] == 'system' +%}"
        + _jinja(form)
        + "{%+ else +%}"
        + _jinja(without_system)
        + "{%+ endif +%}"
    )


def _jinja(form: str) -> str:
    return re.sub(r"\{input\}|\{system\}|\{[{%#]|\r", lambda found: SLOTS.get(found[0]) or _literal(found[0]), form)


def _literal(text: str) -> str:
    """What Jinja would take for its own, or turn into a newline."""
    return "{{ '" + text.replace("\r", "\\r") + "' }}"
