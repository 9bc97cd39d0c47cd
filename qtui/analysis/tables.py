"""What the rest of the program asks of the analysis: the table of lengths and the table of scores.

Frames in, by the columns that each function names; frozen results out, each with `to_json`. `flag_answers` costs most:
whoever wants several tables of the same answers computes it once and hands it on.
"""

from qtui.analysis.flags import flag_answers
from qtui.analysis.length_table import LengthTable, PairLengths, VariantLengths, length_table
from qtui.analysis.score_row import ScoreRow
from qtui.analysis.score_table import ScoreTable, score_table

__all__ = [
    "LengthTable",
    "PairLengths",
    "ScoreRow",
    "ScoreTable",
    "VariantLengths",
    "flag_answers",
    "length_table",
    "score_table",
]
