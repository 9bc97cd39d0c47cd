"""A short form of `make fuzz`: every cheap kind of input, with one seed; and that the fuzzer itself sees what it is to find."""

from pathlib import Path
from random import Random

import pytest

from qtui.errors import UserError
from tests.fuzz import text_kinds
from tests.fuzz.arena import CRASH, FINE, GOOD, HANG, SENTENCE, TRACEBACK, Kind, Outcome, outcomes, random_of
from tests.fuzz.kinds import KINDS

SHORT = {
    "experiment": 20, "config": 20, "models.toml": 20, "theme": 30, "definition": 20, "tasks": 30, "archive": 20,
    "parquet": 20, "study": 10,
    "endpoint reply": 60, "template": 20, "run check": 6, "prices": 20, "keymap": 20, "judge prompt": 60,
    "endpoint": 10, "store": 6,
}  # fmt: skip
"""How many of a kind; those that need models or the whole workbench are for `make fuzz`."""


@pytest.mark.parametrize("name", SHORT)
def test_damaged_inputs_are_read_or_answered_by_a_sentence(name: str, tmp_path: Path) -> None:
    kind = next(each for each in KINDS if each.name == name)
    (tmp_path / "real").mkdir()
    kind.prepare(tmp_path / "real")
    found = list(outcomes(kind, range(SHORT[name]), 13, tmp_path))
    assert len(found) == SHORT[name]
    assert [outcome for outcome in found if outcome.result not in GOOD] == []


@pytest.mark.parametrize("name", ["experiment", "config", "models.toml", "theme", "definition", "prices", "run check"])
def test_what_is_damaged_is_right_before(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file that is refused anyway, only the first check is tried."""
    monkeypatch.setattr(text_kinds, "UNCHANGED", 1.0)
    kind = next(each for each in KINDS if each.name == name)
    found = list(outcomes(kind, range(2), 13, tmp_path))
    assert [outcome.result for outcome in found] == [FINE, FINE], found


def _write_number(random: Random, folder: Path) -> None:
    (folder / "number").write_text(str(random.randrange(1000)))


def test_the_same_seed_makes_the_same_input(tmp_path: Path) -> None:
    for kind in KINDS:
        assert random_of(3, kind.name, 7).random() == random_of(3, kind.name, 7).random()
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        _write_number(random_of(1, "k", 2), folder)
    assert (first / "number").read_text() == (second / "number").read_text()


def _fine(_: Path) -> None:
    pass


def _sentence(_: Path) -> None:
    raise UserError("m.toml:3: is wrong; correct it")


def _python_words(_: Path) -> None:
    raise UserError("'str' object has no attribute 'choices'")


def _defect(_: Path) -> None:
    raise KeyError("a")


def _loop(_: Path) -> None:
    while True:
        pass


def _die(_: Path) -> None:
    import os

    os.abort()


def _grow(_: Path) -> None:
    kept = []
    while True:
        kept.append(bytes(1 << 28))


@pytest.mark.parametrize(
    ("read", "result"),
    [
        (_fine, FINE),
        (_sentence, SENTENCE),
        (_python_words, TRACEBACK),
        (_defect, TRACEBACK),
        (_loop, HANG),
        (_die, CRASH),
        (_grow, TRACEBACK),
    ],
)
def test_the_fuzzer_tells_the_outcomes_apart_and_goes_on_behind_each(read: object, result: str, tmp_path: Path) -> None:
    kind = Kind("k", _write_number, read, seconds=2.0)  # type: ignore[arg-type]
    found = list(outcomes(kind, range(2), 1, tmp_path))
    assert [outcome.result for outcome in found] == [result, result]
    assert [outcome.number for outcome in found] == [0, 1]
    assert isinstance(found[0], Outcome)
