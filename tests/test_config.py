from pathlib import Path

import pytest

from qtui import config, paths
from qtui.errors import UserError


def write(text: str) -> Path:
    path = paths.config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_has_its_default() -> None:
    assert config.load() == config.Config()


def test_what_the_file_says_is_taken() -> None:
    write('theme = "nord"\nmargin = 1\nmouse = false\n[keymap]\n"compare.next" = "l,right"\n')
    assert config.load() == config.Config("nord", 1.0, False, {"compare.next": "l,right"})


def test_a_key_id_may_be_written_without_quotes() -> None:
    write('[keymap]\ncompare.next = "l"\n')
    assert config.load(key_ids=["compare.next"]).keymap == {"compare.next": "l"}


def test_the_converters_folder_is_one_beside_the_file_or_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    folder = write('converter = "llama.cpp"\n').parent
    assert config.load().converter == folder / "llama.cpp"
    write('converter = "~/llama.cpp"\n')
    assert config.load().converter == Path("/home/me/llama.cpp")
    write('converter = "/opt/llama.cpp"\n')
    assert config.load().converter == Path("/opt/llama.cpp")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('them = "nord"', ':1: no key "them" (nearest: theme)'),
        ("\nmargin = 9", ':2: "margin" is a number of grades above 0 and below 4, not 9'),
        ("theme = 3", ':1: "theme" is a name in quotes, not 3'),
        ("converter = 3", ':1: "converter" is the folder of llama.cpp\'s sources in quotes, not 3'),
        ('mouse = "no"', ':1: "mouse" is true or false, not "no"'),
        ('redraw = "all"', ':1: "redraw" is "changes" or "full", not "all"'),
        ('[keymap]\n\n"compare.nxt" = "l"', ':3: no key id "compare.nxt" (nearest: compare.next)'),
        ('[keymap]\n"compare.next" = 3', ':2: "compare.next" is a text of keys, e.g. "n" or "n,down"'),
        ("theme = ", ":1: is not valid TOML: Invalid value (at end of document). A text needs quotes."),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(text: str, message: str) -> None:
    path = write(text)
    with pytest.raises(UserError) as raised:
        config.load(key_ids=["compare.next", "runs.new"])
    assert str(raised.value) == f"{path}{message}"


def test_all_mistakes_are_named_at_once() -> None:
    write('them = "nord"\nmargin = 9\n')
    with pytest.raises(UserError) as raised:
        config.load()
    assert len(str(raised.value).splitlines()) == 2


def test_what_is_wrong_is_left_out_and_the_rest_is_used() -> None:
    keymap = '[keymap]\n"compare.next" = "n"\n"compare.order" = 3\n"nix" = "a"\n'
    write(f'theme = 5\nmargin = 0.3\nconverter = "~nosuchuser/x"\n{keymap}')
    read, problems = config.load_valid(key_ids=["compare.next", "compare.order"])
    assert (read.theme, read.margin, read.converter, dict(read.keymap)) == (
        "qtui-dark",
        0.3,
        None,
        {"compare.next": "n"},
    )
    assert [problem.partition(": ")[0].rpartition(":")[2] for problem in problems] == ["1", "3", "6", "7"]
    assert all(problem.endswith(". This setting is ignored.") for problem in problems)


@pytest.mark.parametrize(
    "text", ["theme = [", "a = " + "[" * 1000, "".join(f"k{number} = 1\n" for number in range(5000))]
)
def test_a_file_that_says_nothing_right_leaves_the_defaults(text: str) -> None:
    write(text)
    read, problems = config.load_valid()
    assert read == config.Config()
    assert len(problems) == 1
    assert problems[0].endswith("The default settings are used.")


@pytest.mark.parametrize("keys", ["", "a b", "\x1b[31m", "ctrl +n", "n,,m", "x" * 5000])
def test_a_key_that_no_keyboard_has_is_named(keys: str) -> None:
    import json

    write(f'[keymap]\n"compare.next" = {json.dumps(keys)}\n')
    with pytest.raises(UserError, match=r'config\.toml:2: "compare\.next" '):
        config.load(key_ids=["compare.next"])
