"""What a disk or a limit refuses, in words."""

import errno
import os

import pytest

from qtui.files import disk_errors


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EMFILE, "`ulimit -n`"),
        (errno.EFBIG, "`ulimit -f`"),
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "cannot be used"),
        (errno.EROFS, "cannot be used"),
    ],
)
@pytest.mark.parametrize("name", [None, "/cache/qtui"])
def test_each_refusal_of_a_disk_has_words_with_and_without_a_file(number: int, words: str, name: str | None) -> None:
    error = OSError(number, os.strerror(number), name) if name else OSError(number, os.strerror(number))
    assert disk_errors.is_of_disk(error)
    assert words in disk_errors.describe(error)


def test_a_connection_that_is_refused_is_no_matter_of_a_disk() -> None:
    assert not disk_errors.is_of_disk(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
