"""ARCHITECTURE.md names files and rooms that exist, and every room of the package is in it."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`((?:qtui|tests)/[\w./]*)`")
MODULE = re.compile(r"`(qtui(?:\.\w+)+)`")
OF_A_NEW_THING = "NAME"


def test_every_place_in_the_architecture_exists() -> None:
    places = [place for place in PLACE.findall(TEXT) if OF_A_NEW_THING not in place]
    assert len(places) > 50
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_every_module_in_the_architecture_exists() -> None:
    paths = [ROOT / Path(*name.split(".")) for name in MODULE.findall(TEXT)]
    assert paths
    assert [path for path in paths if not (path.is_dir() or path.with_suffix(".py").is_file())] == []


def test_every_room_is_in_the_architecture() -> None:
    packages = [file.parent.relative_to(ROOT) for file in (ROOT / "qtui").rglob("__init__.py")]
    rooms = [room for room in packages if len(room.parts) == 2 or room.parent.name == "engines"]
    assert [room for room in rooms if f"`{room.as_posix()}/`" not in TEXT] == []
