"""Whole files that are wrong: each problem is a sentence with file, line and key, in one line, in no words of Python."""

import re
from pathlib import Path

import pytest

from qtui.errors import UserError
from qtui.experiment.experiment import load

HEAD = 'name = "x"\ntasks = "t.jsonl"\n'
MODEL = '[[models]]\nname = "m"\n'
VARIANT = '[[models.variants]]\nname = "A"\nengine = "transformers"\nweights = "demo"\n'
WHOLE = HEAD + MODEL + VARIANT
JUDGE = WHOLE + '[[judges]]\nkind = "openai"\nmodel = "g"\n'
LONG = "a" * 5000
PYTHON = re.compile(
    r"Input should|Traceback|NoneType|tuple|dict|Errno|codec|embedded null|\\bTrue\\b|\\bNone\\b|home directory|recursion depth"
)


def problems(folder: Path, text: str | bytes) -> list[str]:
    (folder / "t.jsonl").write_text('{"input": "a", "output": "b"}\n', encoding="utf-8")
    path = folder / "e.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as raised:
        load(path)
    said = str(raised.value).replace(f"{folder}/", "")
    assert not PYTHON.search(said), said
    assert all(line.startswith("e.toml:") and line.isprintable() for line in said.splitlines()), said
    return said.splitlines()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + MODEL, "e.toml:3: models[1].variants: is missing."),
        (WHOLE + "[models.sampling]\nseed = 1\n", "e.toml:9: models[1].sampling: no such key"),
        (WHOLE + '[[models.judges]]\nkind = "reference"\n', "e.toml:9: models[1].judges: no such key"),
        (WHOLE + '[[judge]]\nkind = "reference"\n', "e.toml:9: judge: no such key; did you mean judges?"),
        (WHOLE + "[[sampling]]\nseed = 1\n", "e.toml:9: sampling: a list is not valid: should be a table."),
        (HEAD + VARIANT, "e.toml:3: models: a table is not valid: should be tables, each under [[models]]."),
        (HEAD + '"a\\u001b[31m" = 1\n' + MODEL + VARIANT, 'e.toml:3: "a\\u001b[31m": no such key'),
        (HEAD + '"" = 1\n' + MODEL + VARIANT, 'e.toml:3: "": no such key'),
        (WHOLE.replace('"t.jsonl"', "5"), "e.toml:2: tasks: 5 is not valid: should be the name or the file of a task set"),
        (WHOLE + "[sampling]\nseed = " + "9" * 5000, "e.toml: is TOML that cannot be read: a number is too long"),
        (HEAD + "x = " + "[" * 5000 + "]" * 5000, "e.toml: is TOML that cannot be read: a number is too long, or tables"),
        (WHOLE + "[sampling]\nseed = 1\n[sampling]\nseed = 2\n", "e.toml:11: is not valid TOML: Cannot declare sampling twice"),
        (WHOLE.replace('"x"', "x", 1), "e.toml:1: is not valid TOML: Invalid value (at line 1, column 8). A text needs quotes."),
        (WHOLE + '[sampling]\nstop = [""]\n', 'e.toml:10: sampling.stop[1]: "" is not valid: should be a text'),
        (WHOLE + "template_args = {a = {b = [nan]}}\n", "e.toml:9: models[1].variants[1].template_args: has a date, a"),
        (WHOLE.replace('"x"', '"a\\nb"', 1), "e.toml:1: name: has a control character or a line break"),
        (WHOLE.replace('"m"', '" "'), "e.toml:4: models[1].name: is blank"),
        (WHOLE.replace('"A"', '"A\\u202e"'), "e.toml:6: models[1].variants[1].name: has a control character"),
        (WHOLE.replace('"x"', f'"{LONG}"', 1), "e.toml:1: name: has 5,000 characters; a name has at most 200."),
        (WHOLE.replace('"demo"', '"~nobodyx/m"'), 'e.toml:8: models[1].variants[1].weights: begins with "~nobodyx"'),
        (WHOLE.replace('"demo"', '"a\\u0000"'), "e.toml:8: models[1].variants[1].weights: has a control character"),
        (WHOLE.replace('"demo"', f'"{LONG}"'), "e.toml:8: models[1].variants[1].weights: is too long"),
        (WHOLE.replace('"t.jsonl"', f'"{LONG}"'), "e.toml:2: tasks: is too long"),
        (WHOLE + 'imatrix = "~nobodyx/m"\n', "e.toml:9: models[1].variants[1].imatrix: begins with"),
        (HEAD + MODEL + 'prompt = "t.jsonl"\n' + VARIANT, "e.toml:5: models[1].prompt: t.jsonl: never reads the task"),
        (JUDGE + 'base_url = ""\n', "e.toml:12: judges[1].base_url: is empty."),
        (JUDGE + 'base_url = "localhost:8000"\n', "e.toml:12: judges[1].base_url: is not an address of a server"),
        (JUDGE + 'base_url = "http://h o/v1"\n', "e.toml:12: judges[1].base_url: has a space"),
        (JUDGE + 'base_url = "http://h:99999/v1"\n', "e.toml:12: judges[1].base_url: is not an address"),
        (JUDGE + 'base_url = "${NOT_SET_HERE}"\n', "e.toml:12: judges[1].base_url: the environment variable NOT_SET_HERE is"),
        (JUDGE + 'prompt = "a\\u0000"\n', "e.toml:12: judges[1].prompt: has a control character"),
        (b"\x1f\x8b\x08", "e.toml: is compressed with gzip"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_by_one_sentence_with_its_place(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    [line] = problems(tmp_path, text)
    assert line.startswith(said)


def test_an_address_that_a_variable_holds_is_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.jsonl").write_text('{"input": "a"}\n', encoding="utf-8")
    (tmp_path / "e.toml").write_text(JUDGE + 'base_url = "${JUDGE_ADDRESS}"\n', encoding="utf-8")
    monkeypatch.setenv("JUDGE_ADDRESS", "http://127.0.0.1:9/v1")
    assert load(tmp_path / "e.toml").judges[0].base_url == "${JUDGE_ADDRESS}"
