"""Agreement in words and tables: two graders in a few lines, a confusion table, the tasks on which they part."""

from qtui.charts.lines import Line, fit
from qtui.figures.agreement import AgreementTable, Estimate, GraderPair, JudgeRetest, PartedTask
from qtui.format import NONE, count, number, percent, signed, span
from qtui.text import safe, width

_NAME = 24
_PARTED = 5
_WIDEST_NAME = 27


def agreement_lines(table: AgreementTable) -> list[Line]:
    """Return everything, pair by pair. Lines may be longer than the screen: the caller wraps them."""
    several_runs = len({pair.run_id for pair in table.pairs}) > 1
    lines: list[Line] = [*_overview(table), []] if len(table.pairs) > 1 else []
    for pair in table.pairs:
        lines += [*pair_lines(pair, with_run=several_runs), []]
    for retest in table.retests:
        lines.append(_retest_line(retest))
    if table.retests:
        lines.append([])
    for note in table.notes:
        lines.append([(safe(note), "faint")])
    return lines


def _overview(table: AgreementTable) -> list[Line]:
    """Return a line per pair with its figures, so that many pairs are compared at a glance."""
    names = [f"{safe(pair.a)} · {'itself' if pair.is_retest else safe(pair.b)}" for pair in table.pairs]
    room = min(_WIDEST_NAME, max(width(name) for name in names))
    lines: list[Line] = [[(f"{fit('', room)}{'answers':>9}{'exact':>7}{'within 1':>10}{'κ':>7}{'α':>7}", "faint")]]
    for name, pair in zip(names, table.pairs, strict=True):
        figures = (
            f"{pair.answers:>9}{percent(pair.exact.value):>7}{percent(pair.within_one.value):>10}"
            f"{number(pair.kappa.value, 2):>7}{number(pair.alpha.value, 2):>7}"
        )
        lines.append([(fit(name, room), "strong"), (figures, "text")])
    return lines


def pair_lines(pair: GraderPair, *, with_run: bool = False) -> list[Line]:
    """Return two graders, or one against itself: figures with intervals, the confusion table, the tasks on which they part."""
    return [
        _title(pair, with_run),
        _named("exact", _share(pair.exact)),
        _named("within one", _share(pair.within_one)),
        _named("quadratic κ", _coefficient(pair.kappa)),
        _named("Krippendorff's α", _coefficient(pair.alpha) + f", {pair.alpha_distance}"),
        *([] if pair.is_retest else [_named("mean difference", _difference(pair))]),
        *_confusion(pair),
        *_parted(pair),
    ]


def _title(pair: GraderPair, with_run: bool) -> Line:
    who = f"{_takes(pair.a, pair.takes_a)} against itself" if pair.is_retest else (
        f"{_takes(pair.a, pair.takes_a)} against {_takes(pair.b, pair.takes_b)}"
    )  # fmt: skip
    where = f", {safe(pair.experiment)} (run {pair.run_id})" if with_run else ""
    return [(who, "strong"), (f": {count(pair.answers, 'answer')} to {count(pair.tasks, 'task')}{where}", "faint")]


def _takes(grader: str, takes: int) -> str:
    return f"{safe(grader)} ({count(takes, 'take')})" if takes > 1 else safe(grader)


def _share(estimate: Estimate) -> str:
    if estimate.interval95 is None:
        return percent(estimate.value)
    low, high = estimate.interval95
    return f"{percent(estimate.value)} ({low * 100:.0f} … {high * 100:.0f} %)"


def _coefficient(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"{NONE} (all grades are equal)"
    if estimate.interval95 is None:
        return number(estimate.value, 2)
    low, high = estimate.interval95
    return f"{number(estimate.value, 2)} ({number(low, 2)} … {number(high, 2)})"


def _difference(pair: GraderPair) -> str:
    interval = "" if pair.mean_difference.interval95 is None else f" ({span(pair.mean_difference.interval95)})"
    return f"{signed(pair.mean_difference.value)}{interval}: {safe(pair.b)} − {safe(pair.a)}"


def _confusion(pair: GraderPair) -> list[Line]:
    labels = [f"{grade:g}" for grade in pair.grades]
    cells = max(
        4, *(len(str(each)) + 1 for row in pair.confusion for each in row), *(len(label) + 1 for label in labels)
    )
    of_rows, of_columns = ("the earlier take", "the later take") if pair.is_retest else (safe(pair.a), safe(pair.b))
    lines: list[Line] = [_named("pairs of grades", f"rows: {of_rows}, columns: {of_columns}")]
    head = "".join(fit(label, cells, align="right") for label in labels)
    lines.append([(" " * (_NAME + 1), "text"), (f"{'':<{cells}}{head}", "faint")])
    for label, row in zip(labels, pair.confusion, strict=True):
        line: Line = [(" " * (_NAME + 1), "text"), (fit(label, cells, align="right"), "faint")]
        for other, amount in zip(labels, row, strict=True):
            line.append(
                (fit(str(amount) if amount else "·", cells, align="right"), "strong" if label == other else "text")
            )
        lines.append(line)
    return lines


def _parted(pair: GraderPair) -> list[Line]:
    if not pair.parted:
        return [_named("part most on", "no task")]
    return [_named("" if i else "part most on", _parted_words(each)) for i, each in enumerate(pair.parted[:_PARTED])]


def _parted_words(parted: PartedTask) -> str:
    where = f"{safe(parted.model)} {safe(parted.variant)}" + (f", sample {parted.sample + 1}" if parted.sample else "")
    grades = f"{number(parted.grade_a, 1)} and {number(parted.grade_b, 1)} for {where}"
    over = f", over {count(parted.answers, 'answer')}" if parted.answers > 1 else ""
    return f"task {parted.task}: by {number(parted.distance, 1)}{over}; {grades}"


def _retest_line(retest: JudgeRetest) -> Line:
    figures = retest.figures
    takes = len(figures.take_means)
    words = (
        f"{safe(retest.judge)} graded {safe(retest.name)} {takes} times: {figures.n} answers, ICC(1,1) {number(figures.icc1, 3)}, "
        f"noise SD {number(figures.sd_within, 2)} per grade, α {number(figures.alpha_ordinal, 3)} (ordinal)"
    )
    return [(words, "text")]


def _named(name: str, value: str) -> Line:
    return [(f"{name}{' ' * max(0, _NAME - width(name))} ", "faint"), (value, "text")]
