"""Two workbenches on one store: each shows what is noted in the other, and neither is told of a lock."""

import sys
from contextlib import closing
from pathlib import Path

from qtui.store import notes, open_store
from tests.terminal.tmux import Terminal
from tests.ui.conftest import fill


def workbench(store: Path) -> Terminal:
    return Terminal(f"{sys.executable} -m qtui --store {store}")


def test_a_star_of_one_workbench_is_shown_in_the_other(store: Path) -> None:
    with closing(open_store(store)) as filled:
        run = fill(filled)
    first, second = workbench(store), workbench(store)
    try:
        for terminal in (first, second):
            terminal.wait_for("study")
            terminal.press("2")
            terminal.wait_for("by number")
        first.press("s")
        first.wait_for("★")
        second.wait_for("★")
        second.press("j", "s")
        first.wait_for(lambda shown: shown.count("★") >= 2)
        for terminal in (first, second):
            assert "locked" not in terminal.text()
    finally:
        first.close()
        second.close()
    with closing(open_store(store)) as after:
        starred = {task for task, note in notes.of_model(after, run, "org/small").items() if note.starred}
    assert starred == {1, 2}
