import importlib
from collections import Counter

import pytest
from textual.actions import parse
from textual.containers import VerticalScroll

from qtui.ui import keys
from qtui.ui.app import QtuiApp
from qtui.ui.main_screen import PANES, MainScreen
from qtui.ui.widgets.table import VirtualTable


def test_an_id_names_one_action() -> None:
    assert [name for name, count in Counter(keys.ids()).items() if count > 1] == []


@pytest.mark.parametrize("place", ["global", "table", "text", *keys.PANES])
def test_no_key_has_two_meanings_in_one_place(place: str) -> None:
    names = [name.strip() for key in keys.by_place()[place] for name in key.keys.split(",")]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("key", keys.KEYS, ids=lambda key: key.id)
def test_every_key_reaches_an_action_that_exists(key: keys.Key) -> None:
    namespace, name, _ = parse(key.action)
    if namespace == "app":
        target: type = QtuiApp
    elif key.where in PANES:
        module, class_name = PANES[key.where].split(":")
        target = getattr(importlib.import_module(module), class_name)
    else:
        target = {"global": MainScreen, "table": VirtualTable, "text": VerticalScroll}[key.where]
    assert hasattr(target, f"action_{name}") or hasattr(target, f"_action_{name}")


def test_only_numbers_0_to_5_of_compare_are_shared_with_the_panes() -> None:
    everywhere = {name for key in keys.by_place()["global"] for name in key.keys.split(",")}
    for place in keys.PANES:
        own = {name for key in keys.by_place()[place] for name in key.keys.split(",")}
        assert own & everywhere <= (set("12345") | {"tab"} if place == "compare" else set()), place
