"""The Jinja environment of chat templates, which come with weights from anywhere and so run in a sandbox, with limits."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from qtui.engines.weights import template_limits
from qtui.engines.weights.template_limits import LimitError
from qtui.errors import UserError, shortened
from qtui.files.parsing import reason

_WITHOUT = ("lipsum",)
"""Functions of Jinja that no template of a model needs, and that make as much text as they are told."""

_COUNTERS = (template_limits.step, template_limits.checked, template_limits.written)


def compiled(template: str, source: str) -> Any:
    """Return a template that `rendered` takes. Raises UserError, naming `source`, if it is broken."""
    with _reading(template, source):
        return environment().from_string(template)


def variables_of(template: str, source: str) -> frozenset[str]:
    """Return the names that a template reads and does not define itself. Raises UserError if the template is broken."""
    from jinja2 import meta

    with _reading(template, source):
        return frozenset(meta.find_undeclared_variables(environment().parse(template)))


def rendered(template: Any, values: Mapping[str, Any], source: str) -> str:
    """Return what a template writes. Raises UserError if it rejects the values or goes beyond the limits."""
    try:
        with template_limits.limited():
            text: str = template.render(values)
            return text
    except LimitError as error:
        raise UserError(f"the chat template of {source} has been stopped: {error}") from None
    except Exception as error:
        words = reason(error) if isinstance(error, RecursionError | MemoryError) else shortened(str(error))
        raise UserError(f"the chat template of {source} rejects the prompt: {words or type(error).__name__}") from None


@contextmanager
def _reading(template: str, source: str) -> Iterator[None]:
    import jinja2

    if len(template) > template_limits.LONGEST_TEMPLATE:
        raise UserError(f"the chat template of {source} is longer than {template_limits.LONGEST_TEMPLATE:,} characters")
    try:
        with template_limits.limited():
            yield
    except jinja2.TemplateSyntaxError as error:
        raise UserError(
            f"the chat template of {source} is broken at line {error.lineno}: {shortened(str(error))}"
        ) from None
    except Exception as error:
        raise UserError(f"the chat template of {source} is broken: {reason(error)}") from None


@lru_cache(maxsize=1)
def environment() -> Any:
    """Return a Jinja environment as in transformers: trimmed blocks, loop controls, `raise_exception`, `tojson`."""
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.visitor import NodeTransformer

    class Generation(Extension):
        """`{% generation %}` marks a model's text for training; here it is replaced by its content."""

        tags = {"generation"}  # noqa: RUF012 - the base class says so

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    class Limited(ImmutableSandboxedEnvironment):
        """Counts what templates do; see `template_limits`."""

        intercepted_binops = frozenset(("*", "**", "+", "%"))
        step = staticmethod(template_limits.step)
        checked = staticmethod(template_limits.checked)
        written = staticmethod(template_limits.written)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if operator == "*":
                template_limits.check_product(left, right)
            elif operator == "**":
                template_limits.check_power(left, right)
            elif operator == "%" and isinstance(left, str):
                template_limits.check_format(left)
            return template_limits.checked(super().call_binop(context, operator, left, right))

        def call(self, context: Any, function: Any, /, *arguments: Any, **named: Any) -> Any:
            if function in _COUNTERS:
                return function(*arguments)
            name, own = getattr(function, "__name__", ""), getattr(function, "__self__", None)
            if name == "join":
                arguments = tuple(list(each) if isinstance(each, Iterator) else each for each in arguments)
            template_limits.check_call(name, (own, *arguments, *named.values()))
            return template_limits.checked(super().call(context, function, *arguments, **named))

        def wrap_str_format(self, value: Any) -> Any:
            if isinstance(text := getattr(value, "__self__", None), str) and value.__name__.startswith("format"):
                template_limits.check_format(text)
            return super().wrap_str_format(value)

        def _generate(self, source: Any, *arguments: Any, **named: Any) -> Any:
            return super()._generate(Counting().visit(source), *arguments, **named)

    class Counting(NodeTransformer):
        """Puts a step into every loop and macro, and has all that is written, joined or listed counted."""

        def _with_step(self, node: Any) -> Any:
            self.generic_visit(node)
            node.body.insert(0, nodes.ExprStmt(_called("step", [])))
            return node

        visit_For = visit_Macro = visit_CallBlock = _with_step  # noqa: N815 - names of the base class

        def _of_parts(self, node: Any) -> Any:
            self.generic_visit(node)
            node.nodes = [
                each if isinstance(each, nodes.TemplateData) else _called("written", [each]) for each in node.nodes
            ]
            return node

        visit_Output = visit_Concat = _of_parts  # noqa: N815

        def _of_values(self, node: Any) -> Any:
            self.generic_visit(node)
            is_target = getattr(node, "ctx", "load") != "load"
            return node if is_target else _called("checked", [node])

        visit_List = visit_Tuple = visit_Dict = _of_values  # noqa: N815

    def _called(name: str, arguments: list[Any]) -> Any:
        return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    made = Limited(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    for name in _WITHOUT:
        del made.globals[name]
    for name, function in list(made.filters.items()):
        made.filters[name] = template_limits.with_limits(name, function)
    return made
