"""Numbers, sizes and times as a reader sees them."""

import time

import pytest

from qtui import format as words


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123, "+0.12"), (-0.414, "−0.41"), (0.004, "0.00"), (-0.004, "0.00"), (None, "–")]
)
def test_a_change_has_a_sign_unless_it_rounds_to_zero(value: float | None, shown: str) -> None:
    assert words.signed(value) == shown


def test_a_number_has_a_true_minus() -> None:
    assert (words.number(-1.25, 1), words.number(12.0), words.number(None)) == ("−1.2", "12", "–")


def test_shares_are_percent() -> None:
    assert (words.percent(0.694), words.percent(0.9987, 2), words.change(-0.52), words.change(0.001)) == (
        "69 %",
        "99.87 %",
        "−52 %",
        "0 %",
    )


def test_intervals_and_p_values() -> None:
    assert (words.span((-0.41, 0.12)), words.span(None)) == ("−0.41 … +0.12", "–")
    assert (words.p_value(0.0004), words.p_value(0.0312)) == ("p < 0.001", "p = 0.031")
    assert (words.p_in_sentence(0.00004), words.p_in_sentence(0.0312), words.p_in_sentence(1.0)) == (
        "p < 0.0001",
        "p 0.031",
        "p 1",
    )


def test_one_is_not_several() -> None:
    assert (words.count(1, "take"), words.count(0, "take"), words.count(3, "take")) == ("1 take", "0 takes", "3 takes")


@pytest.mark.parametrize(
    ("amount", "places", "shown"),
    [
        (500, 1, "500 B"),
        (5_000, 1, "5 KB"),
        (5_000_000, 1, "4.8 MB"),
        (5_000_000, 0, "5 MB"),
        (500_000_000, 1, "477 MB"),
        (4_400_000_000, 0, "4.1 GB"),
        (None, 1, "–"),
    ],
)
def test_files_are_measured_as_tools_for_gguf_do(amount: float | None, places: int, shown: str) -> None:
    assert words.size(amount, places) == shown


def test_memory_is_in_gibibytes_and_below_one_in_mebibytes() -> None:
    assert [words.memory_size(amount) for amount in (16 << 30, 512 << 20, 3 << 19)] == [
        "16.0 GiB",
        "512 MiB",
        "1.5 MiB",
    ]


def test_durations() -> None:
    assert [words.duration(seconds) for seconds in (0, 123, 3723, -1)] == ["0:00", "2:03", "1:02:03", "0:00"]
    assert [words.rough_duration(seconds) for seconds in (40, 720, 18_000, 260_000)] == [
        "40 s",
        "12 min",
        "5 h",
        "3 days",
    ]


def test_a_moment_of_today_is_a_time_and_one_of_an_earlier_year_a_date() -> None:
    now = time.time()
    assert words.day(now) == time.strftime("%H:%M", time.localtime(now))
    assert words.day(86_400 * 3) == "1970-01-04"
