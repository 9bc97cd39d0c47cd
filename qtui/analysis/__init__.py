"""The numbers: pure functions from arrays and frames to frozen results.

Nothing here reads a file, a store or a clock, and nothing here draws, so that the panes, the command line and the exports
show the same figures, and a test needs no more than an array. `tables` has the two functions that the rest of the program
calls; the other modules each hold one subject with its formula and source.

What cannot be computed (one task, no variance, nothing graded) is None, never NaN and never a warning.
"""
