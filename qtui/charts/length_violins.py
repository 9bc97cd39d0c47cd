"""The violins of the models in view with their texts: medians and their change, shapes, counts of flagged answers.

Every pair has a violin, so a model with three candidates has three with the same baseline; a variant without a counterpart has a
violin of one half.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qtui.charts.axis import axis_line
from qtui.charts.behaviour_words import behaviour_word
from qtui.charts.lines import Line, Role, Segment, fit, fit_line
from qtui.charts.lines import width as lines_width
from qtui.charts.role_words import is_yardstick
from qtui.charts.violins import BEYOND_COLUMNS, Half, Violin, columns_for, violin_lines
from qtui.figures.axis import SCALE_NAMES, Axis
from qtui.figures.length_densities import Distributions
from qtui.figures.lengths import LengthTable, PairLengths, Part, VariantLengths
from qtui.format import NONE, change, number, percent
from qtui.text import safe, tell_apart, width

SHAPES = {
    "no-clear-peak": ("no clear peak", ""),
    "slime": ("slime", "つぶれ型"),
    "pot": ("pot", "つぼ型"),
    "flask": ("flask", "フラスコ型"),
    "unclassified": ("unclassified", ""),
}
"""Names of the shapes, in English and as the study calls them."""
FLAGS = {
    "empty_strip": "empty",
    "loop": "looping",
    "truncated": "cut off",
    "unfinished_thought": "unfinished thought",
    "latin_new": "new Latin words",
    "lt20_strip": "short",
}

_NORMAL, _WIDE = 100, 130
_LONGEST_VARIANT = 12
_SHAPE, _SHAPE_JAPANESE, _STABILITY = 13, 11, 6


@dataclass(frozen=True, slots=True)
class Story:
    """The rows of results that one violin shows; `pair` is None for a variant without a counterpart."""

    run_id: int
    model: str
    baseline: VariantLengths | None
    candidate: VariantLengths | None
    pair: PairLengths | None

    @property
    def role(self) -> str:
        """The role of the lower half: candidate, control arm or noise floor."""
        return self.candidate.role if self.candidate is not None else "candidate"

    @property
    def experiment(self) -> str:
        """The name of the run's experiment."""
        return next(row.experiment for row in (self.pair, self.baseline, self.candidate) if row is not None)

    @property
    def change(self) -> float | None:
        """Relative change of the median, None if the baseline's median is zero or there is no pair."""
        before, after = _medians(self)
        return None if not before or after is None else after / before - 1


def stories(rows: LengthTable) -> list[Story]:
    """One story per pair, then per variant without a counterpart, in the order of the models in the results."""
    result: list[Story] = []
    done: set[tuple[int, str]] = set()
    for variant in rows.variants:
        key = (variant.run_id, variant.model)
        if key in done:
            continue
        done.add(key)
        pairs = [p for p in rows.pairs if (p.run_id, p.model) == key]
        result += [
            Story(*key, rows.variant(*key, pair.baseline), rows.variant(*key, pair.candidate), pair) for pair in pairs
        ]
        compared = {name for pair in pairs for name in (pair.baseline, pair.candidate)}
        alone = [v for v in rows.variants if (v.run_id, v.model) == key and v.variant not in compared]
        result += [Story(*key, v if v.is_baseline else None, None if v.is_baseline else v, None) for v in alone]
    return result


def label_width(stories: Sequence[Story], cells: int) -> int:
    """Columns that the labels need in a drawing of `cells` columns. The wide form also has the study's Japanese names of shapes."""
    return 1 + _variant_width(stories) + 1 + _SHAPE + (1 + _SHAPE_JAPANESE if cells >= _WIDE else 0) + _STABILITY


def violins(stories: Sequence[Story], densities: Distributions, cells: int) -> list[Violin]:
    """The violin of every story, with safe texts and headings aligned in columns."""
    figures = max((len(number(m)) for s in stories for m in _medians(s)), default=1)
    names = _names(stories, cells)
    name_width = max(map(width, names), default=0)
    variants, wide = _variant_width(stories), cells >= _WIDE
    return [
        Violin(
            _heading(story, fit(name, name_width), figures, cells, densities.part),
            _half(story, story.baseline, _label(story.baseline, "baseline", variants, wide), densities),
            _half(story, story.candidate, _label(story.candidate, "candidate", variants, wide), densities),
        )
        for story, name in zip(stories, names, strict=True)
    ]


def page(
    rows: LengthTable, densities: Distributions, *, cells: int, rows_per_half: int = 2, reverse: bool = True
) -> list[Line]:
    """All violins over one axis, with a legend, for a plain terminal."""
    shown = stories(rows)
    labels = label_width(shown, cells)
    drawn = [
        line
        for violin in violins(shown, densities, cells)
        for line in violin_lines(
            violin, densities.axis, width=cells, label_width=labels, rows=rows_per_half, reverse=reverse
        )
    ]
    return [*drawn, axis(densities.axis, cells, labels), [(legend(densities, cells), "faint")]]


def axis(scale: Axis, cells: int, labels: int) -> Line:
    """The axis below the violins, its unit in the column of the labels."""
    unit: Line = [("characters".rjust(max(0, labels - 1)), "faint")]
    return [*fit_line(unit, labels), *axis_line(scale, columns_for(cells, labels)), (" " * BEYOND_COLUMNS, "text")]


_NOUNS: Mapping[Part, str] = {"answer": "answers", "thinking": "thoughts"}


