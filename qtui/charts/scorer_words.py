"""A row of a scorer in words: means in points of 100, flips, recovery, and all details in full sentences."""

from collections.abc import Sequence

from qtui.charts.lines import Line, Role
from qtui.charts.role_words import is_yardstick, titled
from qtui.figures.scorers import ScorerRow
from qtui.format import NONE, number, p_in_sentence, signed, span
from qtui.text import safe

VERDICTS = {"not_worse": "not worse", "ungraded": "unscored"}
GOOD, BAD = ("equivalent", "higher", "not_worse"), ("worse", "lower")
_NAME = 20


def verdict_word(row: ScorerRow) -> str:
    """The verdict for a column; for a control arm or noise floor its role."""
    return row.role if is_yardstick(row.role) else VERDICTS.get(row.verdict, row.verdict)


def verdict_sign(row: ScorerRow) -> str:
    """One cell that tells good from bad where colours do not."""
    return "✓" if row.verdict in GOOD else "✗" if row.verdict in BAD else "!" if row.verdict == "guarded" else "·"


def scorer_title(row: ScorerRow) -> str:
    """`math (last_number)`, or the kind alone if that is the name."""
    return safe(row.scorer if row.scorer == row.kind else f"{row.scorer} ({row.kind})")


def group_words(row: ScorerRow) -> str:
    """`task set sums`; empty for all tasks."""
    return safe(f"{row.group_kind} {row.group}") if row.group_kind != "all" else ""


def means(row: ScorerRow) -> str:
    """`85.0 → 68.3`, in points of 100."""
    return NONE if row.difference is None else f"{_hundred(row.baseline_mean)} → {_hundred(row.candidate_mean)}"


def difference(row: ScorerRow) -> str:
    return signed(None if row.difference is None else 100 * row.difference, 1)


def interval(values: tuple[float, float] | None) -> str:
    return span(None if values is None else (100 * values[0], 100 * values[1]), 1)


def flips(row: ScorerRow) -> str:
    """`10/0`: right → wrong and wrong → right; a dash if the scores are not right or wrong."""
    return NONE if row.right_to_wrong is None else f"{row.right_to_wrong}/{row.wrong_to_right}"


def flips_sentence(row: ScorerRow) -> str:
    """What changed, task by task."""
    if row.right_to_wrong is None:
        return f"{row.wins} tasks score higher, {row.ties} equal, {row.losses} lower"
    test = "" if row.mcnemar_p is None else f" (McNemar, exact: {p_in_sentence(row.mcnemar_p)})"
    return f"flips: {row.right_to_wrong} right → wrong, {row.wrong_to_right} wrong → right{test}"


def recovery(row: ScorerRow) -> str:
    """`80.4 %`."""
    return NONE if row.recovery is None else f"{_hundred(row.recovery)} %"


def recovery_sentence(row: ScorerRow) -> str:
    """`recovery 80.4 % (71.8 to 90.0 %)`, or why there is no interval."""
    if row.recovery is None:
        return f"recovery: {row.recovery_method}"
    low_high = row.recovery_interval90
    between = f"{_hundred(low_high[0])} to {_hundred(low_high[1])} %" if low_high else f"interval {row.recovery_method}"
    return f"recovery {recovery(row)} ({between})"


def unscored_words(row: ScorerRow) -> str:
    """`; 3 unscored`, empty if all are scored."""
    return f"; {row.unscored} unscored" if row.unscored else ""


def detail_lines(row: ScorerRow, notes: Sequence[str]) -> list[Line]:
    """All about one row, first the verdict. The lines may be longer than the screen: the caller wraps them."""
    role: Role = "warning" if row.guards or row.verdict in BAD else "strong"
    group = f"  {group_words(row)}" if row.group else ""
    lines: list[Line] = [
        [
            (f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}", "strong"),
            (f"  {scorer_title(row)}{group}", "text"),
        ],
        [(safe(row.verdict_text), role)],
    ]
    lines += [[(f"guard: {safe(guard)}", "warning")] for guard in row.guards if guard not in row.verdict_text]
    lines += [[(safe(note), "faint")] for note in row.notes]
    lines.append([])
    if row.n:
        lines += _figures(row)
    lines.append([])
    lines += [[(safe(note), "faint")] for note in notes]
    return lines


def _figures(row: ScorerRow) -> list[Line]:
    kind = "accuracy" if row.is_binary else "mean score"
    named = [
        (kind, f"{means(row)} over {row.n} of {row.answered} tasks{unscored_words(row)}"),
        ("difference", f"{difference(row)} points, 90 % {interval(row.interval90)}, 95 % {interval(row.interval95)}"),
        ("", safe(row.interval_method)),
        ("tasks", flips_sentence(row)),
        ("recovery", recovery_sentence(row).removeprefix("recovery").lstrip(": ")),
        ("", safe(row.recovery_method) if row.recovery_interval90 else ""),
        ("margin", f"±{100 * row.margin:g} points"),
        ("claim", _claim(row)),
    ]
    return [[(f"{name:<{_NAME}} ", "faint"), (value, "text")] for name, value in named if value]


def _claim(row: ScorerRow) -> str:
    if row.claim_p_holm is None or row.claim_p is None:
        return ""
    over = {"all": "pairs", "task set": "pairs and task sets", "category": "pairs and categories"}[row.group_kind]
    adjusted = f"{p_in_sentence(row.claim_p_holm)} after Holm over {row.comparisons} {over}"
    return f"{p_in_sentence(row.claim_p)}, {adjusted}" if row.comparisons > 1 else p_in_sentence(row.claim_p)


def _hundred(value: float | None) -> str:
    return number(None if value is None else 100 * value, 1)
