import re
from pathlib import Path

import pytest
from rich.color import ColorSystem

from qtui import paths
from qtui.config import Config
from qtui.errors import UserError
from qtui.store import Store
from qtui.ui import themes
from qtui.ui.app import QtuiApp, settings
from qtui.ui.widgets.lines import Lines
from tests.ui.waiting import notices, until

GOOD = 'name = "mine"\nprimary = "#112233"\nbackground = "#000000"\n[variables]\nborder = "#445566 40%"\n'


def write(name: str, text: str) -> Path:
    path = paths.user_themes() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_themes_of_qtui_are_whole() -> None:
    found, problems = themes.load_all()
    assert [(file.theme.name, file.theme.dark) for file in found] == [
        ("qtui-dark", True),
        ("qtui-light", False),
        ("qtui-16", True),
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", ":1: is not valid TOML: Invalid value"),
        ('primary = "#112233"', ': a theme needs "name", a string'),
        ('name = "x"\nprimary = "blau"', ':2: "primary" is a colour like "#1e2630", not "blau"'),
        ('name = "x"\nprimary = "#123456"\nacent = "red"', ':3: no key "acent" (nearest: accent)'),
        ('name = "x"\nprimary = "#123456"\n[variables]\nborder = 3', ':4: "border" is a colour like "#1e2630", not 3'),
    ],
)
def test_a_broken_theme_is_named_with_file_line_and_key(text: str, message: str) -> None:
    path = write("mine.toml", text)
    with pytest.raises(UserError) as raised:
        themes.load(path)
    assert str(raised.value).startswith(f"{path}{message}")


async def test_the_workbench_starts_with_its_own_theme_where_the_users_is_broken(store_path: Path, study: int) -> None:
    path = write("mine.toml", "name = ")
    app = QtuiApp(store_path, config=Config(theme="mine"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.theme == "qtui-dark"
        said = [notice.message for notice in notices(app)]
        assert len([text for text in said if str(path) in text]) == 1
        assert [text for text in said if text.startswith('no theme "mine"')]


async def test_the_theme_in_use_reloads_when_its_file_changes(store_path: Path, study: int) -> None:
    path = write("mine.toml", GOOD)
    app = QtuiApp(store_path, config=Config(theme="mine"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.screen.styles.background.hex == "#000000"
        path.write_text(GOOD.replace("#000000", "#101010"), encoding="utf-8")
        await until(pilot, lambda: app.screen.styles.background.hex == "#101010")
        path.write_text("name = ", encoding="utf-8")
        await until(pilot, lambda: any(str(path) in notice.message for notice in notices(app)))
        assert app.screen.styles.background.hex == "#101010"


@pytest.mark.parametrize(
    ("term", "colorterm", "theme"),
    [
        ("xterm", "", "qtui-16"),
        ("linux", "", "qtui-16"),
        ("xterm-256color", "", "qtui-dark"),
        ("xterm", "truecolor", "qtui-dark"),
    ],
)
async def test_a_terminal_of_sixteen_colours_gets_the_theme_for_it(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, term: str, colorterm: str, theme: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLORTERM", colorterm)
    app = QtuiApp(store_path)
    app.suit_terminal()
    app.reader.close()
    assert app.theme == theme


async def test_another_theme_that_was_asked_for_stays_also_with_sixteen_colours(
    store_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    app = QtuiApp(store_path, config=Config(theme="qtui-light"))
    app.suit_terminal()
    app.reader.close()
    assert app.theme == "qtui-light"


async def test_in_sixteen_colours_every_state_has_a_colour_of_its_own(
    store_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = QtuiApp(store_path, config=Config(theme="qtui-16"))
    async with app.run_test() as pilot:
        await pilot.pause()
        lines = app.screen.query_one("#run-details", Lines)
        colours = {
            role: lines.get_component_rich_style(f"lines--{role}").color for role in ("good", "bad", "notice", "quiet")
        }
        shown = {role: colour.downgrade(ColorSystem.STANDARD).number for role, colour in colours.items() if colour}
    assert shown == {"good": 10, "bad": 9, "notice": 11, "quiet": 7}


@pytest.mark.parametrize("encoding", ["cp932", "utf-16", "euc_jp"])
def test_a_theme_that_is_not_utf8_is_named_with_its_line(encoding: str) -> None:
    path = write("mine.toml", "")
    path.write_bytes('name = "x"\n# 夜の色\n'.encode(encoding))
    with pytest.raises(UserError) as raised:
        themes.load(path)
    line = 1 if encoding == "utf-16" else 2
    assert str(raised.value).startswith(f"{path}:{line}: is not UTF-8 (byte ")
    assert str(raised.value).endswith("Save the file as UTF-8.")


@pytest.mark.parametrize(
    "variable",
    [
        'border = "#112233 ; } Screen { display: none"',
        'border = "#112233\\n"',
        'border = "#112233 400%"',
        'border = "$nothing"',
        'block-cursor-text-style = "blod"',
        'block-cursor-text-style = ""',
        'x-alpha = "many"',
        '"a b" = "#112233"',
        '"a;b" = "#112233"',
        'border = "rgb(1e999,2,3)"',
    ],
)
async def test_a_variable_that_would_break_the_style_sheet_is_named_and_stops_nothing(
    variable: str, store_path: Path, study: int
) -> None:
    path = write("mine.toml", f'name = "mine"\nprimary = "#112233"\n[variables]\n{variable}\n')
    with pytest.raises(UserError, match=rf"^{re.escape(str(path))}:4: "):
        themes.load(path)
    app = QtuiApp(store_path, config=Config(theme="mine"))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.theme == "qtui-dark"


@pytest.mark.parametrize("text", ["a = " + "[" * 1000, 'theme = 3\n[keymap]\n"x" = 5\n', "\x00"])
async def test_a_bad_config_is_a_notice_and_the_workbench_opens(text: str, store_path: Path, study: int) -> None:
    paths.config_file().parent.mkdir(parents=True, exist_ok=True)
    paths.config_file().write_text(text, encoding="utf-8")
    config, problems = settings()
    assert problems
    app = QtuiApp(store_path, config=config, notices=problems)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.theme == "qtui-dark"
        assert [notice.message for notice in notices(app) if "config.toml" in notice.message]


async def test_a_notice_has_no_control_characters_of_the_file_that_it_quotes(store_path: Path, study: int) -> None:
    app = QtuiApp(store_path, notices=["bad \x1b]0;title\x07 \udcff name"])
    async with app.run_test() as pilot:
        await pilot.pause()
        assert [notice.message for notice in notices(app) if notice.message.startswith("bad")] == [
            "bad ]0;title \ufffd name"
        ]