def legend(densities: Distributions, cells: int) -> str:
    """One line of at most `cells` cells; a wider one explains more."""
    end = densities.axis.end
    if densities.axis.scale != "linear":
        beyond = f" · {SCALE_NAMES[densities.axis.scale]}"
    else:
        beyond = f" · →n: {_NOUNS[densities.part]} above {end:.0f}" if densities.longest > end else ""
    title = "THOUGHTS · " if densities.part == "thinking" else ""
    least = f"{title}above: baseline, below: candidate{beyond}"
    short = f"{title}above: baseline, below: candidate · ┃ median │ quartiles{beyond}"
    for more in (
        " · %: stability of the shape · shape names from the 2024 study, fitted to its labels",
        " · %: stability of the shape",
    ):
        if width(short + more) <= cells - 2:
            return short + more
    return short if width(short) <= cells else least


def shape_name(shape: str | None) -> str:
    return SHAPES.get(shape or "", (shape or NONE, ""))[0]


def flag_texts(baseline: VariantLengths | None, candidate: VariantLengths | None) -> list[str]:
    """`24 → 2 empty`, the largest changes first; flags that no answer has are left out."""
    changes: list[tuple[int, str]] = []
    for name, words in FLAGS.items():
        both = [None if v is None else v.flags.get(name) for v in (baseline, candidate)]
        counts = [c for c in both if c is not None]
        if any(counts):
            changes.append((abs(counts[0] - counts[-1]), f"{' → '.join(map(str, counts))} {words}"))
    return [text for _, text in sorted(changes, key=lambda change: -change[0])]


def _names(stories: Sequence[Story], cells: int) -> list[str]:
    """The name of every violin in a drawing of `cells` columns: the model and what distinguishes it from the other violins."""
    longest, longest_experiment = (40, 16) if cells >= _NORMAL else (34, 12)
    experiments = {safe(story.experiment) for story in stories}
    shown = dict(zip(experiments, tell_apart([*experiments], longest_experiment), strict=True))
    suffixes = [_suffix(story, stories, shown) for story in stories]
    models = [safe(story.model) for story in stories]
    # Names are cut for each room separately, so that a model's name is cut at the same place wherever it has the same room.
    cut_to = {
        room: dict(zip(models, tell_apart(models, room), strict=True))
        for room in {longest - width(suffix) for suffix in suffixes}
    }
    return [cut_to[longest - width(suffix)][model] + suffix for model, suffix in zip(models, suffixes, strict=True)]


def _suffix(story: Story, stories: Sequence[Story], experiments: Mapping[str, str]) -> str:
    """What follows the model's name: the candidate if the model has several, the experiment if several runs have the model."""
    same = [other for other in stories if other.model == story.model]
    pairs = [other for other in same if other.run_id == story.run_id and other.pair is not None]
    candidate = f" {safe(story.pair.candidate)}" if story.pair is not None and len(pairs) > 1 else ""
    several_runs = len({other.run_id for other in same}) > 1
    return candidate + (f" ({experiments[safe(story.experiment)]})" if several_runs else "")


def _heading(story: Story, name: str, figures: int, cells: int, part: Part) -> Line:
    before, after = _medians(story)
    line: list[Segment] = [(f" {name} ", "strong")]
    if story.pair is None:
        alone_median = before if story.baseline else after
        line.append((f"median {number(alone_median):>{figures}}", "text"))
        other = "candidate" if story.baseline else "baseline"
        line.append((f"  no {other}" if part == "answer" else f"  {other} without thoughts", "faint"))
    else:
        line.append(
            (f"median {number(before):>{figures}} → {number(after):<{figures}} {change(story.change):>6}", "text")
        )
    if is_yardstick(story.role) and story.candidate is not None and story.candidate.variant != story.role:
        line.append((f"  {story.role}", "text"))
    found = "" if story.pair is None else behaviour_word(story.pair.behaviour, story.pair.behaviour_reasons)
    if found:
        line.append(("  behaviour changed" if found == "changed" else "  flags changed", "warning"))
    return [*line, (_flags(story, cells - lines_width(line)), "faint")]


def _flags(story: Story, room: int) -> str:
    """As many flags as fit into `room` cells, the largest changes first."""
    shown = ""
    for flag in flag_texts(story.baseline, story.candidate):
        longer = f"{shown} · {flag}" if shown else f"  {flag}"
        if width(longer) > room:
            break
        shown = longer
    return shown


def _medians(story: Story) -> tuple[float | None, float | None]:
    before, after = (None if v is None else v.stripped.median for v in (story.baseline, story.candidate))
    return before, after


def _half(story: Story, row: VariantLengths | None, label: Line, densities: Distributions) -> Half | None:
    drawn = None if row is None else densities.variant(story.run_id, story.model, row.variant)
    return None if drawn is None else Half(label, drawn.density, drawn.quartiles, drawn.beyond)


def _label(row: VariantLengths | None, role: Role, variant_width: int, wide: bool) -> Line:
    if row is None:
        return []
    english, japanese = SHAPES.get(row.shape or "", (row.shape or NONE, ""))
    return [
        (f" {fit(safe(row.variant), variant_width)} ", role),
        (fit(english, _SHAPE), "text"),
        *_only(wide, (f" {fit(japanese, _SHAPE_JAPANESE)}", "faint")),
        (f"{percent(row.shape_stability):>5} ", "faint"),
    ]


def _only(is_shown: bool, segment: Segment) -> Iterable[Segment]:
    return (segment,) if is_shown else ()


def _variant_width(stories: Sequence[Story]) -> int:
    names = [safe(v.variant) for s in stories for v in (s.baseline, s.candidate) if v is not None]
    return min(_LONGEST_VARIANT, max(map(width, names), default=0))
