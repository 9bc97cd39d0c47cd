"""`qtui logs`: what is shown of the files that runners and workers write, while a run goes and afterwards."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from qtui import paths
from qtui.files import private_files
from qtui.processes import events
from qtui.processes.log import LARGEST_BYTES, bound
from qtui.processes.run_log import RunLog
from qtui.store import open_store
from qtui.text import safe
from tests import filled_store, stores

PATIENCE_SECONDS = 60.0


def qtui(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "qtui", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def write(name: str, *lines: str) -> None:
    with private_files.open_private_log(paths.logs() / name) as log:
        log.write("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))


def runner_heading(store: Path, process: int = 10, moment: str = "12:00:00") -> str:
    return f"# 2026-01-31 {moment} +0000 qtui 0.1.0: the runner of run 1 in {store}, process {process}"


def worker_heading(store: Path, process: int = 10, moment: str = "12:00:01") -> str:
    return f"# 2026-01-31 {moment} +0000 qtui 0.1.0: run 1, variant 1 in {store}, process {process}"


def event(text: str, moment: str, process: int = 10) -> str:
    return f"# 2026-01-31 {moment}.000 +0000 INFO {process} {text}"


def test_lines_of_runner_and_workers_are_shown_in_the_order_of_time(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    filled_store.fill(store)
    write("run-1.log", runner_heading(store), event("first", "12:00:00"), event("third", "12:00:02"))
    write("run-1-1.log", worker_heading(store), "I second, of a library", "E second, too")
    shown = qtui("logs", 1, "--store", store)
    assert shown.returncode == 0, shown.stderr
    words = ("the runner of", "first", "variant 1", "of a library", "too", "third")
    assert [word in line for word, line in zip(words, shown.stdout.splitlines(), strict=True)] == [True] * 6


def test_lines_of_the_same_run_of_another_store_are_not_shown(tmp_path: Path) -> None:
    store, other = tmp_path / "s.sqlite", tmp_path / "other.sqlite"
    filled_store.fill(store)
    write("run-1.log", runner_heading(store, 10), event("ours", "12:00:00", 10))
    write("run-1.log", runner_heading(other, 11), event("theirs", "12:00:01", 11), event("ours, too", "12:00:02", 10))
    write("run-1-1.log", worker_heading(other, 11), "E of their worker")
    shown = qtui("logs", 1, "--store", store).stdout
    assert "ours, too" in shown
    assert "their" not in shown


def test_the_last_lines_alone_are_shown_if_that_is_asked(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    filled_store.fill(store)
    write("run-1.log", runner_heading(store), *(f"line {number}" for number in range(20)))
    assert qtui("logs", 1, "--lines", 2, "--store", store).stdout == "line 18\nline 19\n"
    assert qtui("logs", 1, "-n", 0, "--store", store).stdout == ""


def test_what_a_library_wrote_cannot_control_the_terminal(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    filled_store.fill(store)
    hostile = "".join(map(chr, range(1, 10))) + "\x1b]52;c;aGk=\x07\x9b2J\u202e\udcff" + "long" * 1_000_000
    write("run-1.log", runner_heading(store), hostile)
    shown = qtui("logs", 1, "--store", store).stdout
    assert safe(shown) == shown
    assert len(shown) < 50_000
    assert "more characters" in shown


def test_a_key_in_a_log_is_not_shown(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    filled_store.fill(store)
    write("run-1.log", runner_heading(store), "E asked with sk-canary-0123456789 at https://me:secret-word@host/v1")
    shown = qtui("logs", 1, "--store", store, SOME_API_KEY="sk-canary-0123456789").stdout
    assert "canary" not in shown
    assert "secret-word" not in shown
    assert "E asked with " in shown


def test_a_run_without_a_log_here_says_why(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    filled_store.fill(store, source="import")
    done = qtui("logs", 1, "--store", store)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: run 1 has no log on this machine: it was imported, and nothing was run.\n"
    assert "has no run 7" in qtui("logs", 7, "--store", store).stderr


def test_following_shows_what_is_written_and_ends_with_the_run(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    filled_store.fill(store)
    with closing(open_store(store)) as opened:
        stores.begin(opened, 1)
        write("run-1.log", runner_heading(store), "the start")
        following = subprocess.Popen(
            [sys.executable, "-m", "qtui", "logs", "1", "-f", "--store", str(store)], stdout=subprocess.PIPE, text=True
        )
        assert following.stdout is not None
        assert [following.stdout.readline() for _ in range(2)][1] == "the start\n"
        write("run-1.log", "more")
        assert following.stdout.readline() == "more\n"
        write("run-1-1.log", worker_heading(store), "of a worker that has begun meanwhile")
        assert [following.stdout.readline() for _ in range(2)][1] == "of a worker that has begun meanwhile\n"
        assert following.poll() is None
        write("run-1.log", "the end")
        stores.finish(opened, 1)
    assert following.communicate(timeout=PATIENCE_SECONDS)[0] == "the end\n"
    assert following.returncode == 0


def test_a_reader_goes_on_where_it_was_when_a_log_is_shortened(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    write("run-1.log", runner_heading(store), *(f"{number:08d}{'x' * 90}" for number in range(LARGEST_BYTES // 99)))
    log = RunLog(1, store)
    assert log.read()[-1].text.startswith(f"{LARGEST_BYTES // 99 - 1:08d}")
    write("run-1.log", "after what was read")
    assert bound(paths.run_log(1)) is not None
    assert [line.text for line in log.read()] == ["after what was read"]


def test_a_line_is_shown_when_it_is_complete(tmp_path: Path) -> None:
    log = RunLog(1, tmp_path / "s.sqlite")
    with private_files.open_private_log(paths.run_log(1)) as file:
        file.write(b"half")
    assert log.read() == []
    write("run-1.log", " and half")
    assert [line.text for line in log.read()] == ["half and half"]


def logged(level: str, program: str) -> str:
    """What a process with this log level writes into its log."""
    done = subprocess.run(
        [sys.executable, "-c", f"from qtui.processes import events, log; log.begin('a test'); {program}"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, events.VARIABLE: level, "SOME_API_KEY": "sk-canary-0123456789"},
    )
    return done.stderr


def test_events_below_the_level_are_not_written() -> None:
    program = "; ".join(f"events.{level}('of level {level}')" for level in events.LEVELS)
    for number, level in enumerate(events.LEVELS):
        said = logged(level, program)
        assert [f"of level {each}" in said for each in events.LEVELS] == [False] * number + [True] * (4 - number)
    assert "of level info" in logged("nonsense", program)


def test_an_event_is_one_line_without_secrets() -> None:
    said = logged("info", r"events.info('one\ntwo sk-canary-0123456789 \x1b[2J')")
    [line] = [line for line in said.splitlines() if " INFO " in line]
    assert "one two [removed: $SOME_API_KEY]" in line
    assert "canary" not in said


def test_the_same_state_is_written_once() -> None:
    said = logged("info", "[events.changed('judge 1', state) for state in ('waiting', 'grading', 'grading', 'done')]")
    assert [line.rpartition(": ")[2] for line in said.splitlines() if "judge 1" in line] == [
        "waiting",
        "grading",
        "done",
    ]


def test_a_level_that_does_not_exist_is_refused_with_those_that_do() -> None:
    done = qtui("--log-level", "loud", "locate")
    assert done.returncode == 2
    assert "debug" in done.stderr
