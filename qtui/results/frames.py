"""Data frames for the analysis, from the store's rows, run by run.

The analysis groups by the column `experiment`. Here it holds the run's id, so that two runs of one experiment are never pooled and
every row can be traced to its run; `Frames.experiments` has the names.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from qtui.analysis.tables import flag_answers
from qtui.errors import UserError
from qtui.figures.lengths import Part
from qtui.records import FIVE_POINTS, UNKNOWN
from qtui.store import Store, answers, file_state, grades, judges, open_store, runs

CONDITION_COLUMNS = (
    "experiment", "model", "variant", "engine", "prompt", "sampling", "task_set", "slots", "computed_as", "asked_bare",
    "thinking", "left_out",
)  # fmt: skip
_FLAGGED_BY = ["experiment", "task", "text", "finish_reason", "thought_unfinished"]
"""The columns of answers that decide the flags."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Columns are those of `answers.COLUMNS`, `answers.TASK_COLUMNS`, `grades.COLUMNS` and `CONDITION_COLUMNS`.

    The column `fingerprint` of grades is renamed to `judge_settings`, its name in the analysis; `lowest` and `highest` are added,
    the bounds of the judge's scale.
    """

    answers: pd.DataFrame
    tasks: pd.DataFrame
    grades: pd.DataFrame
    conditions: pd.DataFrame
    experiments: dict[int, str]
    """Run id → name of its experiment."""


def load(
    store_path: Path,
    run_ids: Sequence[int],
    *,
    with_grades: bool = True,
    with_choices: bool = False,
    part: Part = "answer",
) -> Frames:
    """Read the runs. Raises UserError if the store or a run is missing.

    With `part` "thinking" the texts are the thoughts, of those answers that have some. Answers that are choices by log-likelihood
    were not written by the model: they have no length and no behaviour, and only scorers want them.
    """
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        names = _names(store, run_ids)
        tasks, every = _tasks_and_answers(store, names)
        kept = every if with_choices else every[every["is_choice"] == 0].reset_index(drop=True)
        return Frames(
            answers=_without_own_prompts(_part(kept, part), tasks),
            tasks=tasks,
            grades=_grades(store, names if with_grades else {}),
            conditions=pd.DataFrame(_conditions(store, names), columns=list(CONDITION_COLUMNS)),
            experiments=names,
        )


_read: tuple[tuple[object, ...], tuple[pd.DataFrame, pd.DataFrame]] | None = None


def _tasks_and_answers(store: Store, names: dict[int, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read all tasks and answers of the runs; those that were read last are not read again while the store is as it was.

    Scores, lengths and densities are asked for one after another, and reading is the larger part of the work. Nobody changes
    these frames.
    """
    global _read  # noqa: PLW0603
    state = file_state.of_file(store.path)
    key = state, store.path, tuple(names)
    if state is not None and _read is not None and _read[0] == key:
        return _read[1]
    frames = (
        _frame(store, names, answers.task_rows, answers.TASK_COLUMNS),
        _frame(store, names, answers.rows, answers.COLUMNS),
    )
    _read = (key, frames) if state is not None and state == file_state.of_file(store.path) else None
    return frames


def _grades(store: Store, names: dict[int, str]) -> pd.DataFrame:
    frame = _frame(store, names, grades.rows, grades.COLUMNS).rename(columns={"fingerprint": "judge_settings"})
    scales = judges.scales(store, list(names))
    places = zip(frame["experiment"], frame["judge"], frame["judge_settings"], strict=True)
    bounds = [(scale.lowest, scale.highest) for scale in (scales.get(place, FIVE_POINTS) for place in places)]
    return frame.assign(lowest=[low for low, _ in bounds], highest=[high for _, high in bounds])


def _part(frame: pd.DataFrame, part: Part) -> pd.DataFrame:
    if part == "answer":
        return frame
    thoughts = frame[frame["thinking"] != ""]
    # A thought is cut off where it is unfinished, whatever became of the answer.
    reasons = thoughts["thought_unfinished"].map(lambda is_unfinished: "length" if is_unfinished else "stop")
    return thoughts.assign(text=thoughts["thinking"], finish_reason=reasons).reset_index(drop=True)


def _without_own_prompts(frame: pd.DataFrame, tasks: pd.DataFrame) -> pd.DataFrame:
    """The answers with the tokens of their prompts only where both sides of a pair get the same prompt.

    The prompt of a later turn has the variant's own answers in it, so its tokens say nothing about how the sides were asked.
    """
    later = tasks[tasks["follows"].notna()]
    if later.empty:
        return frame
    places = set(zip(later["experiment"], later["task"], strict=True))
    is_later = np.array([place in places for place in zip(frame["experiment"], frame["task"], strict=True)], dtype=bool)
    return frame.assign(
        prompt_tokens=frame["prompt_tokens"].where(~is_later),
        prompt_ids_hash=frame["prompt_ids_hash"].where(~is_later, ""),
    )


_latest: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame] | None = None


def flags(frames: Frames) -> pd.DataFrame:
    """`flag_answers` of the frames, cached for one set of answers: scores, lengths and models are often read one after another.

    The cache compares the answers themselves, so it cannot be out of date.
    """
    global _latest  # noqa: PLW0603
    key = frames.answers[_FLAGGED_BY], frames.tasks
    if _latest is None or not (_latest[0].equals(key[0]) and _latest[1].equals(key[1])):
        _latest = (*key, flag_answers(frames.answers, frames.tasks))
    return _latest[2]


def _names(store: Store, run_ids: Sequence[int]) -> dict[int, str]:
    names = runs.experiments(store, run_ids)
    for run_id in run_ids:
        if run_id not in names:
            raise UserError(f"{store.path}: has no run {run_id}. `qtui runs` lists the runs.")
    return {run_id: names[run_id] for run_id in run_ids}


def _frame(store: Store, run_ids: dict[int, str], read: Any, columns: Sequence[str]) -> pd.DataFrame:
    """The rows that `read` returns for the runs, with the run's id as the first column."""
    rows = [(run_id, *tuple(row)[1:]) for run_id in run_ids for row in read(store, [run_id])]
    return pd.DataFrame(rows, columns=list(columns))


def _conditions(store: Store, run_ids: dict[int, str]) -> list[tuple[Any, ...]]:
    """Rows of `CONDITION_COLUMNS`."""
    rows: list[tuple[Any, ...]] = []
    for run_id in run_ids:
        for row in runs.conditions(store, [run_id]):
            conditions = json.loads(row["conditions"])
            texts = (_text(conditions.get(name, UNKNOWN)) for name in ("prompt", "sampling", "task_set"))
            facts = json.loads(row["facts"])
            known = (_text(facts.get(name, UNKNOWN)) for name in ("slots_asked", "computed_as", "asked_bare"))
            thinking = _text(conditions.get("thinking", ""))
            left_out = ",".join(answers.left_out_names(row["left_out"]))
            rows.append((run_id, row["model"], row["variant"], row["engine"], *texts, *known, thinking, left_out))
    return rows


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
