"""Scores by task set or by category: the table of scores of each group, with one family of tests over all groups.

A suite is asked to find where a candidate loses. Each group and pair is a claim of its own, so the claims of one run under one
judge are adjusted together (Holm); without that, some category of fifty would always seem to lose.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from qtui.analysis.corrections import holm
from qtui.analysis.score_table import score_table
from qtui.figures.score_groups import GroupRow, GroupTable
from qtui.figures.scores import MARGIN, ScoreRow
from qtui.format import p_in_sentence

COLUMNS = {"set": "subset", "category": "category"}
"""What tasks are grouped by → the column of tasks. A category of two sets is two groups."""
SIGNIFICANT = 0.05


def score_groups(
    answers: pd.DataFrame,
    tasks: pd.DataFrame,
    grades: pd.DataFrame,
    conditions: pd.DataFrame,
    *,
    by: str,
    margin: float = MARGIN,
    flags: pd.DataFrame,
    experiments: Mapping[Any, str],
) -> GroupTable:
    """Return a row per pair, judge and group, unrounded. The frames are those of `score_table`; `tasks` also has the groups."""
    group_of = _groups(tasks, by)
    names = list(dict.fromkeys(group_of.values()))
    rows: list[tuple[str, ScoreRow]] = []
    for name in names:
        own_answers = _part(answers, group_of, name)
        table = score_table(
            own_answers.reset_index(drop=True),
            _part(tasks, group_of, name),
            _part(grades, group_of, name),
            conditions,
            margin=margin,
            flags=flags.loc[own_answers.index].reset_index(drop=True),
            experiments=experiments,
        )
        rows += [(name, row) for row in table.pairs]
    adjusted = _adjusted(rows)
    adjusted.sort(key=lambda row: (row.run_id, row.judge or "", row.model, row.candidate))
    return GroupTable(by, tuple(adjusted), margin, _notes(adjusted, by))


def _groups(tasks: pd.DataFrame, by: str) -> dict[tuple[Any, Any], str]:
    """(experiment, task) → name of its group, in the order of the tasks."""
    texts = tasks[COLUMNS[by]].fillna("")
    if by == "category" and tasks["subset"].nunique() > 1:
        joined = zip(tasks["subset"].fillna(""), texts, strict=True)
        texts = pd.Series([": ".join(filter(None, pair)) for pair in joined], index=tasks.index)
    return dict(zip(zip(tasks["experiment"], tasks["task"], strict=True), texts, strict=True))


def _part(frame: pd.DataFrame, group_of: Mapping[tuple[Any, Any], str], name: str) -> pd.DataFrame:
    places = zip(frame["experiment"], frame["task"], strict=True)
    # Not a list: an empty one would choose no columns.
    return frame[np.array([group_of.get(place) == name for place in places], dtype=np.bool_)]


def _adjusted(rows: list[tuple[str, ScoreRow]]) -> list[GroupRow]:
    families: dict[tuple[Any, str | None], list[int]] = {}
    for i, (_, row) in enumerate(rows):
        if row.claim_p is not None:
            families.setdefault((row.run_id, row.judge), []).append(i)
    found = [_row(name, row) for name, row in rows]
    for family in families.values():
        for i, p in zip(family, holm([rows[i][1].claim_p for i in family]), strict=True):
            name, row = rows[i]
            found[i] = _row(name, row, p, len(family))
    return found


def _row(name: str, row: ScoreRow, p: float | None = None, comparisons: int = 1) -> GroupRow:
    text = row.verdict_text.partition("; not significant after Holm")[0]
    if p is not None and p > SIGNIFICANT and row.verdict != "inconclusive":
        text += f"; not significant after Holm adjustment over {comparisons} comparisons ({p_in_sentence(p)})"
    return GroupRow(
        run_id=row.run_id,
        experiment=row.experiment,
        model=row.model,
        baseline=row.baseline,
        candidate=row.candidate,
        role=row.role,
        judge=row.judge,
        group=name,
        n=row.n,
        baseline_mean=row.baseline_mean,
        candidate_mean=row.candidate_mean,
        difference=row.difference,
        interval90=row.interval90,
        verdict=row.verdict,
        verdict_text=text,
        claim_p=row.claim_p,
        claim_p_holm=p,
        comparisons=comparisons,
    )


def _notes(rows: list[GroupRow], by: str) -> tuple[str, ...]:
    most = max((row.comparisons for row in rows), default=1)
    word = "task set" if by == "set" else "category"
    notes = [
        f"one row per pair and {word}; intervals are 90 %, per comparison; each verdict is a one-sided claim at 5 %"
    ]
    if most > 1:
        notes.append(
            f"family of tests: all pairs and groups of one run under one judge, up to {most} here, Holm-adjusted together"
            " (claim_p_holm)"
        )
    return tuple(notes)
