"""The tables of lengths and of scores, for the rest of the program.

The functions take frames with the columns that they name and return records of `qtui.figures`, unrounded. `flag_answers` is the
most expensive step: callers that need several tables of the same answers compute it once and pass the result.
"""

from qtui.analysis.flags import flag_answers
from qtui.analysis.length_table import length_table
from qtui.analysis.score_table import score_table

__all__ = [
    "flag_answers",
    "length_table",
    "score_table",
]
