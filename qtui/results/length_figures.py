"""Figures on the lengths of answers, for panes and commands.

The curves drawn beside them are in `length_densities`, because they depend on the axis.
"""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from qtui.figures.lengths import LengthTable, Part
from qtui.figures.rounding import rounded
from qtui.format import count
from qtui.store import answers, open_store


def length_rows(store_path: Path, run_ids: tuple[int, ...], part: Part = "answer") -> LengthTable:
    """Every variant and every pair of the runs; with `part` "thinking" those that have thoughts."""
    from qtui.analysis.tables import length_table
    from qtui.results.frames import flags, load

    frames = load(store_path, run_ids, with_grades=False, part=part)
    table = length_table(frames.answers, frames.tasks, flags=flags(frames), experiments=frames.experiments)
    with closing(open_store(store_path, create=False, must_write=False)) as store:
        choices = answers.count_choices(store, run_ids)
    note = f"{count(choices, 'answer')} chosen by log-likelihood: nothing was written, so without a length"
    return rounded(replace(table, notes=(*table.notes, note)) if choices else table)
