"""What the plots of one pair's lengths show: bars, densities and cumulative shares, in characters or tokens."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.figures.axis import Axis, Scale
from qtui.figures.length_densities import POINTS, LengthsByTask
from qtui.figures.length_plots import BARS, PlottedPair, PlottedSide, Unit
from qtui.figures.lengths import Part
from qtui.results.answers import PairName
from qtui.results.length_densities import axis_end, density_along, paired_lengths

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


def plotted_pair(store_path: Path, pair: PairName, part: Part, unit: Unit, scale: Scale) -> PlottedPair:
    """Return the lengths of the answers (or thoughts) that both variants of a pair have, on an axis for this pair alone.

    On the axis of all models, short answers would fill only its first columns.
    """
    import numpy as np

    if unit == "tokens":
        both, unknown = _paired_tokens(store_path, pair, part)
    else:
        both = paired_lengths(store_path, pair.run_id, pair.model, pair.baseline, pair.candidate, part)
        unknown = 0
    baseline, candidate = (np.asarray(values, dtype=np.float64) for values in (both.baseline, both.candidate))
    axis = Axis(axis_end(np.concatenate([baseline, candidate]), scale), scale)
    return PlottedPair(
        axis=axis,
        part=part,
        unit=unit,
        tasks=both.tasks,
        baseline=_side(both.baseline, baseline, axis),
        candidate=_side(both.candidate, candidate, axis),
        unknown=unknown,
    )


def _side(values: tuple[int, ...], lengths: "npt.NDArray[np.float64]", axis: Axis) -> PlottedSide:
    import numpy as np

    bars = [0] * BARS
    for value in values:
        bar = axis.column(value, BARS)
        if bar is not None:
            bars[bar] += 1
    # Rounded to the millionth of a character: a length must not miss the point of the axis that is its own.
    along = [round(axis.characters(i / (POINTS - 1)), 6) for i in range(POINTS)]
    shares = np.searchsorted(np.sort(lengths), along, side="right") / max(1, lengths.size)
    return PlottedSide(
        lengths=values,
        bars=tuple(bars),
        density=density_along(lengths, axis),
        cumulative=tuple(float(share) for share in shares),
        beyond=int((lengths > axis.end).sum()),
    )


def _paired_tokens(store_path: Path, pair: PairName, part: Part) -> tuple[LengthsByTask, int]:
    """Return numbers of tokens instead of characters, and how many tasks and samples are left out because a number is unknown."""
    from qtui.store import answers, open_store

    sides: dict[str, dict[tuple[int, int], int | None]] = {pair.baseline: {}, pair.candidate: {}}
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        for row in answers.rows(store, [pair.run_id]):
            answer = dict(zip(answers.COLUMNS, row, strict=True))
            if answer["model"] != pair.model or answer["variant"] not in sides or answer["is_choice"]:
                continue
            if part == "thinking" and not answer["has_thoughts"]:
                continue
            sides[answer["variant"]][answer["task"], answer["sample"]] = _tokens(answer, part)
    baseline, candidate = sides[pair.baseline], sides[pair.candidate]
    both = sorted(baseline.keys() & candidate.keys())
    known = [
        (place[0], before, after)
        for place in both
        if (before := baseline[place]) is not None and (after := candidate[place]) is not None
    ]
    lengths = LengthsByTask(
        tuple(task for task, _, _ in known),
        tuple(before for _, before, _ in known),
        tuple(after for _, _, after in known),
    )
    return lengths, len(both) - len(known)


def _tokens(answer: dict[str, Any], part: Part) -> int | None:
    """Return the tokens of an answer without its thoughts, or of these; None if unknown.

    Engines and endpoints count thoughts among the tokens of a completion.
    """
    thinking: int | None = answer["thinking_tokens"]
    if part == "thinking":
        return thinking
    if answer["completion_tokens"] is None or (thinking is None and answer["has_thoughts"]):
        return None
    return max(0, int(answer["completion_tokens"]) - (thinking or 0))
