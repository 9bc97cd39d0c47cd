"""Make the pictures of the README and its generated parts again: `make docs`.

Pictures are taken from the real workbench on real stores: the demo (run on the spot) and the study, whose folder is an argument.
"""

import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from qtui.store import open_store
from qtui.ui import keys
from qtui.ui.app import QtuiApp

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
SIZE = (120, 36)
PATIENCE_SECONDS = 60
# Tasks and answers of the study belong to others: pictures that show texts are taken of the demo.
SHOTS = (
    ("runs", "demo", ("1",), "answers"),
    ("tasks", "demo", ("2",), "Criteria"),
    ("compare", "demo", ("3", "n", "n", "n", "n", "n", "n", "n"), "Task 8 of 52"),
    ("scores", "study", ("4",), "90 % interval"),
    ("lengths", "study", ("5",), "Swallow"),
    ("models", "study", ("6",), "calm2"),
)


def main(study: Path) -> None:
    (HERE / "pictures").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        # Relative, so that no path of this machine is in a picture.
        stores = {name: Path(f"{name}.sqlite") for name in ("demo", "study")}
        table = _qtui("demo", "--headless", "--store", str(stores["demo"]))
        _qtui("import", "gpt4-autoeval", str(study), "--store", str(stores["study"]))
        _qtui("judge", "reference", "--store", str(stores["study"]))
        for store in stores.values():
            _forget_origin(store)
        pictures = asyncio.run(_take_all(stores))
    (HERE / "pictures" / "README.md").write_text(_as_text(pictures))
    text = README.read_text()
    text = _put(text, "demo", f"```text\n{table.strip()}\n```")
    README.write_text(_put(text, "keys", keys_table()))


def _forget_origin(path: Path) -> None:
    with contextlib.closing(open_store(path)) as store:
        store.execute("UPDATE run SET origin = 'data/experiments/demo.toml' WHERE source = 'run'")
        store.execute("UPDATE run SET origin = 'gpt4-autoeval/assets' WHERE source = 'import'")


def keys_table() -> str:
    """The README's part on keys, from the one table."""
    parts = []
    for place, found in keys.by_place().items():
        rows = [f"| {_caps(key.keys)} | {key.label}{f': {key.help}' if key.help else ''} |" for key in found]
        parts.append("\n".join([f"**{keys.TITLES[place]}**", "", "| key | what it does |", "|---|---|", *rows]))
    return "\n\n".join(parts)


def _caps(names: str) -> str:
    plain = {
        "question_mark": "?", "slash": "/", "left_square_bracket": "[", "right_square_bracket": "]",
        "up": "↑", "down": "↓", "pageup": "PgUp", "pagedown": "PgDn",
    }  # fmt: skip
    words = [plain.get(name, name) for name in names.split(",")]
    return " ".join(f"`{word[0].upper() + word[1:] if len(word) > 1 else word}`" for word in words)


def _put(text: str, mark: str, content: str) -> str:
    return re.sub(
        rf"<!-- {mark} -->.*?<!-- /{mark} -->",
        lambda _: f"<!-- {mark} -->\n{content}\n<!-- /{mark} -->",
        text,
        flags=re.DOTALL,
    )


async def _take_all(stores: dict[str, Path]) -> dict[str, str]:
    return {name: await _take(name, stores[store], presses, sign) for name, store, presses, sign in SHOTS}


async def _take(name: str, store: Path, presses: tuple[str, ...], sign: str) -> str:
    """One picture as SVG on disk and as text in return, once the screen shows the sign."""
    app = QtuiApp(store)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(1)
        for key in presses:
            await pilot.press(key)
            await pilot.pause(0.5)
        for _ in range(PATIENCE_SECONDS * 5):
            await pilot.pause(0.2)
            shown = _screen_text(app)
            if sign in shown and "omputing" not in shown and "being computed" not in shown:
                break
        else:
            raise SystemExit(f"{name}: {sign!r} was not shown:\n{_screen_text(app)}")
        await pilot.pause(0.5)
        (HERE / "pictures" / f"{name}.svg").write_text(_self_contained(app.export_screenshot(title="qtui")))
        return _screen_text(app)


def _self_contained(svg: str) -> str:
    """Without fonts from elsewhere (an image in a page may not load any), and with the blanks that a line begins with."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "DejaVu Sans Mono").replace("<text ", '<text xml:space="preserve" ')


def _screen_text(app: QtuiApp) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)


def _as_text(pictures: dict[str, str]) -> str:
    parts = [f"## {name.capitalize()}\n\n```text\n{shown}\n```\n" for name, shown in pictures.items()]
    return "# The workbench as text\n\n" + "\n".join(parts)


def _qtui(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "qtui", *arguments], check=True, stdout=subprocess.PIPE, text=True
    ).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
