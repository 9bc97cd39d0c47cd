"""A library's exception in one line."""

import pytest

from qtui.errors import LONGEST_LINE, UserError, words_of


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("cannot open\nsecond line"), "cannot open"),
        (ValueError("Validation error for field 'rms_norm_eps':\n    TypeError: no number"),
         "Validation error for field 'rms_norm_eps': TypeError: no number"),
        (KeyError("metadata"), "KeyError: 'metadata'"),
        (ValueError(""), "ValueError"),
        (ValueError("in this file:\n\nline 3:\n  a comma is missing"), "in this file: line 3: a comma is missing"),
        (ValueError("nothing follows:"), "nothing follows:"),
    ],
)  # fmt: skip
def test_the_first_sentence_is_said_whole(error: Exception, said: str) -> None:
    assert words_of(error) == said


def test_no_line_of_a_message_is_longer_than_a_person_reads() -> None:
    said = str(UserError("short\n" + "x" * 100_000))
    assert said.startswith("short\nxxx")
    assert len(said) == len("short\n") + LONGEST_LINE
    assert said.endswith("…")
