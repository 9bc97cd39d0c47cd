import pytest

from qtui.charts.lines import plain, width
from qtui.charts.type_bars import TypeBar, speed, type_bar_lines

GIB = 2**30
BARS = [
    TypeBar("F16", 14 * GIB, 10.0, 12.0, whole=True),
    TypeBar("Q4_K_M", 4 * GIB, 30.0, 40.0),
    TypeBar("Q2_K", 3 * GIB, None, None),
]


@pytest.mark.parametrize("cells", [40, 78, 100, 160])
def test_no_line_is_wider_than_asked(cells: int) -> None:
    assert max(width(line) for line in type_bar_lines(BARS, cells)) <= cells


def test_the_largest_fills_its_panel_and_others_are_in_proportion() -> None:
    _, whole, quantized, _ = (plain(line) for line in type_bar_lines(BARS, 120))
    columns = (120 - 7 - 2 * 9 - 2) // 2
    assert whole[7 : 7 + columns] == "█" * columns
    assert quantized[7 : 7 + columns].count("█") == int(columns * 4 / 14)
    assert whole[7 + columns :].lstrip().startswith("14.0 GB")


def test_the_fastest_repeat_reaches_further_than_the_median() -> None:
    line = plain(type_bar_lines(BARS, 120)[2])
    assert line.rstrip().endswith("30.0")
    assert "╌" in line


def test_a_type_without_speed_has_its_size_alone() -> None:
    assert plain(type_bar_lines(BARS, 120)[3]).rstrip().endswith("3.0 GB")


def test_nothing_is_drawn_of_nothing() -> None:
    assert type_bar_lines([], 80) == []


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.456, "0.46"), (8.412, "8.41"), (84.12, "84.1"), (841.2, "841"), (999.7, "1,000"), (8414.0, "8,410")],
)
def test_speeds_have_three_digits_that_matter(value: float, shown: str) -> None:
    assert speed(value) == shown
