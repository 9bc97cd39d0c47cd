"""A row of preferences in words: win rate, shares, position bias, the verdict, and all details in full sentences."""

from collections.abc import Sequence

from qtui.charts.lines import Line, Role
from qtui.charts.role_words import is_yardstick, titled
from qtui.figures.pair import PairFigures
from qtui.figures.preferences import PreferenceRow
from qtui.format import NONE, count, number, p_in_sentence
from qtui.text import safe

VERDICTS = {
    "higher": "preferred",
    "not_worse": "not worse",
    "ungraded": "unjudged",
}
GOOD, BAD = ("equivalent", "higher", "not_worse"), ("worse", "lower")
_NAME = 20


def verdict_word(row: PreferenceRow) -> str:
    """The verdict for a column; for a control arm or noise floor its role."""
    return row.role if is_yardstick(row.role) else VERDICTS.get(row.verdict, row.verdict)


def verdict_sign(row: PreferenceRow) -> str:
    """One cell that tells good from bad where colours do not."""
    return "✓" if row.verdict in GOOD else "✗" if row.verdict in BAD else "!" if row.verdict == "guarded" else "·"


def interval(values: tuple[float, float] | None) -> str:
    """`0.41 to 0.52`."""
    return NONE if values is None else f"{number(values[0], 2)} to {number(values[1], 2)}"


def shares(row: PreferenceRow) -> str:
    """`12/33/5`: comparisons won, tied and lost."""
    return f"{row.wins}/{row.ties}/{row.losses}" if row.judged else ""


def turned(row: PreferenceRow) -> str:
    """`7 (14 %)`: comparisons whose preference turns with the order, as a share of those that were asked."""
    return f"{row.turned} ({_percent(row.turned, row.asked)})" if row.asked else ""


def outcome_sentence(row: PreferenceRow) -> str:
    """What became of the comparisons."""
    parts = [
        f"{word} {number_of} ({_percent(number_of, row.judged)})"
        for word, number_of in (("won", row.wins), ("tied", row.ties), ("lost", row.losses))
    ]
    why = [
        words
        for number_of, words in (
            (row.equal, f"{row.equal} answers equal"),
            (row.turned, f"{row.turned} turned with the order"),
            (row.one_order, f"{row.one_order} preferred in one order only"),
        )
        if number_of
    ]
    unread = f"; {row.unread} unjudged" if row.unread else ""
    of_ties = f"; of the ties {', '.join(why)}" if why else ""
    return f"{count(row.judged, 'comparison')}: {', '.join(parts)}{of_ties}{unread}"


def position_sentence(row: PreferenceRow) -> str:
    """Whether the judge prefers a place; empty if it preferred nothing."""
    if row.first_share is None:
        return ""
    total = row.first_preferred + row.second_preferred
    test = (
        "no task leans to a place" if row.position_p is None else f"sign test, exact: {p_in_sentence(row.position_p)}"
    )
    share = _percent(row.first_preferred, total)
    return f"position: the first answer is preferred in {row.first_preferred} of {total} preferences ({share}; {test})"


def sign_sentence(row: PreferenceRow) -> str:
    """The sign test over units."""
    if row.sign_p is None:
        return ""
    p = p_in_sentence(row.sign_p)
    if row.sign_p_holm is not None and row.comparisons > 1:
        p += f", {p_in_sentence(row.sign_p_holm)} after Holm"
    return f"sign test, exact: {p}"


def beside_grades(row: PairFigures, compared: Sequence[PreferenceRow]) -> list[Line]:
    """Return a line for each judge that compared the pair of a row of grades: the same question, answered in another way."""
    own = (row.run_id, row.model, row.baseline, row.candidate)
    return [
        [(f"{safe(each.judge)}: {safe(each.verdict_text)}", _role(each))]
        for each in compared
        if each.n and (each.run_id, each.model, each.baseline, each.candidate) == own
    ]


def detail_lines(row: PreferenceRow, notes: Sequence[str]) -> list[Line]:
    """All about one row, first the verdict. The lines may be longer than the screen: the caller wraps them."""
    lines: list[Line] = [
        [
            (f"{safe(row.model)}: {safe(row.baseline)} → {titled(safe(row.candidate), row.role)}", "strong"),
            (f"  compared by {safe(row.judge)}", "text"),
        ],
        [(safe(row.verdict_text), _role(row))],
    ]
    lines += [[(f"guard: {safe(guard)}", "warning")] for guard in row.guards if guard not in row.verdict_text]
    lines += [[(safe(note), "faint")] for note in row.notes]
    lines.append([])
    if row.n:
        lines += _figures(row)
    lines.append([])
    lines += [[(safe(note), "faint")] for note in notes]
    return lines


def _role(row: PreferenceRow) -> Role:
    return "warning" if row.guards or row.verdict in BAD else "strong"


def _figures(row: PreferenceRow) -> list[Line]:
    of_tasks = f"{row.n} of {row.answered} tasks" + (f", {row.unjudged} unjudged" if row.unjudged else "")
    retest = "" if row.retest is None else f"{100 * row.retest:.0f} % of choices are equal in two takes"
    named = [
        ("win rate", f"{number(row.win_rate, 3)}, 90 % {interval(row.interval90)}, 95 % {interval(row.interval95)}"),
        ("", f"over {of_tasks}; {row.interval_method}"),
        ("comparisons", outcome_sentence(row).partition(": ")[2]),
        ("position", position_sentence(row).removeprefix("position: ")),
        ("sign test", sign_sentence(row).removeprefix("sign test, exact: ")),
        ("retest", retest),
        ("margin", f"0.5 ± {row.margin:g}"),
        ("claim", _claim(row)),
    ]
    return [[(f"{name:<{_NAME}} ", "faint"), (safe(value), "text")] for name, value in named if value]


def _claim(row: PreferenceRow) -> str:
    if row.claim_p_holm is None or row.claim_p is None:
        return ""
    adjusted = f"{p_in_sentence(row.claim_p_holm)} after Holm over {row.comparisons} pairs"
    return f"{p_in_sentence(row.claim_p)}, {adjusted}" if row.comparisons > 1 else p_in_sentence(row.claim_p)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else NONE
