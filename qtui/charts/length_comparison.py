"""The length figures of one pair as lines: a table of both variants, then their comparison."""

from collections.abc import Sequence

from qtui.charts.behaviour_words import behaviour_title
from qtui.charts.length_violins import FLAGS, shape_name
from qtui.charts.lines import Line, Role, fit
from qtui.figures.lengths import PairLengths, VariantLengths
from qtui.format import change, number, p_value, percent, signed, span
from qtui.text import safe, wrap

_NAME, _VALUE = 18, 14
WIDTH = _NAME + 2 * _VALUE


def figure_lines(
    baseline: VariantLengths | None,
    candidate: VariantLengths | None,
    pair: PairLengths | None,
    notes: Sequence[str] = (),
) -> list[Line]:
    """Lines of at most `WIDTH` cells; a missing variant has an empty column. Last come the notes of the table."""
    sides = (baseline, candidate)
    names = ["" if v is None else safe(v.variant) for v in sides]
    lines: list[Line] = [_row("characters", names, "strong")]
    for name, values in _summary(sides):
        lines.append(_row(name, values))
    lines += [[], *_flags(sides)]
    if pair is None:
        return lines
    lines += [[], *_comparison(pair), []]
    for note in notes:
        lines += [[(line, "faint")] for line in wrap(safe(note), WIDTH)]
    return lines


def _summary(sides: Sequence[VariantLengths | None]) -> list[tuple[str, list[str]]]:
    lengths = [None if v is None else v.stripped for v in sides]
    return [
        ("answers", ["" if s is None else str(s.n) for s in lengths]),
        ("median", ["" if s is None else number(s.median) for s in lengths]),
        ("quartiles", ["" if s is None else f"{number(s.q1)} to {number(s.q3)}" for s in lengths]),
        ("mean", ["" if s is None else number(s.mean) for s in lengths]),
        ("std. deviation", ["" if s is None else number(s.sd) for s in lengths]),
        ("range", ["" if s is None else f"{number(s.min)} to {number(s.max)}" for s in lengths]),
        ("shape", ["" if v is None else shape_name(v.shape) for v in sides]),
        ("  stability", ["" if v is None else percent(v.shape_stability) for v in sides]),
        *([("thinking tokens", _thinking_tokens(sides))] if any(v is not None and v.thoughts for v in sides) else []),
    ]


def _thinking_tokens(sides: Sequence[VariantLengths | None]) -> list[str]:
    """The mean per answer of each side."""
    return ["" if v is None else "unknown" if v.thinking_tokens is None else number(v.thinking_tokens) for v in sides]


def _flags(sides: Sequence[VariantLengths | None]) -> list[Line]:
    lines = []
    for name, words in FLAGS.items():
        counts = [None if v is None else v.flags.get(name) for v in sides]
        if name == "unfinished_thought" and not any(counts):
            continue
        written = ["" if v is None else "unknown" if c is None else str(c) for v, c in zip(sides, counts, strict=True)]
        lines.append(_row(words, written))
    return lines


def _comparison(pair: PairLengths) -> list[Line]:
    lengths = pair.stripped
    return [
        [(f"{pair.role} − baseline, task by task", "strong")],
        _row("mean", [signed(lengths.mean_diff, 0), change(lengths.rel_change_mean)]),
        _row("  95 % interval", [span(lengths.boot95, 0)]),
        _row("longer", [str(lengths.n_longer)]),
        _row("shorter", [str(lengths.n_shorter)]),
        _row("equal text", [str(pair.identical)]),
        _row("Wilcoxon", [p_value(lengths.wilcoxon_p)]),
        _row("Cliff's δ", [signed(lengths.cliffs_delta, 2)]),
        _row("Kolmogorov–Sm. D", [number(lengths.ks_D, 2), p_value(lengths.ks_p)]),
        _row("Wasserstein", [f"{number(lengths.wasserstein)} chars"]),
        _row("Spearman's ρ", [signed(lengths.spearman, 2)]),
        [],
        *_behaviour(pair),
    ]


def _behaviour(pair: PairLengths) -> list[Line]:
    if pair.behaviour is None:
        return []
    role: Role = "warning" if pair.behaviour_reasons else "text"
    title = behaviour_title(pair.behaviour, pair.behaviour_reasons)
    lines: list[Line] = [[(line, role)] for line in wrap(f"behaviour: {title}", WIDTH)]
    for reason in pair.behaviour_reasons:
        lines += [[(line, "faint")] for line in wrap(safe(reason), WIDTH)]
    return lines


def _row(name: str, values: Sequence[str], role: Role = "text") -> Line:
    return [
        (fit(name, _NAME), "faint" if role == "text" else role),
        *((fit(v, _VALUE, align="right"), role) for v in values),
    ]
