"""The list beside the plot of length against score: a numbered line per model, then sentences on the correlation."""

from collections import Counter
from collections.abc import Mapping, Sequence

from qtui.charts.lines import Line, fit
from qtui.figures.over_models import ModelPoint, OverModels
from qtui.format import change, signed
from qtui.text import safe, tell_apart, wrap

NO_SCORES = "No pair in view has grades for both variants, so there is no score to plot against length."
_NUMBER, _FIGURE = 3, 8


def over_models_lines(figures: OverModels, experiments: Mapping[int, str], width: int) -> list[Line]:
    """Lines of at most `width` cells. `experiments` (run id → name) are shown where several runs have a model."""
    room = max(0, width - _NUMBER - 2 * _FIGURE)
    names = tell_apart(_names(figures.points, experiments), room)
    lines: list[Line] = [[(fit("", _NUMBER), "text"), (fit("model", room) + "  length   score", "faint")]]
    named_points = zip(names, figures.points, strict=True)
    lines += [_point_line(i, name, point, room) for i, (name, point) in enumerate(named_points, start=1)]
    lines.append([])
    for sentence in (*([] if figures.scores_by else [NO_SCORES]), *reversed(figures.sentences)):
        lines += [[(text, "text")] for text in wrap(safe(sentence), width)]
        lines.append([])
    return lines


def _names(points: Sequence[ModelPoint], experiments: Mapping[int, str]) -> list[str]:
    in_runs = Counter(point.model for point in points)
    several_candidates = len({point.candidate for point in points}) > 1
    return [
        safe(
            point.model
            + (f" {point.candidate}" if several_candidates else "")
            + (f" ({experiments.get(point.run_id, point.run_id)})" if in_runs[point.model] > 1 else "")
        )
        for point in points
    ]


def _point_line(i: int, name: str, point: ModelPoint, room: int) -> Line:
    return [
        (f"{i:>2} ", "candidate"),
        (fit(name, room), "text"),
        (f"{change(point.length_change):>{_FIGURE}}{signed(point.score_change):>{_FIGURE}}", "text"),
    ]
