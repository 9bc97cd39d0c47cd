"""Scores published by the 2024 study, to be shown beside the user's figures: means and variances, without answers and pairs.

Without grades of single tasks there is no paired interval, so the interval here is unpaired, which is wider. The caller
passes the path of the file.
"""

import csv
import math
from pathlib import Path

from scipy import stats

from qtui.errors import UserError
from qtui.figures.published import PublishedScore

TASKS = 100
"""ELYZA-tasks-100, one grading by GPT-4."""

_NUMBERS = ("fp16_mean", "q4_k_m_mean", "fp16_variance", "q4_k_m_variance")


def unpaired_interval(
    difference: float, baseline_variance: float, candidate_variance: float, level: float = 0.90
) -> tuple[float, float]:
    """Return Welch's interval of the difference: se² = (v_b + v_c) / n, degrees of freedom by Welch and Satterthwaite.

    Variances are sample variances (n − 1) over `TASKS` tasks.
    """
    b, c = baseline_variance / TASKS, candidate_variance / TASKS
    if b + c == 0:
        return difference, difference
    freedom = (b + c) ** 2 / ((b * b + c * c) / (TASKS - 1))
    half = float(stats.t.ppf(0.5 + level / 2, freedom)) * math.sqrt(b + c)
    return difference - half, difference + half


def load(path: Path) -> tuple[PublishedScore, ...]:
    """Read a table of published scores (columns model, family and those of `_NUMBERS`), in its order.

    Raises UserError if the file cannot be read or a row is invalid; the message names file, line and column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(_row(path, line, row) for line, row in enumerate(csv.DictReader(file), start=2))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read the published scores ({error})") from error


def _row(path: Path, line: int, row: dict[str, str]) -> PublishedScore:
    for name in ("model", "family", *_NUMBERS):
        if row.get(name) is None:
            raise UserError(f'{path}:{line}: no "{name}" (columns: {", ".join(map(str, row))})')
    numbers: list[float | None] = []
    for name in _NUMBERS:
        try:
            numbers.append(float(row[name]) if row[name].strip() else None)
        except ValueError:
            raise UserError(f'{path}:{line}: "{name}" is {row[name]!r}, not a number') from None
    before, after, *variances = numbers
    difference = None if before is None or after is None else after - before
    variance_b, variance_c = variances
    interval = None
    if difference is not None and variance_b is not None and variance_c is not None:
        interval = unpaired_interval(difference, variance_b, variance_c)
    return PublishedScore(row["model"], row["family"], before, after, difference, interval)
