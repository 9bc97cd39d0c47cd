"""The child that computes: one at a time, cached by the store's version, replaced when it dies, gone when its parent is."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from qtui.errors import UserError
from qtui.ui.data.figures_process import KEPT_FROM, MOST_REST, Numbers, Standing
from tests.store.settled import state_of


def append_a_line(path: Path) -> int:
    with path.open("a") as file:
        file.write("asked\n")
    return len(path.read_text().splitlines())


def count_lines(path: Path) -> int:
    time.sleep(KEPT_FROM)  # what is computed sooner is not kept
    return len(path.read_text().splitlines())


def refuse_two_lines(path: Path) -> int:
    if (lines := count_lines(path)) > 1:
        raise UserError("two lines")
    return lines


def pid_and_niceness() -> tuple[int, int]:
    return os.getpid(), os.nice(0)


def refuse() -> None:
    raise UserError("runs/7: no such run. `qtui runs` lists them.")


def break_down() -> None:
    raise ZeroDivisionError("nothing to divide by")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(marker: Path) -> str:
    if not marker.exists():
        marker.touch()
        die()
    return "alive"


def talk() -> str:
    print("on stdout")
    os.write(2, b"on stderr")
    return "said"


def sleep_long() -> None:
    signal.pause()


@pytest.fixture(autouse=True)
def figures_child() -> None:
    """Every test has a process of its own."""


@pytest.fixture
async def numbers() -> AsyncIterator[Numbers]:
    asked = Numbers()
    yield asked
    asked.close()


async def test_an_answer_is_computed_once_per_store_version(numbers: Numbers, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    assert [await numbers.ask(append_a_line, counter), await numbers.ask(append_a_line, counter)] == [1, 1]
    numbers.version = (2, 0)
    assert await numbers.ask(append_a_line, counter) == 2


async def test_at_leisure_a_changed_store_is_asked_again_after_a_rest(numbers: Numbers, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    await numbers.ask_at_leisure(append_a_line, counter)
    numbers.version = (2, 0)
    assert await numbers.ask_at_leisure(append_a_line, counter) == 1
    assert 0 < numbers.due(append_a_line, counter) <= MOST_REST
    assert await numbers.ask(append_a_line, counter) == 2
    assert numbers.due(append_a_line, counter) == 0


async def test_the_rest_ends(numbers: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qtui.ui.data.figures_process.LEAST_REST", 0.0)
    monkeypatch.setattr("qtui.ui.data.figures_process.MOST_REST", 0.0)
    counter = tmp_path / "counter"
    await numbers.ask_at_leisure(append_a_line, counter)
    numbers.version = (2, 0)
    assert await numbers.ask_at_leisure(append_a_line, counter) == 2


@pytest.fixture
def one_line(tmp_path: Path) -> Path:
    path = tmp_path / "lines"
    path.write_text("one\n")
    state_of(path)
    return path


@pytest.fixture
async def next_session() -> AsyncIterator[Numbers]:
    asked = Numbers()
    yield asked
    asked.close()


async def test_figures_of_an_unchanged_store_are_not_computed_again_in_the_next_session(
    numbers: Numbers, next_session: Numbers, one_line: Path
) -> None:
    assert await numbers.ask_standing(count_lines, one_line) == Standing(1, is_current=True)
    numbers.close()
    assert await next_session.ask_standing(count_lines, one_line) == Standing(1, is_current=True)
    assert next_session.pending(count_lines, one_line) is None


async def test_figures_of_an_earlier_state_stand_as_such_until_the_newer_ones_are_there(
    numbers: Numbers, next_session: Numbers, one_line: Path
) -> None:
    await numbers.ask_standing(count_lines, one_line)
    one_line.write_text("one\ntwo\n")
    state_of(one_line)
    assert await next_session.ask_standing(count_lines, one_line) == Standing(1, is_current=False)
    pending = next_session.pending(count_lines, one_line)
    assert pending is not None
    assert await next_session.ask_standing(count_lines, one_line) == Standing(1, is_current=False)
    assert await pending == 2
    assert await next_session.ask_standing(count_lines, one_line) == Standing(2, is_current=True)


async def test_figures_of_this_session_stand_after_a_change(
    numbers: Numbers, one_line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qtui.ui.data.figures_process.LEAST_REST", 0.0)
    monkeypatch.setattr("qtui.ui.data.figures_process.MOST_REST", 0.0)
    await numbers.ask_standing(count_lines, one_line)
    one_line.write_text("one\ntwo\n")
    numbers.version = (2, 0)
    assert await numbers.ask_standing(count_lines, one_line) == Standing(1, is_current=False)
    pending = numbers.pending(count_lines, one_line)
    assert pending is not None
    assert await pending == 2


async def test_an_error_in_place_of_newer_figures_is_raised_when_they_are_asked_for(
    numbers: Numbers, next_session: Numbers, one_line: Path
) -> None:
    await numbers.ask_standing(refuse_two_lines, one_line)
    one_line.write_text("one\ntwo\n")
    state_of(one_line)
    assert await next_session.ask_standing(refuse_two_lines, one_line) == Standing(1, is_current=False)
    pending = next_session.pending(refuse_two_lines, one_line)
    assert pending is not None
    with pytest.raises(UserError, match="two lines"):
        await pending
    with pytest.raises(UserError, match="two lines"):
        await next_session.ask_standing(refuse_two_lines, one_line)


async def test_the_same_question_asked_twice_at_once_is_computed_once(numbers: Numbers, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    assert await asyncio.gather(*(numbers.ask(append_a_line, counter) for _ in range(3))) == [1, 1, 1]


async def test_it_runs_in_another_process_at_lower_priority(numbers: Numbers) -> None:
    pid, niceness = await numbers.ask(pid_and_niceness)
    assert pid != os.getpid()
    assert niceness > os.nice(0)


async def test_a_user_error_arrives_as_it_was_raised(numbers: Numbers) -> None:
    with pytest.raises(UserError, match="no such run"):
        await numbers.ask(refuse)


async def test_any_other_failure_is_named_and_not_kept(numbers: Numbers) -> None:
    with pytest.raises(UserError, match=r"break_down: ZeroDivisionError: nothing to divide by"):
        await numbers.ask(break_down)


async def test_a_dead_child_is_started_again(numbers: Numbers, tmp_path: Path) -> None:
    assert await numbers.ask(die_once, tmp_path / "marker") == "alive"


async def test_a_question_that_kills_the_child_twice_is_an_error_and_the_next_one_is_answered(numbers: Numbers) -> None:
    with pytest.raises(
        UserError, match=r"was killed \(SIGKILL\) .* while computing die for the second time\. Its log: .*numbers\.log"
    ):
        await numbers.ask(die)
    assert (await numbers.ask(pid_and_niceness))[0] != os.getpid()


async def test_the_child_says_nothing_on_the_terminal(numbers: Numbers, capfd: pytest.CaptureFixture[str]) -> None:
    assert await numbers.ask(talk) == "said"
    assert capfd.readouterr() == ("", "")


async def test_someone_who_gives_up_does_not_take_the_answer_from_another(numbers: Numbers, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    first = asyncio.create_task(numbers.ask(append_a_line, counter))
    second = asyncio.create_task(numbers.ask(append_a_line, counter))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1


PROGRAM = textwrap.dedent(
    """
    import asyncio, os, sys
    sys.path.insert(0, {tests!r})
    import test_figures_process
    from qtui.ui.data.figures_process import Numbers

    async def main():
        numbers = Numbers()
        pid, _ = await numbers.ask(test_figures_process.pid_and_niceness)
        waiting = asyncio.create_task(numbers.ask(test_figures_process.sleep_long))
        numbers.warm()
        await asyncio.sleep(0.01)
        print(pid, flush=True)
        {ending}

    if __name__ == "__main__":
        asyncio.run(main())
    """
)


def start(tmp_path: Path, ending: str) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(tests=str(Path(__file__).parent), ending=ending))
    return subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)


def test_closing_does_not_wait_for_what_is_being_computed(tmp_path: Path) -> None:
    parent = start(tmp_path, "numbers.close()")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert parent.wait(timeout=20) == 0
    assert not psutil.pid_exists(child)


def test_the_child_of_a_killed_interface_ends(tmp_path: Path) -> None:
    parent = start(tmp_path, "await waiting")
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    assert psutil.wait_procs([child], timeout=20)[1] == []


def test_asking_imports_no_library_of_the_analysis_here(tmp_path: Path) -> None:
    parent = start(
        tmp_path,
        "print(sorted({'numpy', 'pandas', 'scipy', 'plotext'} & set(sys.modules))); numbers.close()",
    )
    output, _ = parent.communicate(timeout=20)
    assert output.splitlines()[-1] == "[]"
