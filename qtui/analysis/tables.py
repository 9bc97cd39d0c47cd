"""What the rest of the program asks of the analysis: the table of lengths and the table of scores.

Frames in, by the columns that each function names; records of `qtui.figures` out, unrounded. `flag_answers` costs most:
whoever wants several tables of the same answers computes it once and hands it on.
"""

from qtui.analysis.flags import flag_answers
from qtui.analysis.length_table import length_table
from qtui.analysis.score_table import score_table

__all__ = [
    "flag_answers",
    "length_table",
    "score_table",
]
