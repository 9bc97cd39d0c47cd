"""Length distributions of variants, sampled along an axis of the screen, for violins and histograms.

The figures of `length_figures` do not depend on the axis, these densities do: on the square-root axis the kernel density estimate
is made of square roots of lengths, on the logarithmic one of logarithms, so that the curve is the density of what the axis shows.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtui.figures.axis import Axis, Scale
from qtui.figures.length_densities import POINTS, Distribution, Distributions, LengthsByTask
from qtui.figures.lengths import Part

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SHOWN = 0.975
"""Least share of all answers that lie on the linear axis; the longest ones may lie beyond it."""
_STEP = 100


def distributions(store_path: Path, run_ids: tuple[int, ...], scale: Scale, part: Part = "answer") -> Distributions:
    """Every variant of the runs on one axis: the linear axis shows at least `SHOWN` of all answers, the others show all."""
    import numpy as np

    lengths = _lengths(store_path, run_ids, part)
    all_lengths = np.concatenate([np.zeros(0), *lengths.values()])
    longest = int(all_lengths.max()) if all_lengths.size else 0
    axis = Axis(axis_end(all_lengths, scale), scale)
    drawn = tuple(_distribution(key, values, axis) for key, values in lengths.items())
    return Distributions(axis, longest, drawn, part)


def paired_lengths(  # noqa: PLR0917 - the figures process passes arguments by position
    store_path: Path, run_id: int, model: str, baseline: str, candidate: str, part: Part = "answer"
) -> LengthsByTask:
    """The lengths of the answers that both variants of a pair have."""
    sides: dict[str, dict[tuple[int, int], int]] = {baseline: {}, candidate: {}}
    for answer in _answers(store_path, (run_id,), part):
        if answer["model"] == model and answer["variant"] in sides:
            sides[answer["variant"]][answer["task"], answer["sample"]] = len(answer["text"].strip())
    both = sorted(sides[baseline].keys() & sides[candidate].keys())
    return LengthsByTask(
        tuple(task for task, _ in both),
        tuple(sides[baseline][place] for place in both),
        tuple(sides[candidate][place] for place in both),
    )


_Key = tuple[int, str, str, bool]


def _lengths(store_path: Path, run_ids: tuple[int, ...], part: Part) -> "dict[_Key, npt.NDArray[np.float64]]":
    import numpy as np

    from qtui.results.frames import load

    frame = load(store_path, run_ids, with_grades=False, part=part).answers
    lengths: dict[_Key, list[int]] = {}
    columns = (frame[name].tolist() for name in ("experiment", "model", "variant", "is_baseline", "text"))
    for run_id, model, variant, is_baseline, text in zip(*columns, strict=True):
        lengths.setdefault((run_id, model, variant, bool(is_baseline)), []).append(len(text.strip()))
    return {key: np.asarray(values, dtype=np.float64) for key, values in lengths.items()}


def _answers(store_path: Path, run_ids: tuple[int, ...], part: Part) -> Iterator[dict[str, Any]]:
    """The rows of `answers.rows` as dictionaries, with the id of their run. `text` is that of the part."""
    from qtui.store import answers, open_store

    with closing(open_store(store_path, create=False, must_write=False)) as store:
        for run_id in run_ids:
            for row in answers.rows(store, [run_id]):
                answer = {"run_id": run_id, **dict(zip(answers.COLUMNS, row, strict=True))}
                if answer["is_choice"]:
                    continue  # nothing was written
                if part == "answer":
                    yield answer
                elif answer["thinking"]:
                    yield answer | {"text": answer["thinking"]}


def axis_end(lengths: "npt.NDArray[np.float64]", scale: Scale) -> float:
    """Return where an axis of these lengths ends: a round number on the linear axis, the longest on the others."""
    import numpy as np

    longest = lengths.max() if lengths.size else 0.0
    if scale != "linear" or not lengths.size:
        return max(1.0, float(longest))
    shown = float(np.quantile(lengths, SHOWN))
    step = _STEP if shown > _STEP else 10
    return min(max(1.0, float(longest)), max(step, float(np.ceil(shown / step) * step)))


def density_along(lengths: "npt.NDArray[np.float64]", axis: Axis) -> tuple[float, ...]:
    """Return the density of the lengths at POINTS equal steps along the axis, per unit of what the axis shows."""
    import numpy as np

    from qtui.analysis import violin

    along = np.linspace(0.0, 1.0, POINTS)
    if axis.scale == "root":
        density = violin.density(np.sqrt(lengths), along * np.sqrt(axis.end)).values
    elif axis.scale == "log":
        density = violin.density(np.log1p(lengths), along * np.log1p(axis.end)).values
    else:
        density = violin.density(lengths, along * axis.end).values
    return tuple(float(value) for value in density)


def _distribution(key: _Key, lengths: "npt.NDArray[np.float64]", axis: Axis) -> Distribution:
    run_id, model, variant, is_baseline = key
    return Distribution(
        run_id=run_id,
        model=model,
        variant=variant,
        is_baseline=is_baseline,
        n=int(lengths.size),
        quartiles=_quartiles(lengths) if lengths.size else None,
        density=density_along(lengths, axis),
        beyond=int((lengths > axis.end).sum()),
    )


def _quartiles(lengths: "npt.NDArray[np.float64]") -> tuple[float, float, float]:
    import numpy as np

    lower, median, upper = np.quantile(lengths, (0.25, 0.5, 0.75))
    return float(lower), float(median), float(upper)
