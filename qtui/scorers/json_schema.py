"""JSON schema: 1 if the answer is JSON that is valid against a schema, else 0, by the library `jsonschema`.

The schema is that of the task (`checks`), else the file `schema` that the experiment names. It is read in the draft that its
`$schema` says, else 2020-12. `$ref` reaches only into the schema itself: nothing is fetched. `format` is not checked, as the
standard says.
"""

import json
from typing import Any

from qtui.records import Score
from qtui.scorers.json_objects import read_json
from qtui.scorers.protocol import Question, Settings, quoted, unscored


def score(question: Question, settings: Settings) -> Score:
    text = question.task.expected.checks or settings["schema"]
    if not text:
        return unscored("neither the task nor the scorer has a schema")
    try:
        validator = read_schema(text)
    except ValueError as error:
        return unscored(str(error))
    try:
        value = read_json(question.answer)
    except ValueError as error:
        return Score(0.0, str(error))
    return _validated(validator, value)


def read_schema(text: str) -> Any:
    """Return a validator of the schema. Raises ValueError with a sentence if the text is no valid schema."""
    import jsonschema
    import referencing

    try:
        schema = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"the schema is not valid JSON: {error}") from None
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"the schema is not valid: {quoted(error.message)}") from None
    # An empty registry: without one the library would fetch what a $ref names.
    return kind(schema, registry=referencing.Registry())


def _validated(validator: Any, value: Any) -> Score:
    from jsonschema.exceptions import best_match
    from referencing.exceptions import Unresolvable

    try:
        error = best_match(validator.iter_errors(value))
    except Unresolvable as problem:
        return unscored(f"the schema refers to what it does not contain: {quoted(str(problem))}")
    except RecursionError:
        return unscored("schema and answer nest too deep to be compared")
    if error is None:
        return Score(1.0, "valid")
    place = "/".join(map(str, error.absolute_path))
    return Score(0.0, quoted(f"not valid{f' at {place}' if place else ''}: {error.message}"))
