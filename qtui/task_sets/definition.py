"""The definition of a task set: a TOML file that says where the set is, which column is what, and how a question is asked.

It contains no data. Every key is checked, and a problem is named with file, line and key.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import msgspec

from qtui.errors import UserError
from qtui.files import input_file, toml_text
from qtui.files.toml_location import Location, line_of
from qtui.task_sets import slots

SCORER_KINDS = (
    "exact_match", "choice", "last_number", "f1_characters", "rouge_l", "chrf", "bleu", "regex", "json_schema", "instructions",
    "code",
)  # fmt: skip
RightIs = Literal["index", "letter", "label", "text"]
CHOICE_SLOTS = ("letter", "number", "text")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a definition."""


class Source(_Table, frozen=True):
    """Where the rows are: a data set on the hub, or a file or folder on this disk (relative to the definition's folder)."""

    hub: str = ""
    revision: str | None = None
    """A commit, tag or branch; None is the newest. What was loaded is stored with the run."""
    config: str | None = None
    split: str = "test"
    files: list[str] = []
    """Patterns of the repository's or folder's files, read one by one; empty lets the `datasets` library or the split decide."""
    archive: str = ""
    """A zip file in the repository or folder that has the files."""
    path: str = ""
    header: list[str] = []
    """Names of the columns, for tables without a header."""
    sha256: dict[str, str] = {}
    """File name → SHA-256 of its content, in hexadecimal digits."""
    page: str = ""
    """Where people find the set, if it is on no hub."""


class Columns(_Table, frozen=True):
    """Which column is what. A name may have a dot: `answers.text` is the field `text` of the column `answers`."""

    turns: str = ""
    """A list of the user's turns, or of messages, in place of a question."""
    reference: str = ""
    """The right answer, or a list of right answers. For turns: a list with one per turn."""
    reference_pattern: str = ""
    """A regular expression whose first group is the right answer in that column."""
    criteria: str = ""
    category: str = ""
    choices: str | list[str] = ""
    """A column with a list of texts, or several columns with a text each."""
    labels: str = ""
    """A list with the names of the choices."""
    right: str = ""
    """The right choice."""
    right_is: RightIs = "index"
    """Whether `right` is an index from `first_index`, a letter from A, one of `labels`, or the choice's text."""
    first_index: int = 0
    checks: dict[str, str] = {}
    """Name → column: what the scorer checks. Columns with lists become a list of objects with these names."""


class Prompt(_Table, frozen=True):
    """How a question is asked. All but `joint` are templates with slots; see `slots`."""

    question: str = ""
    answer: str = "{reference}"
    """The answer of an example."""
    intro: str = ""
    """Text before the examples and the question."""
    choice: str = "{letter}. {text}"
    """A line of {choices}."""
    joint: str = "\n\n"
    """Between intro, examples and question."""


class Examples(_Table, frozen=True):
    """Few-shot examples: answered questions before the question."""

    number: int = 0
    split: str = ""
    """Another split of the source."""
    positions: list[int] = []
    """Which rows of the split, from 1; empty takes the first ones."""
    same: str = ""
    """A column: an example has the same value there as the question."""
    inline: list[dict[str, Any]] = []
    """Rows that the definition has itself, in place of a split."""


class Scorer(_Table, frozen=True):
    """How answers are scored; the settings are those of that kind of scorer."""

    kind: str
    settings: dict[str, Any] = {}


class Definition(_Table, frozen=True):
    """A task set by name."""

    source: Source
    title: str = ""
    about: str = ""
    language: str = ""
    licence: str = ""
    size: int | None = None
    """Tasks of the split, as published; None if that is not known."""
    metric: str = ""
    max_tokens: int | None = None
    stop: list[str] = []
    columns: Columns = Columns()
    prompt: Prompt = Prompt()
    examples: Examples = Examples()
    scorer: Scorer | None = None
    name: str = ""
    """The name of its file."""
    file: str = ""


OWN = ("name", "file")
"""Fields that the file does not say itself."""


def read(path: Path) -> Definition:
    """Return the definition in a file. Raises UserError with file, line and key."""
    try:
        text = input_file.read_text(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}.") from error
    table = toml_text.parse(text, path)

    def problem(location: Location, message: str) -> UserError:
        line = line_of(text, location)
        place = f"{path}:{line}" if line else str(path)
        return UserError(f"{place}: {'.'.join(str(part) for part in location) or 'the definition'}: {message}")

    for key in OWN:
        if key in table:
            raise problem((key,), "no such key; the name of a task set is that of its file.")
    try:
        found = msgspec.convert(table | {"name": path.stem, "file": str(path)}, Definition)
    except msgspec.ValidationError as error:
        raise problem(*_explain(error)) from None
    for location, message in _problems(found):
        raise problem(location, message)
    return found


