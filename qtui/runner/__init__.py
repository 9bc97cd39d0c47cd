"""The process that fills the store: `python -m qtui.runner`, started by `start` in a session of its own.

The runner reads the experiment from the store. It holds the run's lease, starts one worker process per variant, writes every
answer and grade as soon as it arrives, and polls the store for the user's requests (cancel, pause).
"""

LEASE_IS_HELD = 75
"""Exit status of a runner that found the run's lease held by another runner (EX_TEMPFAIL of sysexits.h)."""
