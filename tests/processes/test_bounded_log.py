"""A log that grows is cut in its middle, in place: its start and its end stay, and whoever has it open goes on at its end."""

from pathlib import Path

import pytest

from qtui.files import private_files
from qtui.processes.log import LARGEST_BYTES, bound

LINE = b"%08d " + b"x" * 90 + b"\n"


def filled(log: Path, lines: int, first: int = 0) -> None:
    with private_files.open_private_log(log) as file:
        file.writelines(LINE % number for number in range(first, first + lines))


LINES = LARGEST_BYTES // 100 + 1


def test_the_start_and_the_end_of_a_large_log_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "run-1.log"
    filled(log, LINES)
    assert bound(log) is not None
    kept = log.read_bytes().splitlines(keepends=True)
    notice = next(i for i, line in enumerate(kept) if line.startswith(b"# ["))
    assert kept[:notice] == [LINE % number for number in range(notice)]
    after = kept[notice + 1 :]
    assert after == [LINE % number for number in range(LINES - len(after), LINES)]
    assert notice * 100 > 1_000_000
    assert len(after) * 100 > 3_000_000
    left_out = LINES - notice - len(after)
    assert kept[notice].startswith(b"# [%d bytes were left out here" % (left_out * 100))


def test_what_is_left_out_again_is_added_to_what_was_left_out_before(tmp_path: Path) -> None:
    log = tmp_path / "run-1.log"
    filled(log, LINES)
    bound(log)
    filled(log, LINES, LINES)
    bound(log)
    kept = log.read_bytes().splitlines(keepends=True)
    notices = [line for line in kept if line.startswith(b"# [")]
    lines = len(kept) - len(notices)
    assert [line.split()[1] for line in notices] == [b"[%d" % ((2 * LINES - lines) * 100)]
    assert log.stat().st_size < LARGEST_BYTES


def test_a_process_that_has_the_log_open_goes_on_at_its_end(tmp_path: Path) -> None:
    log = tmp_path / "run-1.log"
    filled(log, LINES)
    with private_files.open_private_log(log) as other:
        bound(log)
        other.write(b"later\n")
    assert log.read_bytes().endswith(LINE % (LINES - 1) + b"later\n")


@pytest.mark.parametrize("number", [0, LINES // 2, LINES - 5])
def test_a_place_in_the_log_is_found_again(number: int, tmp_path: Path) -> None:
    log = tmp_path / "run-1.log"
    filled(log, LINES)
    cut = bound(log)
    assert cut is not None
    rest = log.read_bytes()[cut.moved(number * 100) :]
    assert rest.startswith((LINE % number, b"# ["))
    assert rest.endswith(LINE % (LINES - 1))


def test_a_line_that_never_ends_is_bounded_too(tmp_path: Path) -> None:
    log = tmp_path / "run-1.log"
    with private_files.open_private_log(log) as file:
        file.write(b"a" * LARGEST_BYTES + b"the end")
    bound(log)
    text = log.read_bytes()
    assert text.startswith(b"aaa")
    assert text.endswith(b"the end")
    assert len(text) < LARGEST_BYTES


def test_a_small_log_stays_as_it_is_and_a_missing_one_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "run-1.log"
    assert bound(log) is None
    filled(log, 10)
    assert bound(log) is None
    assert log.read_bytes() == b"".join(LINE % number for number in range(10))
