"""The statistics: pure functions from arrays and frames to frozen records.

Nothing here reads a store or a clock or draws, so that panes, command line and exports show the same figures, and a test needs only
an array. `tables` has the functions that the rest of the program calls for tables; each other module holds one subject with its
formula and source.

A figure that cannot be computed (one task, no variance, no grades) is None, never NaN and never a warning.
"""
