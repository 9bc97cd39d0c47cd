"""Variants and pairs from the frame of all answers: which variants are compared, over which tasks.

Within one experiment and model the variant marked as baseline is compared with every other, in the order of the experiment. A pair
covers every (task, sample) that both sides answered; several samples of a task are one cluster and count as one task (Miller 2024,
arXiv 2411.00640, section 2.2): `Pair.by_task` averages them. The turns of a conversation are tasks of one unit (see `units`):
`Pair.units` says which, so that every later interval and test works on independent units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qtui.analysis.flags import COLUMNS
from qtui.analysis.units import means, units_of_tasks

Floats = npt.NDArray[np.float64]

_VARIANT = ["experiment", "model", "variant"]
_MEASURES = ["length_raw", "length", *COLUMNS]


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """One variant's answers: a frame with task, sample, text and the columns of `flag_answers`, each (task, sample) once."""

    experiment: Any
    model: str
    name: str
    is_baseline: bool
    role: str
    """One of `records.Role`."""
    answers: pd.DataFrame

    @property
    def key(self) -> tuple[Any, str, str]:
        return self.experiment, self.model, self.name

    def column(self, name: str) -> Floats:
        """Return one value per answer, as float64."""
        return self.answers[name].to_numpy(dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Baseline and candidate joined on (task, sample), sorted by them; columns end in `_b` (baseline) and `_c` (candidate)."""

    baseline: Variant
    candidate: Variant
    answers: pd.DataFrame
    tasks: npt.NDArray[Any] = field(init=False)
    """The tasks that both sides answered, ascending, shape (tasks,)."""
    units: npt.NDArray[Any] | None = field(init=False)
    """The unit of each task, shape (tasks,); None if every task is a unit of its own."""
    _cluster: npt.NDArray[np.intp] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tasks, first, cluster = np.unique(self.answers["task"].to_numpy(), return_index=True, return_inverse=True)
        object.__setattr__(self, "tasks", tasks)
        units = self.answers["unit"].to_numpy()[first]
        object.__setattr__(self, "units", None if np.array_equal(units, tasks) else units)
        object.__setattr__(self, "_cluster", cluster)

    @property
    def unit_count(self) -> int:
        """Return the number of independent units."""
        return int((self.tasks if self.units is None else np.unique(self.units)).size)

    @property
    def experiment(self) -> Any:
        return self.baseline.experiment

    @property
    def model(self) -> str:
        return self.baseline.model

    def by_task(self, column: str) -> tuple[Floats, Floats]:
        """Return means over samples of a column, (tasks,) for baseline and for candidate; samples have equal weight."""
        return self._means(self.answers[f"{column}_b"]), self._means(self.answers[f"{column}_c"])

    def by_unit(self, column: str) -> tuple[Floats, Floats]:
        """Return means over the tasks of a unit, (units,) for baseline and for candidate: the same as `by_task` without turns."""
        baseline, candidate = self.by_task(column)
        return means(baseline, self.units), means(candidate, self.units)

    def _means(self, values: "pd.Series[Any]") -> Floats:
        total = np.bincount(self._cluster, weights=values.to_numpy(dtype=np.float64), minlength=self.tasks.size)
        return np.asarray(total / np.bincount(self._cluster, minlength=self.tasks.size), dtype=np.float64)


def variants(answers: pd.DataFrame, flags: pd.DataFrame, tasks: pd.DataFrame) -> list[Variant]:
    """Return the variants by experiment, model and position. Of several answers to a (task, sample) the last one is used.

    `tasks` says which tasks are turns of one conversation, by its column `follows`.
    """
    if answers.empty:
        return []
    columns = [
        *_VARIANT,
        "is_baseline",
        "role",
        "position",
        "task",
        "sample",
        "text",
        "prompt_tokens",
        "prompt_ids_hash",
    ]
    thinking = {
        "has_thoughts": answers["has_thoughts"].astype(bool) if "has_thoughts" in answers else False,
        "thinking_tokens": answers.get("thinking_tokens"),
    }
    frame = pd.concat([answers[columns].assign(**thinking, unit=_units(answers, tasks)), flags[_MEASURES]], axis=1)
    frame = frame.drop_duplicates([*_VARIANT, "task", "sample"], keep="last")
    groups: dict[tuple[Any, str], list[tuple[float, Variant]]] = {}
    for (experiment, model, name), rows in frame.groupby(_VARIANT, sort=False):
        variant = Variant(
            # A Python number, so that a record with it can be read without numpy.
            experiment.item() if isinstance(experiment, np.generic) else experiment,
            str(model),
            str(name),
            bool(rows["is_baseline"].any()),
            str(rows["role"].iloc[0]),
            rows.drop(columns=[*_VARIANT, "is_baseline", "role", "position"]).sort_values(
                ["task", "sample"], kind="stable"
            ),
        )
        groups.setdefault((experiment, str(model)), []).append((float(rows["position"].min()), variant))
    return [variant for group in groups.values() for _, variant in sorted(group, key=lambda item: item[0])]


def _units(answers: pd.DataFrame, tasks: pd.DataFrame) -> "pd.Series[Any]":
    begins = units_of_tasks(tasks)
    if not begins:
        return answers["task"]
    places = zip(answers["experiment"], answers["task"], strict=True)
    return pd.Series([begins.get(place, place[1]) for place in places], index=answers.index)


def pairs(all_variants: list[Variant]) -> Iterator[Pair]:
    """Yield every candidate with the baseline of its model and experiment; a model without a baseline has no pair."""
    groups: dict[tuple[Any, str], list[Variant]] = {}
    for variant in all_variants:
        groups.setdefault((variant.experiment, variant.model), []).append(variant)
    for group in groups.values():
        baseline = next((variant for variant in group if variant.is_baseline), None)
        for candidate in group:
            if baseline is not None and candidate is not baseline:
                yield Pair(baseline, candidate, _join(baseline.answers, candidate.answers))


def _join(baseline: pd.DataFrame, candidate: pd.DataFrame) -> pd.DataFrame:
    # Both sides are sorted and mostly have the same tasks: then concatenating the columns is the join.
    keys = ["unit", "task", "sample"]
    if len(baseline) == len(candidate) and all(
        np.array_equal(baseline[key].to_numpy(), candidate[key].to_numpy()) for key in keys
    ):
        left = baseline.reset_index(drop=True)
        right = candidate.drop(columns=keys).reset_index(drop=True)
        values = left.drop(columns=keys).add_suffix("_b")
        return pd.concat([left[keys], values, right.add_suffix("_c")], axis=1)
    return baseline.merge(candidate, on=keys, suffixes=("_b", "_c")).sort_values(["task", "sample"], ignore_index=True)
