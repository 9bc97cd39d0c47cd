"""The process that fills the store: `python -m qtui.runner`, started by `start` in a session of its own.

It plans nothing: the store has the experiment. It holds the run's lease, starts one worker process per variant, writes every
answer and grade as it comes, and looks in the store for what the user asks of it (cancel, pause).
"""

LEASE_IS_HELD = 75
"""Exit status of a runner that another runner of the same run was faster than (EX_TEMPFAIL of sysexits.h)."""
