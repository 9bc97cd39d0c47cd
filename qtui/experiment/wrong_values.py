"""What is wrong with the values of an experiment's table, in the words of TOML.

The forms are checked by a library whose messages speak of Python ("valid tuple", "Input should be"). Its kinds of errors are
translated here; of a kind that is not known, only the value is named, and the library's own words reach nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from qtui.files import toml_text

if TYPE_CHECKING:
    from pydantic import ValidationError

Location = tuple[str | int, ...]

MAY_BE_SECRET = ("base_url", "api_key_env")
"""Keys whose values are not quoted in messages, because they may be a password or a key."""
HEADERS = {
    "task_sets": "[[task_sets]]",
    "models": "[[models]]",
    "variants": "[[models.variants]]",
    "judges": "[[judges]]",
    "scorers": "[[scorers]]",
}
"""Keys that are lists of tables → the header of each table."""
TYPES = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "date_type": "a date, such as 2026-01-31",
    "tuple_type": 'a list, such as ["…"]',
    "list_type": 'a list, such as ["…"]',
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
    "string_too_short": "a text that is not empty",
}
BOUNDS = {
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}
SAME_TYPE = {
    "int_parsing": "int_type",
    "int_from_float": "int_type",
    "float_parsing": "float_type",
    "bool_parsing": "bool_type",
}


def explain(
    error: "ValidationError", table: Mapping[str, Any], keys: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Location, str]]:
    """Yield each problem as (location, message with what is wrong and what is valid).

    `table` is what was checked; `keys` are the keys of every table, by the table's name ("" for the whole file).
    """
    expected: dict[Location, list[str]] = {}
    every = [_place(problem["loc"], table) for problem in error.errors(include_url=False)]
    for problem, location in zip(error.errors(include_url=False), every, strict=True):
        if problem["type"] == "extra_forbidden":
            yield location, f"no such key{_nearest(location, keys)}"
        elif problem["type"] == "missing":
            is_in_list = len(location) < len(problem["loc"])
            yield location, "has too few values." if is_in_list else "is missing."
        else:
            expected.setdefault(location, []).append(_expected(problem, location))
    for location, words in expected.items():
        if any(other[: len(location)] == location and other != location for other in every):
            # A list with invalid items is also reported as too short: only the items' problems are shown.
            continue
        value = "its value" if location[-1] in MAY_BE_SECRET else toml_text.shown(_at(table, location))
        alternatives = " or ".join(dict.fromkeys(word for word in words if word))
        yield location, f"{value} is not valid{f': should be {alternatives}' if alternatives else ''}."


def _expected(problem: Any, location: Location) -> str:
    """What the value should be; empty if that is not known."""
    from pydantic_core.core_schema import ErrorType

    kind, details = problem["type"], problem.get("ctx", {})
    kind = SAME_TYPE.get(kind, kind)
    if kind == "literal_error":
        return _in_toml(details["expected"])
    if kind in BOUNDS:
        bounds = {
            name: int(bound) if isinstance(bound, float) and bound.is_integer() else bound
            for name, bound in details.items()
        }
        return BOUNDS[kind].format_map(bounds)
    if location == ("tasks",):
        return "the name or the file of a task set in quotes, or a table [tasks]"
    header = HEADERS.get(str(location[-1]))
    if header and kind in ("tuple_type", "list_type"):
        return f"tables, each under {header}"
    if kind in TYPES:
        return TYPES[kind]
    if kind == "value_error":
        return str(details["error"]).rstrip(".")
    return "" if kind in get_args(ErrorType) else str(problem["msg"]).rstrip(".")


def _in_toml(expected: str) -> str:
    """The library's list of values, `True, 'low' or 'high'`, as TOML writes them."""
    return expected.replace("True", "true").replace("False", "false").replace("'", '"')


def _place(location: Location, table: Any) -> Location:
    """The location as far as the file has it: the library adds the names of types where several are possible."""
    place: Location = ()
    for part in location:
        if not isinstance(table, Mapping | Sequence) or isinstance(table, str):
            break
        place += (part,)
        if isinstance(table, Mapping):
            if part not in table:
                break  # a missing key
            table = table[part]
        elif isinstance(part, int) and part < len(table):
            table = table[part]
        else:
            return place[:-1]
    return place


def _at(table: Any, location: Location) -> Any:
    for part in location:
        table = table[part]
    return table


def _nearest(location: Location, keys: Mapping[str, Sequence[str]]) -> str:
    tables = [part for part in location[:-1] if isinstance(part, str)]
    known = keys.get(tables[-1] if tables else "", ())
    close = get_close_matches(str(location[-1]), known, n=1)
    return f"; did you mean {close[0]}?" if close else f" (keys: {', '.join(known)})." if known else "."
