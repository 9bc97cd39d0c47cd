"""Converting prompt formats, texts with the slots {system} and {input}, to Jinja chat templates for one turn.

All other text is literal, including spaces and newlines at the end: a model was trained with them.
"""

import re

SLOTS = {"{input}": "{{ messages[-1]['content'] }}", "{system}": "{{ messages[0]['content'] }}"}


def template(form: str, without_system: str | None = None) -> str:
    """The template for `form`. `without_system` is the format without a system prompt; None uses `form` for both."""
    if without_system is None:
        # Jinja removes one newline at the end of a template.
        return _jinja(form) + ("\n" if form.endswith("\n") else "")
    # The plus signs keep Jinja from removing spaces and newlines beside its blocks.
    return (
        "{%+ if messages[0]['role'] == 'system' +%}"
        + _jinja(form)
        + "{%+ else +%}"
        + _jinja(without_system)
        + "{%+ endif +%}"
    )


def _jinja(form: str) -> str:
    return re.sub(r"\{input\}|\{system\}|\{[{%#]|\r", lambda match: SLOTS.get(match[0]) or _literal(match[0]), form)


def _literal(text: str) -> str:
    """Text that Jinja would interpret, or turn into a newline, as a string literal of Jinja."""
    return "{{ '" + text.replace("\r", "\\r") + "' }}"