def _explain(error: msgspec.ValidationError) -> tuple[Location, str]:
    """The place in the file and what is wrong there, of a message such as "Expected `int`, got `str` - at `$.size`"."""
    message, _, place = str(error).partition(" - at `")
    parts = re.findall(r"\.?([A-Za-z0-9_]+)|\[(\d+)\]", place.removeprefix("$").rstrip("`"))
    location: Location = tuple(name if name else int(number) for name, number in parts)
    if unknown := re.search(r"unknown field `(.*)`", message):
        keys = _keys(location)
        near = get_close_matches(unknown[1], keys, n=1)
        hint = f"; did you mean {near[0]}?" if near else f" (keys: {', '.join(keys)})."
        return (*location, unknown[1]), f"no such key{hint}"
    if missing := re.search(r"missing required field `(.*)`", message):
        return (*location, missing[1]), "is missing."
    words = {"str": "a text", "int": "a whole number", "array": "a list", "object": "a table", "null": "nothing"}
    plain = re.sub(
        r"`([^`]*)`", lambda kind: " or ".join(words.get(each, each) for each in kind[1].split(" | ")), message
    )
    return location, plain[0].lower() + plain[1:] + "."


def _keys(location: Location) -> list[str]:
    kind: Any = Definition
    for part in location:
        hint = get_type_hints(kind).get(str(part))
        kind = next(
            (each for each in (hint, *get_args(hint)) if isinstance(each, type) and issubclass(each, _Table)), _Table
        )
    return [name for name in kind.__struct_fields__ if name not in OWN]


def _problems(found: Definition) -> Iterator[tuple[Location, str]]:
    yield from _source_problems(found.source)
    yield from _column_problems(found)
    yield from _example_problems(found)
    if found.max_tokens is not None and found.max_tokens < 1:
        yield ("max_tokens",), f"{found.max_tokens}: an answer needs at least 1."
    if found.scorer and found.scorer.kind not in SCORER_KINDS:
        near = get_close_matches(found.scorer.kind, SCORER_KINDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f" (kinds: {', '.join(SCORER_KINDS)})."
        yield ("scorer", "kind"), f'no kind "{found.scorer.kind}"{hint}'
    for key in ("question", "answer", "intro", "choice"):
        if message := slots.form_problem(getattr(found.prompt, key)):
            yield ("prompt", key), message
    for name in slots.names(found.prompt.choice):
        if name not in CHOICE_SLOTS:
            yield ("prompt", "choice"), f"has no slot {{{name}}} (slots: {', '.join(CHOICE_SLOTS)})."


def _source_problems(source: Source) -> Iterator[tuple[Location, str]]:
    if not (source.hub or source.path or source.page):
        yield ("source",), 'names no place: set hub = "owner/name", or path = "…" for a file or folder.'
    for name, digits in source.sha256.items():
        if not re.fullmatch(r"[0-9a-f]{64}", digits):
            yield ("source", "sha256"), f'"{name}": a SHA-256 has 64 digits from 0 to 9 and a to f.'


def _column_problems(found: Definition) -> Iterator[tuple[Location, str]]:
    columns = found.columns
    if bool(columns.turns) == bool(found.prompt.question):
        yield ("prompt", "question"), "set either this, or columns.turns for a set of conversations."
    if columns.choices and not columns.right:
        yield ("columns", "choices"), "has no right choice: set right to the column that names it."
    if columns.right and not columns.choices:
        yield ("columns", "right"), "there are no choices: set choices to their columns."
    if columns.right_is == "label" and not columns.labels:
        yield ("columns", "right_is"), '"label" needs labels, the column with the names of the choices.'
    yield from _pattern_problems(columns)


def _example_problems(found: Definition) -> Iterator[tuple[Location, str]]:
    examples = found.examples
    if examples.number < 0:
        yield ("examples", "number"), f"{examples.number} is not a number of examples."
    if examples.number and not (examples.split or examples.inline):
        message = 'name the split that the examples come from (split = "train"), or write them as inline.'
        yield ("examples",), message
    if examples.split and examples.split == found.source.split:
        yield ("examples", "split"), "is the split that is asked: a question would show its own answer."
    if any(position < 1 for position in examples.positions):
        yield ("examples", "positions"), "positions count from 1."


def _pattern_problems(columns: Columns) -> list[tuple[Location, str]]:
    if not columns.reference_pattern:
        return []
    place = ("columns", "reference_pattern")
    try:
        has_group = re.compile(columns.reference_pattern).groups > 0
    except re.error as error:
        return [(place, f"is not a regular expression: {error}.")]
    return [] if has_group else [(place, "has no group: put the answer's part into ( ).")]
