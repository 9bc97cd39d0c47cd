"""Values of a wrong type anywhere in an experiment: file, line and key, in the words of TOML and never in those of Python."""

import datetime
import re
import types
import typing
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from qtui import paths
from qtui.errors import UserError
from qtui.experiment import form
from qtui.experiment.experiment import parse
from qtui.experiment.judges import named
from qtui.records import TaskSet

FORBIDDEN = re.compile(
    r"valid (tuple|string|integer|number|boolean|dictionary|list|date|literal)|Input|[Aa]rray|Expected|parse|instance|"
    r"validat|pydantic|msgspec|\b(tuple|dict|str|int|float|bool|None|True|False|datetime|object|Literal)\b|Field required"
)
VALUES: dict[str, object] = {
    "true": True,
    "1": 1,
    "-1": -1,
    "1.5": 1.5,
    "inf": float("inf"),
    "nan": float("nan"),
    f"1{'0' * 30}": 10**30,
    f"1{'0' * 400}": 10**400,
    '"text"': "text",
    '""': "",
    f'"{"long " * 50}"': "long",
    "[]": [],
    "[1]": [1],
    '["a"]': ["a"],
    "[[1]]": [[1]],
    "[{}]": [{}],
    "{}": {},
    "{ a = 1 }": {"a": 1},
    "2024-01-31": datetime.date(2024, 1, 31),
    "12:30:00": datetime.time(12, 30),
}
TABLES: dict[str, type[BaseModel]] = {
    "": form.ExperimentForm,
    "[tasks]": form.TasksForm,
    "[sampling]": form.SamplingForm,
    "[[models]]": form.ModelForm,
    "[[models.variants]]": form.VariantForm,
    "[[judges]]": form.JudgeForm,
    "[[scorers]]": form.ScorerForm,
}
NEEDED = {
    "": {"name": '"e"'},
    "[tasks]": {"source": '"demo"'},
    "[sampling]": {},
    "[[models]]": {"name": '"m"'},
    "[[models.variants]]": {"name": '"v"', "engine": '"transformers"', "weights": '"demo"'},
    "[[judges]]": {"kind": '"reference"'},
    "[[scorers]]": {"kind": '"exact_match"'},
}
WRITTEN_AS_KEY = {
    ("", "tasks"): ("[tasks]",),
    ("", "sampling"): ("[sampling]",),
    ("", "models"): ("[[models]]", "[[models.variants]]"),
    ("", "judges"): ("[[judges]]",),
    ("", "scorers"): ("[[scorers]]",),
    ("[[models]]", "variants"): ("[[models.variants]]",),
}
"""Keys that are tables: where the value is written, these are left out."""
FIELDS = [(table, key) for table, kind in TABLES.items() for key in kind.model_fields]


def written(header: str, key: str, value: str) -> tuple[str, int]:
    """A valid experiment but for one value, and the line of that value."""
    lines: list[str] = []
    place = 0
    for table, needed in NEEDED.items():
        is_changed = table == header
        if table in WRITTEN_AS_KEY.get((header, key), ()):
            continue
        lines += [table] if table else []
        for name, text in (needed | ({key: value} if is_changed else {})).items():
            lines.append(f"{name} = {text}")
            if is_changed and name == key:
                place = len(lines)
    return "\n".join(lines) + "\n", place


