"""What SQL takes for blank is what Python does."""

import sqlite3
import sys

from qtui.store.blanks import BLANKS


def test_trim_takes_away_what_strip_does() -> None:
    characters = "".join(chr(code) for code in range(1, sys.maxunicode + 1) if chr(code).isspace())
    [left] = (
        sqlite3.connect(":memory:").execute(f"SELECT trim(?, {BLANKS})", (f"{characters}猫{characters}",)).fetchone()
    )
    assert left == "猫"
    blanks = [int(code) for code in BLANKS.removeprefix("char(").removesuffix(")").split(",")]
    assert {chr(code) for code in blanks} == set(characters)
