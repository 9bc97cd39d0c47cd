"""Whatever a parser raises is one sentence on the file, and numbers and names are believed only as far as they can be true."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from qtui import catalog, config, paths
from qtui.errors import LONGEST_WORDS, UserError, shortened, words_of
from qtui.experiment import experiment
from qtui.experiment.scorers import load as load_scorers
from qtui.files import input_file, named_path, toml_location, toml_text
from qtui.files.parsing import parsing
from qtui.records import TaskSet
from qtui.task_sets import definition
from qtui.tasks import load_task_set
from qtui.ui import themes

SOURCES = Path(toml_text.__file__).parents[1]
DEEP = {
    "lists": "a = " + "[" * 1000,
    "closed lists": "a = " + "[" * 400 + "]" * 400,
    "tables": "a = " + "{a=" * 1000,
    "a dotted key": "a" + ".a" * 50_000 + " = 1",
    "a header": "[a" + ".a" * 50_000 + "]",
    "lists of tables": "\n".join("[[" + ".".join("a" * depth) + "]]" for depth in range(1, 90)),
}


def read_theme(path: Path) -> object:
    return themes.load(path)


def read_config(path: Path) -> object:
    return config.load(path)


def read_catalog(path: Path) -> object:
    paths.user_catalog().parent.mkdir(parents=True, exist_ok=True)
    paths.user_catalog().write_bytes(path.read_bytes())
    return catalog.entries()


def read_scorers(path: Path) -> object:
    return load_scorers(path, TaskSet("t", (), ""))


READERS = (experiment.load, read_config, read_catalog, read_theme, definition.read, read_scorers)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_toml_that_is_nested_too_deeply_is_one_sentence_with_the_line(read: object, text: str, tmp_path: Path) -> None:
    file = tmp_path / "f.toml"
    file.write_text(f"# first line\n{text}\n")
    with pytest.raises(
        UserError, match=r"\.toml: is TOML that cannot be read: .*nested too deeply \(line \d+: more than 64"
    ):
        read(file)  # type: ignore[operator]


def test_signs_in_texts_and_comments_are_no_levels(tmp_path: Path) -> None:
    text = (
        'a = """' + "[.{" * 300 + '"""\n' + "b = '" + "[" * 300 + "'\n# " + "{" * 300 + '\nc = "\\"' + "." * 300 + '"\n'
    )
    text += "d = '''" + "[" * 200 + "'''\n" + "e = [" + "1.5, " * 300 + "]\n"
    assert sorted(toml_text.parse(text, tmp_path)) == ["a", "b", "c", "d", "e"]


def test_only_one_module_calls_the_parser_of_toml_and_one_resolves_homes() -> None:
    callers = {"tomllib": set(), "expanduser": set()}  # type: dict[str, set[str]]
    for file in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name, found in callers.items():
                named = [each.name for each in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
                if name in named or getattr(node, "attr", "") == name:
                    found.add(file.relative_to(SOURCES).as_posix())
    assert callers == {"tomllib": {"files/toml_text.py"}, "expanduser": {"files/named_path.py"}}


def test_the_line_of_a_key_is_found_in_a_file_of_many_keys_that_are_all_wrong() -> None:
    text = "".join(f"[[models]]\nkey{number} = 1\n" for number in range(20_000))
    assert toml_location.line_of(text, ("models", 19_999, "key19999")) == 40_000
    assert toml_location.line_of(text, ("models",)) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (MemoryError(), "there is not enough memory for it"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "it has a text that is not Unicode"),
        (OverflowError("int too large"), "it has a number that is too large"),
        (KeyError("name"), "it is not of the usual form: it lacks 'name'"),
        (AttributeError("'str' object has no attribute 'get'"), "a value in it is not of the usual form"),
        (TypeError("x"), "a value in it is not of the usual form"),
        (StopIteration(), "StopIteration"),
        (RuntimeError("line one\nline two"), "line one"),
    ],
)
def test_whatever_a_parser_raises_is_one_sentence_on_the_file(error: Exception, said: str) -> None:
    with pytest.raises(UserError) as caught, parsing("m/config.json", "JSON", "download it again"):
        raise error
    assert str(caught.value) == f"m/config.json: cannot be read as JSON ({said}); download it again"
    assert caught.value.__cause__ is error


def test_a_sentence_of_qtui_passes_the_boundary_as_it_is() -> None:
    with pytest.raises(UserError, match=r"^f:3: said already$"), parsing("f", "JSON", "x"):
        raise UserError("f:3: said already")


def test_long_words_of_a_library_are_cut() -> None:
    assert len(words_of(ValueError("x" * 100_000))) == LONGEST_WORDS
    assert shortened("abcdef", 4) == "abc…"


@pytest.mark.parametrize("text", ["~nosuchuser/x", "a\0b", "x" * 300, "/".join(["y" * 200] * 30)])
def test_a_path_that_cannot_be_one_is_a_sentence(text: str) -> None:
    with pytest.raises(UserError, match=r"no such user|NUL|too long"):
        named_path.expanded(text)


def test_a_path_that_is_not_utf8_is_a_path() -> None:
    assert os.fsencode(named_path.expanded(os.fsdecode(b"a/\xff.toml"))) == b"a/\xff.toml"


def test_a_file_is_read_in_the_memory_that_it_needs(tmp_path: Path) -> None:
    """The limit for a file is 512 MiB; a file of three bytes is read where there are 300."""
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    code = (
        "import resource, sys; from pathlib import Path; from qtui.files import input_file\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)\n"
        "print(input_file.read(Path(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False, cwd=SOURCES.parent
    )
    assert (done.stdout.strip(), done.returncode) == ("b'abc'", 0), done.stderr


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end_or_its_limit(tmp_path: Path) -> None:
    kernel_file = Path("/proc/self/status")  # its size is 0
    assert kernel_file.stat().st_size == 0
    assert b"Name:" in input_file.read(kernel_file)
    with pytest.raises(UserError, match="larger than"):
        input_file.read(kernel_file, limit=10)


def test_tasks_in_a_file_whose_name_is_not_utf8_are_read(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.jsonl"))
    file.write_text('{"input": "a"}\n')
    task_set = load_task_set(str(file))
    assert [task.input for task in task_set.tasks] == ["a"]
    (task_set.name + task_set.source).encode()


def test_a_parquet_column_whose_name_is_not_utf8_is_a_sentence(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    file = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"input": ["a"], "abcdefgh": ["b"]}), file)
    file.write_bytes(file.read_bytes().replace(b"abcdefgh", b"\xff\xfebcdefg"))
    with pytest.raises(UserError, match=r"t\.parquet: not a readable Parquet file: "):
        load_task_set(str(file))