def fits(value: object, annotation: Any) -> bool:
    """Whether a value has a type that a field takes; bounds are not looked at."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return fits(value, inner[0])
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, each) for each in inner)
    if origin is Literal:
        return any(value == each and type(value) is type(each) for each in inner)
    if origin is tuple:
        return isinstance(value, list) and all(fits(each, inner[0]) for each in value)
    if annotation is Any or origin is dict:
        return annotation is Any or isinstance(value, dict)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return isinstance(value, dict)
    if isinstance(value, bool):
        return annotation is bool
    if annotation is float:
        return isinstance(value, int | float)
    return isinstance(annotation, type) and isinstance(value, annotation)


def problems(text: str, folder: Path) -> list[str]:
    try:
        parse(text, folder / "e.toml")
    except UserError as error:
        return str(error).replace(f"{folder}/", "").splitlines()
    return []


@pytest.mark.parametrize(("header", "key"), FIELDS)
def test_a_value_of_a_wrong_type_is_named_by_line_and_key_in_plain_words(header: str, key: str, tmp_path: Path) -> None:
    annotation = TABLES[header].model_fields[key].annotation
    for value, read in VALUES.items():
        text, line = written(header, key, value)
        found = problems(text, tmp_path)
        said = [each.replace(str(paths.PACKAGE.parent), "") for each in found]
        assert not [each for each in said if FORBIDDEN.search(each)], (value, found)
        assert all(len(each) < 400 for each in found), (value, found)
        with_text = (("", "tasks"), ("[tasks]", "input"), ("[tasks]", "source"), ("[[scorers]]", "labels"))
        takes_a_text = (header, key) in with_text and (isinstance(read, str) or read == ["a"])
        if not fits(read, annotation) and not takes_a_text:
            place = re.compile(rf"e\.toml:{line}: (\w+(\[\d+\])?\.)*{key}(\[\d+\])*(\.\w+)?(\[\d+\])?: ")
            assert any(place.match(each) for each in found), (value, found)


@pytest.mark.parametrize(
    ("header", "key", "value", "said"),
    [
        ("[sampling]", "max_tokens", "true", "true is not valid: should be a whole number."),
        ("[sampling]", "max_tokens", '"64"', '"64" is not valid: should be a whole number.'),
        ("[sampling]", "max_tokens", "64.0", "64.0 is not valid: should be a whole number."),
        ("[sampling]", "repetition_penalty", "inf", "inf is not valid: should be a finite number."),
        ("[sampling]", "repetition_penalty", "nan", "nan is not valid: should be a finite number."),
        ("[sampling]", "temperature", "-1", "-1 is not valid: should be at least 0."),
        ("[sampling]", "stop", '"a"', '"a" is not valid: should be a list, such as ["…"].'),
        ("[sampling]", "stop", "[1]", "1 is not valid: should be a text in quotes."),
        ("[[models]]", "control", '"yes"', '"yes" is not valid: should be true or false.'),
        ("[[models.variants]]", "engine", '"vllm"', 'should be "transformers", "llama.cpp" or "openai".'),
        ("", "models", "{}", "a table is not valid: should be tables, each under [[models]]."),
        (
            "",
            "tasks",
            "1",
            "1 is not valid: should be the name or the file of a task set in quotes, or a table [tasks].",
        ),
    ],
)
def test_the_sentence_says_what_the_value_should_be(
    header: str, key: str, value: str, said: str, tmp_path: Path
) -> None:
    text, line = written(header, key, value)
    assert [each for each in problems(text, tmp_path) if each.startswith(f"e.toml:{line}: ") and each.endswith(said)]


def test_a_value_that_may_be_a_secret_is_not_quoted(tmp_path: Path) -> None:
    for value in ('["sk-secret"]', '{ a = "sk-secret" }', "12345"):
        text, _ = written("[[judges]]", "base_url", value)
        found = problems(text, tmp_path)
        assert found
        assert not [each for each in found if "secret" in each or "12345" in each]


def test_a_run_of_an_older_qtui_is_still_read(tmp_path: Path) -> None:
    text, _ = written("[sampling]", "max_tokens", '"64"')
    assert parse(text, tmp_path / "e.toml", stored_tasks=TaskSet("t", ())).sampling.max_tokens == 64


def test_the_judges_of_a_broken_experiment_are_refused_in_plain_words() -> None:
    with pytest.raises(UserError) as raised:
        named('[[judges]]\nkind = "oracle"\ntakes = "many"')
    assert not FORBIDDEN.search(str(raised.value))


@pytest.mark.parametrize(
    ("engine", "weights", "said"),
    [
        ("transformers", "https://huggingface.co/owner/name", 'weights = "owner/name"'),
        ("transformers", "huggingface.co/owner/name/tree/main", 'weights = "owner/name"'),
        (
            "llama.cpp",
            "https://hf.co/owner/name/resolve/main/m.Q4.gguf?download=true",
            'weights = "owner/name:m.Q4.gguf"',
        ),
        ("llama.cpp", "https://example.com/m.gguf", "is an address, not weights"),
        ("llama.cpp", "hf://owner/name", "is an address, not weights"),
        ("openai", "http://localhost:8000/v1", "is the base_url of an openai variant"),
        ("transformers", "models/owner/name", "not a file or folder here, and not a hub id"),
        ("llama.cpp", "owner/my model.gguf", "no such file or folder"),
    ],
)
def test_weights_that_can_be_none_are_found_by_the_check(engine: str, weights: str, said: str, tmp_path: Path) -> None:
    text = _with_variant(f'engine = "{engine}"', f'weights = "{weights}"')
    [line] = [each for each in problems(text, tmp_path) if ".weights: " in each]
    assert said in line


@pytest.mark.parametrize("weights", ["owner/name", "owner/name:folder/m.gguf", "owner/na.me-1_b"])
def test_names_of_the_hub_are_weights(weights: str, tmp_path: Path) -> None:
    assert not problems(_with_variant('engine = "llama.cpp"', f'weights = "{weights}"'), tmp_path)


def test_a_variable_that_is_named_and_not_set_is_found_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    judge = '[[judges]]\nkind = "openai"\nmodel = "j"\n'
    text = _with_variant('engine = "transformers"', 'weights = "demo"')
    assert not problems(text + judge, tmp_path)
    [said] = problems(f'{text}{judge}api_key_env = "MY_MISSING_KEY"\n', tmp_path)
    assert "judges[1].api_key_env: the environment variable MY_MISSING_KEY is not set" in said
    kept = parse(f'{text}{judge}api_key_env = "MY_MISSING_KEY"\n', tmp_path / "e.toml", needs_judge_keys=False)
    assert kept.unset_keys.endswith(said), "a run that is there may need the judge no longer"
    monkeypatch.setenv("MY_MISSING_KEY", "k")
    assert not problems(f'{text}{judge}api_key_env = "MY_MISSING_KEY"\n', tmp_path)


def test_tasks_as_text_and_table_says_how_to_write_both(tmp_path: Path) -> None:
    text = 'tasks = "mine.csv"\n' + _with_variant('engine = "transformers"', 'weights = "demo"').split("\n", 1)[1]
    [said] = problems(f'name = "e"\n{text}[tasks]\ninput = "q"\n', tmp_path)
    assert re.match(r"e\.toml:\d+: is not valid TOML", said)
    assert 'source = "…" under [tasks]' in said


def _with_variant(*lines: str) -> str:
    head = 'tasks = "demo"\nname = "e"\n[[models]]\nname = "m"\n[[models.variants]]\nname = "v"\n'
    return head + "\n".join(lines) + "\n"
