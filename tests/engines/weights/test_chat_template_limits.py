"""A chat template can loop and allocate only so far, and whatever it raises is one sentence that names it."""

import pytest

from qtui.engines.prompts import rendering
from qtui.engines.weights import chat_template, template_limits
from qtui.engines.weights.prompt_format import PromptFormat
from qtui.errors import UserError

NAMED = "{% set ns = namespace(x='aaaaaaaa', y=[1]) %}{% for i in range(60) %}"
ENDLESS = {
    "loops in loops": "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3,
    "a product": "{{ 'a' * 10**10 }}",
    "a list times a number": "{{ [0] * 10**9 }}",
    "a power": "{{ 10 ** (10 ** 9) }}",
    "a width of a filter": "{{ 'a' | center(10**9) }}",
    "a width of a method": "{{ 'a'.zfill(10**9) }}",
    "a width of %": "{{ '%999999999d' % 1 }}",
    "a width of the filter format": "{{ '%0999999999d' | format(1) }}",
    "a width of the method format": "{{ '{:>999999999}'.format(1) }}",
    "a width in an argument": "{{ '{:>{}}'.format(1, 999999999) }}",
    "a text twice as long each time, by ~": NAMED + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "by +": NAMED + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "by writing": NAMED + "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}",
    "by lists in lists": NAMED + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.y }}",
    "by dicts in dicts": NAMED + "{% set ns.y = {'a': ns.y, 'b': ns.y} %}{% endfor %}{{ ns.y }}",
    "a replacement": "{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}",
    "texts that are joined": "{{ (['a' * 1000000] * 1000) | join }}",
    "what a generator joins": "{{ (['a'] * 100000) | map('upper') | join('x' * 1000000) }}",
    "an indent": "{{ ('\\n' * 100000) | indent(1000000) }}",
    "a sum of lists": "{{ ([[1] * 1000] * 1000) | sum(start=[]) }}",
    "a macro without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a loop that calls itself": "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
}
BROKEN = {
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "loops": "{% for a in [1] %}" * 30 + "{% endfor %}" * 30,
    "a sum of thousands": "{{ " + "+".join(["1"] * 5000) + " }}",
    "no end": "{% for a in [1] %}",
    "too long": "x" * (template_limits.LONGEST_TEMPLATE + 1),
}
USUAL = (
    "{{ bos_token }}{%- set ns = namespace(n=0, first=true) -%}"
    "{%- macro show(m) -%}<{{ m.role }}>{{ m['content'] | trim }}{%- endmacro -%}"
    "{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ show(m) ~ loop.index }}"
    "{% if not loop.last %}{{ '\\n' * 2 }}{% endif %}{% endfor %}"
    "{{ messages | tojson }}{{ {'a': [1, 2]} | tojson(indent=2) }}{% set a, b = 1, 2 %}{{ '%s-%05d' % (a, b) }}"
    "{{ '{:>5}'.format('x') }}{{ messages[0].content.split('</think>')[-1] }}{{ ['a', 'b'] | join(', ') }}{{ ns.n }}"
)


def fill(template: str, text: str = "hello") -> str:
    form = PromptFormat(source="model-7b", template=template, bos_token="<s>")
    return rendering.render([text], form)[0].text


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_a_template_that_loops_or_allocates_is_stopped_by_a_sentence(template: str) -> None:
    with pytest.raises(
        UserError, match=r"^the chat template of model-7b (has been stopped: it|rejects the prompt: it is nested)"
    ):
        fill(template)


@pytest.mark.parametrize("template", BROKEN.values(), ids=BROKEN)
def test_a_template_that_cannot_be_read_is_a_sentence_wherever_it_is_read(template: str) -> None:
    with pytest.raises(UserError, match=r"^the chat template of model-7b is (broken|longer)"):
        fill(template)
    if template != BROKEN["loops"]:  # which are read, but cannot be run
        with pytest.raises(UserError, match=r"^the chat template of model-7b is (broken|longer)"):
            chat_template.variables_of(template, "model-7b")


def test_a_usual_template_writes_what_jinja_alone_would_write() -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    plain = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    plain.filters["tojson"] = chat_template.environment().filters["tojson"]
    values = {
        "messages": [{"role": "user", "content": "a</think>b"}, {"role": "assistant", "content": "c"}],
        "bos_token": "<s>",
    }
    made = chat_template.compiled(USUAL, "m")
    assert chat_template.rendered(made, values, "m") == plain.from_string(USUAL).render(values)


def test_what_a_task_says_is_no_format_and_no_limit() -> None:
    text = "100%9999999999 {a:>9999999999} {{ 'a' * 10**10 }} " + "長い" * 500_000
    assert fill("{{ messages[0].content | replace('x', 'y') }}", text) == text


def test_the_words_of_a_template_that_rejects_a_prompt_are_cut() -> None:
    with pytest.raises(UserError) as caught:
        fill("{{ raise_exception('x' * 100000) }}")
    assert len(str(caught.value)) < 700
