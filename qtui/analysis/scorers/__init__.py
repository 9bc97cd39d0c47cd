"""Analysis of scores from 0 to 1: differences, verdicts, flips and recovery of a candidate under a scorer."""
