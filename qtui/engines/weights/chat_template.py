"""The Jinja environment of chat templates, which come with weights from anywhere and so run in a sandbox."""

import json
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def environment() -> Any:
    """Return a Jinja environment as in transformers: trimmed blocks, loop controls, `raise_exception`, `tojson`."""
    import jinja2
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks a model's text for training; here it is replaced by its content."""

        tags = {"generation"}  # noqa: RUF012 - the base class says so

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    return made
